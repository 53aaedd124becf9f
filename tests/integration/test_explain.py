"""`explain` says what a device gets, live and from the files, and the device gets just that."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import GUEST, PUPIL, STAFF, Serving

NAMES = (
    "www.example.org",
    "gambling.blocked.example.com",
    "pornography.blocked.example.com",
    "help-lines.allowed.example.com",
    "platform.allowed.example.com",
    "circumvention-vpn.blocked.example.com",
    "use-application-dns.net",
    "localhost",
    "www.google.com",
    "www-gambling-blocked-example-com.translate.goog",
    "en-wikipedia-org.translate.goog",
)


# What the command adds to what decided.
ADDED = ("name", "type", "client", "asked", "decided_by", "lines", "verdict", "followed")


def explained(server: Serving, name: str, client: str, *more: str) -> dict[str, Any]:
    run = server.cli("explain", name, "--client", client, "--json", *more)
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = orjson.loads(run.stdout)
    return told


@pytest.mark.parametrize("client", [PUPIL, STAFF, GUEST])
def test_the_files_say_what_the_running_service_says_and_the_device_gets_it(server: Serving, client: str) -> None:
    for name in NAMES:
        arguments = {"name": name, "type": 1, "client": client, "local": "127.0.0.1", "local_port": server.port}
        live = server.control("explain", **arguments)
        denied = live["decision"]["effect"] == "deny"
        assert (server.rcode(name, source=client) == "NXDOMAIN") == (denied or name == "use-application-dns.net"), name
        assert offline(server, name, client) == live, name


def offline(server: Serving, name: str, client: str) -> dict[str, Any]:
    """As another process decides it, with nothing but the files: `--at` never asks the service."""
    told = explained(server, name, client, "--at", "2026-11-24T10:00:00+00:00", "--asked", f"127.0.0.1:{server.port}")
    return {key: value for key, value in told.items() if key not in ADDED}


def test_the_running_service_is_asked_when_there_is_one(server: Serving) -> None:
    assert explained(server, "www.example.org", PUPIL)["decided_by"] == "the running service"


def test_the_reasons_are_told(server: Serving) -> None:
    decision = explained(server, "www.gambling.blocked.example.com", PUPIL)["decision"]
    assert decision["layer"] == "category"
    assert decision["category"] == "gambling"
    assert decision["feed"] == "starter/gambling"
    assert decision["listed_name"] == "gambling.blocked.example.com"
    assert decision["policy"] == "pupil"


@pytest.mark.parametrize(
    ("name", "spells"),
    [
        ("www-gambling-blocked-example-com.translate.goog", "www.gambling.blocked.example.com"),
        ("amp-xvideos-com.cdn.ampproject.org", "amp.xvideos.com"),
        ("www.gambling.blocked.example.com.ipns.dweb.link", "www.gambling.blocked.example.com"),
        ("www-google-com.translate.goog", "www.google.com"),
    ],
)
def test_a_name_that_spells_a_denied_one_says_which(server: Serving, name: str, spells: str) -> None:
    told = explained(server, name, PUPIL)
    assert (told["decision"]["effect"], told["decision"]["spells"]) == ("deny", spells)
    assert f"spells    {spells}" in server.cli("explain", name, "--client", PUPIL).stdout
    assert server.rcode(name, source=PUPIL) == "NXDOMAIN"


def test_a_person_reads_it_too(server: Serving) -> None:
    said = server.cli("explain", "gambling.blocked.example.com").stdout
    for part in ("DENIED: nxdomain", "network   pupils", "policy    pupil", "category  gambling", "starter/gambling"):
        assert part in said
    assert "ALLOWED" in server.cli("explain", "www.example.org", "--type", "AAAA").stdout


def test_a_client_outside_every_allowed_network_is_refused(server: Serving) -> None:
    told = explained(server, "www.example.org", "192.0.2.7")
    assert told["outside"] is True
    assert told["decision"] is None


def test_another_time_has_another_policy(start: Start) -> None:
    schedule = '[[segments.pupils.schedule]]\npolicy = "open"\ndays = ["mon"]\nfrom = "12:00"\nto = "13:00"\n'
    school = start(policy=POLICY + schedule)
    at = {"lesson": "2026-11-23T11:59", "break": "2026-11-23T12:00", "tuesday": "2026-11-24T12:30"}
    effects = {
        when: explained(school, "gambling.blocked.example.com", PUPIL, "--at", time)["decision"]["effect"]
        for when, time in at.items()
    }
    assert effects == {"lesson": "deny", "break": "allow", "tuesday": "deny"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("explain", "x" * 70 + ".example.org"), "name"),
        (("explain", "www.example.org", "--client", "pupil-7"), "is not an IP address"),
        (("explain", "www.example.org", "--at", "noon"), "is not a time"),
        (("explain", "www.example.org", "--type", "QUUX"), "there is no record type"),
    ],
)
def test_a_question_that_makes_no_sense_is_said_to(server: Serving, arguments: tuple[str, ...], complaint: str) -> None:
    run = server.cli(*arguments)
    assert run.returncode == 1
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr


def test_the_line_that_decided_is_named_with_its_file(server: Serving) -> None:
    (line,) = explained(server, "www.gambling.blocked.example.com", PUPIL)["lines"]
    assert line["feed"] == "starter/gambling"
    assert line["origin"].endswith("starter/gambling.txt")
    assert line["text"] == "gambling.blocked.example.com"
    assert explained(server, "www.example.org", PUPIL)["lines"] == []
