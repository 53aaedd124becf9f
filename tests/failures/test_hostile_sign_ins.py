"""Attacks on sign-in at a real control process: guessing, replay, finding out names, bombs, floods of requests."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyotp
import pytest
from tests.failures.control_process import Control, request
from tests.failures.people import PASSWORD, account, by, first_head, kind, session

from schoolgate.accounts.roles import Role
from schoolgate.operations.socket_messages import LARGEST_REQUEST_OCTETS

# The limit of an account (accounts/guessing.py): ten in five minutes, a delay after five.
MOST_COMPARED = 10
FLOOD, FORGED = 10_000, 500


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.start()
    yield made
    assert made.end() == 0, made.log.read_text()
    assert "Traceback" not in made.log.read_text()


def begin(control: Control, login: str, password: str, at: int = 0, device: str | None = None) -> dict[str, Any]:
    address = f"198.51.{at // 250}.{at % 250 + 1}"
    return by(control, "", "session.begin", {"login": login, "password": password, "device": device}, address)


def known_device(control: Control, secret: str) -> str:
    """The cookie of a browser that signed in before."""
    begun = begin(control, "margaret", PASSWORD, 500)["result"]
    code = pyotp.TOTP(secret).at(time.time() + 30)
    return str(by(control, begun["token"], "session.totp", {"code": code})["result"]["device"])


def test_guesses_from_many_addresses_are_bounded_and_keep_out_no_owner(control: Control) -> None:
    _, secret = first_head(control)
    device = known_device(control, secret)
    with concurrent.futures.ThreadPoolExecutor(16) as many:
        replies = list(many.map(lambda at: begin(control, "margaret", f"guess {at}", at), range(200)))
    assert {kind(one) for one in replies} == {"SignInRefused"}
    at_once = [one for one in replies if "retry_after_us" not in one["error"]]
    assert len(at_once) <= MOST_COMPARED, "the others were not compared at all"
    assert begin(control, "margaret", PASSWORD, 202, device)["result"]["stage"] == "factor"
    failures = [one for one in control.audit() if one["operation"] == "account.sign_in"]
    assert 1 <= len(failures) <= 6, "the first of a minute, then their number"


def test_one_source_tries_no_long_list_of_names(control: Control) -> None:
    """Wrong sealed codes and wrong passwords come out of one bucket."""
    replies = [by(control, "", "session.break_glass", {"code": f"aaaa-{at}"}) for at in range(40)]
    assert {kind(one) for one in replies} == {"TokenRefused", "SignInRefused"}
    assert kind(replies[-1]) == "SignInRefused"
    assert "retry_after_us" in by(control, "", "session.begin", {"login": "n", "password": "x"})["error"]
    assert "retry_after_us" not in begin(control, "n", "x")["error"], "another source is not held up"


def test_no_name_is_found_out_by_text_or_by_time(control: Control) -> None:
    first_head(control)
    account(control, "without-password", Role.teacher)
    assert control.ask(request("account.create", {"login": "gone", "display_name": "Gone"}))["ok"]
    assert control.ask(request("account.disable", {"login": "gone"}))["ok"]
    took: dict[str, list[float]] = {}
    errors = set()
    for at in range(3):
        for name in ("margaret", "without-password", "gone", f"unknown-{at}"):
            began = time.perf_counter()
            reply = begin(control, name, "a wrong password", at * 10)
            took.setdefault(name.rstrip("0123456789"), []).append(time.perf_counter() - began)
            errors.add(orjson.dumps(reply["error"]))
    assert len(errors) == 1, errors
    began = time.perf_counter()
    by(control, "", "session.providers")
    cheap = time.perf_counter() - began
    fastest = {name: min(times) for name, times in took.items()}
    assert min(fastest.values()) > 2 * cheap, "each one costs a hash"
    assert max(fastest.values()) < 2 * min(fastest.values()), fastest


def test_a_code_and_a_token_are_worth_nothing_a_second_time(control: Control) -> None:
    _, secret = first_head(control)
    begun = begin(control, "margaret", PASSWORD)["result"]
    code = {"code": pyotp.TOTP(secret).at(time.time() + 30)}
    full = by(control, begun["token"], "session.totp", code)["result"]
    assert full["stage"] == "full"
    assert kind(by(control, begun["token"], "session.totp", code)) == "SessionEnded"
    assert kind(by(control, full["token"], "session.totp", code)) == "SignInRefused"
    assert by(control, full["token"], "session.end")["ok"]
    for name in ("session.show", "policy.revisions", "session.totp"):
        assert kind(by(control, full["token"], name, code if name == "session.totp" else None)) == "SessionEnded"


def test_five_wrong_codes_end_the_sign_in(control: Control) -> None:
    first_head(control)
    begun = begin(control, "margaret", PASSWORD)["result"]
    kinds = [kind(by(control, begun["token"], "session.totp", {"code": f"00000{at}"})) for at in range(7)]
    assert (kinds[0], kinds[-1]) == ("SignInRefused", "SessionEnded")


def test_who_is_disabled_or_loses_a_role_is_out_at_once(control: Control) -> None:
    tokens = {one: session(control, account(control, one, Role.network_manager)) for one in ("alice", "bob")}
    assert all(by(control, one, "policy.revisions")["ok"] for one in tokens.values())
    assert control.ask(request("account.disable", {"login": "alice"}))["ok"]
    assert control.ask(request("account.end_role", {"login": "bob", "role": "network_manager"}))["ok"]
    assert [kind(by(control, one, "policy.revisions")) for one in tokens.values()] == ["SessionEnded"] * 2


def test_bombs_of_json_are_refused_and_cost_little(control: Control) -> None:
    room = LARGEST_REQUEST_OCTETS - 200
    deep = b"[" * (room // 2) + b"]" * (room // 2)
    bombs = [
        b'{"operation": "session.begin", "session": "", "arguments": {"login": ' + deep + b', "password": ""}}\n',
        b'{"operation": "session.begin", "session": ' + deep + b"}\n",
        b'{"operation": "session.show", "session": "", "from": ' + deep + b"}\n",
        request("session.begin", {"login": "x" * room, "password": "x"}, session=""),
        request("session.begin", {"login": "x", "password": "x" * room}, session=""),
        request("session.oidc_finish", {"provider": "x", "answer": {"x": "y" * room}, "cookie": ""}, session=""),
        request("session.begin", {f"k{at}": 0 for at in range(200_000)}, session=""),
        request("session.begin", {"login": 10**15, "password": None}, session=""),
        request("session.passkey", {"answer": "[" * 60_000}, session=""),
    ]
    before = resident_octets(control)
    for octets in bombs:
        reply = control.ask(octets)
        assert kind(reply) in ("ArgumentsRefused", "FactorRefused"), (octets[:60], reply)
        assert len(orjson.dumps(reply)) < 64 * 1024, "a refusal does not send the bomb back"
    assert resident_octets(control) < before + 300 * 1024 * 1024


def test_ten_thousand_requests_without_a_session_are_two_entries_and_hold_up_no_one(control: Control) -> None:
    line = request("session.show", session="")
    forged = [request("policy.revisions", session=f"forged-{at}") for at in range(FORGED)]
    with control.connected() as client, client.makefile("rb") as replies:
        for lines in ([line] * (FLOOD // 20),) * 20:
            client.sendall(b"".join(lines))
            assert all(kind(orjson.loads(replies.readline())) == "NotPermitted" for _ in lines)
        assert control.ask(request("policy.revisions"))["ok"]
        client.sendall(b"".join(forged))
        assert all(kind(orjson.loads(replies.readline())) == "SessionEnded" for _ in forged)
    assert len([one for one in control.audit() if one["actor"] == "unknown"]) <= 12


def resident_octets(control: Control) -> int:
    assert control.process is not None
    fields = Path(f"/proc/{control.process.pid}/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096
