"""A second instance refuses to start, says who is there, and does the first no harm."""

from __future__ import annotations

import pytest
from tests.integration.conftest import Start
from tests.integration.serving import STOPPED_WITHIN_S, Serving


@pytest.fixture
def first(start: Start) -> Serving:
    return start()


def refused(other: Serving) -> str:
    process = other.launch()
    assert process.wait(STOPPED_WITHIN_S) == 1
    return other.said()


def test_the_same_state_directory_is_refused_and_the_first_goes_on(first: Serving) -> None:
    before = first.control("status")["pid"]
    said = refused(first)
    assert f"schoolgate already runs with {first.state}" in said
    assert f"process {before}" in said
    assert first.control("status")["pid"] == before
    assert first.rcode("gambling.blocked.example.com") == "NXDOMAIN"


def test_the_same_address_is_refused_and_the_first_goes_on(first: Serving, start: Start) -> None:
    second = start(is_started=False)
    text = second.config.read_text(encoding="utf-8")
    second.config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{first.port}"), encoding="utf-8")
    assert f"127.0.0.1:{first.port} is in use" in refused(second)
    # With SO_REUSEPORT a second socket would silently take a share of the questions.
    assert {first.rcode("www.example.org") for _ in range(30)} == {"NOERROR"}


def test_the_same_control_socket_is_refused_and_the_first_goes_on(first: Serving, start: Start) -> None:
    second = start(is_started=False)
    text = second.config.read_text(encoding="utf-8")
    socket = f'control_socket = "{first.state / "control.sock"}"\n'
    second.config.write_text(text.replace("workers = 1\n", "workers = 1\n" + socket), encoding="utf-8")
    assert "another schoolgate answers there" in refused(second)
    assert first.control("status")["state_dir"] == str(first.state)


def test_a_file_in_the_place_of_the_control_socket_is_left_alone(start: Start) -> None:
    school = start(is_started=False)
    school.state.mkdir()
    precious = school.state / "control.sock"
    precious.write_text("precious", encoding="utf-8")
    assert "is not a socket" in refused(school)
    assert precious.read_text(encoding="utf-8") == "precious"
