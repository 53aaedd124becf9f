"""What happens to schoolgate.toml: a mistake in it, or a file that was cut short, costs neither DNS nor a setting."""

from __future__ import annotations

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import School
from tests.failures.upstream import Upstream

ZONE = "inside.example"


@pytest.fixture
def here(school: MakeSchool, upstream: Upstream) -> School:
    """A server with a forward zone at the end of its file, and no other forwarder that answers."""
    zone = f'[[forward_zones]]\nzone = "{ZONE}"\nservers = [{upstream.quoted}]\n'
    one = school(forwarders='"127.0.0.1:1"', is_started=False)
    one.settings_text += zone
    one.config.write_text(one.settings_text, encoding="utf-8")
    one.start()
    assert asks_inside(one)
    return one


def asks_inside(here: School) -> bool:
    """Whether the forward zone is asked: a name of it that was not asked before has an answer."""
    names = getattr(here, "names", 0) + 1
    vars(here)["names"] = names
    return here.rcode(f"host-{names}.{ZONE}") == "NOERROR"


def problems(here: School) -> list[str]:
    """What `status` says of the settings file."""
    return [one for one in here.status()["problems"] if str(here.config) in one or "settings" in one]


def cut(here: School) -> None:
    """Leaves the file as it was up to its last section."""
    text = here.settings_text
    here.config.write_text(text[: text.index("[[forward_zones]]")], encoding="utf-8")


def test_a_file_that_was_cut_short_needs_a_word_at_a_reload(here: School) -> None:
    cut(here)
    refused = here.cli("reload")
    assert refused.returncode == 1
    assert f"no longer says [[forward_zones]] ({ZONE})" in refused.stderr
    assert "schoolgate reload --accept" in refused.stderr
    assert asks_inside(here)
    assert any(ZONE in problem for problem in here.status()["problems"])
    accepted = here.cli("reload", "--accept")
    assert accepted.returncode == 0, accepted.stderr
    assert not asks_inside(here)
    here.stop()
    here.start()
    assert problems(here) == []
    assert not asks_inside(here)


@pytest.mark.parametrize("length", ["nothing", "half", "all but the last section"])
def test_a_file_that_was_cut_short_does_not_count_at_a_start(here: School, length: str) -> None:
    here.stop()
    if length == "all but the last section":
        cut(here)
    else:
        kept = len(here.settings_text) // 2 if length == "half" else 0
        here.config.write_text(here.settings_text[:kept], encoding="utf-8")
    here.start(SCHOOLGATE_STATE_DIR=str(here.state))
    assert asks_inside(here)
    assert here.filters()
    assert any("settings applied on" in problem for problem in problems(here))
    assert "settings_not_usable" in here.said()
    here.config.write_text(here.settings_text, encoding="utf-8")
    assert here.cli("reload").returncode == 0
    assert problems(here) == []


@pytest.mark.parametrize("mistake", ["[forwarders", "[forwarderz]", '[local]\nrecords = "no record"', None])
def test_with_a_mistake_in_its_file_it_starts_with_the_settings_of_last_time(here: School, mistake: str | None) -> None:
    here.stop()
    if mistake is None:
        here.config.unlink()
    else:
        here.config.write_text(f"{here.settings_text}\n{mistake}\n", encoding="utf-8")
    here.start(SCHOOLGATE_STATE_DIR=str(here.state))
    assert asks_inside(here)
    assert here.filters()
    assert any("settings applied on" in problem for problem in problems(here))
    shown = here.cli("status", SCHOOLGATE_STATE_DIR=str(here.state))
    assert (shown.returncode, "settings applied on" in shown.stderr) == (0, True)
