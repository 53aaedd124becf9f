"""Sessions at a real control process, from outside: what a forged, ended or another's one may do, and floods."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.failures.control_process import Control, request
from tests.failures.people import PASSWORD, account, as_user, become, by, first_head, kind, session

from schoolgate.accounts.roles import Role
from schoolgate.accounts.secrets_shown_once import token_hash
from schoolgate.operations.socket_service import MOST_OF_ONE_USER

# Stands for the console's user: every machine has it.
CONSOLE = "daemon"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user of this machine is needed")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    """Its socket lies where the console's user reaches it."""
    folder = Path(tempfile.mkdtemp(prefix="sg-socket-"))
    folder.chmod(0o755)
    made = Control(tmp_path)
    made.socket = folder / "operations.sock"
    head = made.config.read_text(encoding="utf-8")
    made.config.write_text(
        f'{head}operations_socket = "{made.socket}"\n[operations]\nconsole_user = "{CONSOLE}"\n', encoding="utf-8"
    )
    made.start()
    try:
        yield made
    finally:
        assert made.process is not None
        if made.process.poll() is None:
            assert made.end() == 0, made.log.read_text()
        shutil.rmtree(folder)
    assert "Traceback" not in made.log.read_text()


def test_a_person_signs_in_works_and_signs_out(control: Control) -> None:
    token, _ = first_head(control)
    assert by(control, token, "policy.revisions")["ok"]
    shown = by(control, token, "session.show")["result"]
    assert (shown["login"], shown["stage"], shown["is_fresh"]) == ("margaret", "full", True)
    assert kind(by(control, token, "policy.block", {"name": "example.com"})) == "NotPermitted"
    assert by(control, token, "session.end")["ok"]
    assert kind(by(control, token, "policy.revisions")) == "SessionEnded"
    entries = [one["operation"] for one in control.audit()]
    assert [one for one in entries if one.startswith(("account.signed", "setup", "account.totp"))] == [
        "setup.token_made", "setup.first_account", "account.totp_begun", "account.totp_enrolled", "account.signed_in",
        "account.signed_out",
    ]  # fmt: skip
    assert token not in control.log.read_text()
    assert PASSWORD not in control.log.read_text()


@needs_root
def test_the_consoles_user_has_no_role_of_its_own(control: Control) -> None:
    alice = session(control, account(control, "alice", Role.network_manager))
    replies = as_user(
        control,
        CONSOLE,
        request("policy.revisions"),
        request("policy.block", {"name": "example.com"}),
        request("policy.revisions", session=""),
        request("policy.revisions", session="forged"),
        request("policy.revisions", api_token="forged"),
        request("session.providers", session=""),
        request("policy.revisions", session=alice),
    )
    assert [kind(one) for one in replies] == [
        "NotPermitted", "NotPermitted", "NotPermitted", "SessionEnded", "ApiTokenRefused", "", "",
    ]  # fmt: skip


@needs_root
def test_a_flood_by_the_consoles_user_leaves_room_for_root(control: Control) -> None:
    code = (
        f"{become(CONSOLE)}"
        "held = []\n"
        f"for _ in range({3 * MOST_OF_ONE_USER}):\n"
        "    one = socket.socket(socket.AF_UNIX); one.connect(sys.argv[1]); held.append(one)\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(control.socket)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for one in others:
            assert one.stdout is not None
            assert one.stdout.readline() == b"held\n"
        for _ in range(20):
            assert control.ask(request("policy.revisions"))["ok"], "root is let in while the console floods"
    finally:
        for one in others:
            one.communicate()


@needs_root
def test_other_users_of_the_machine_do_not_reach_the_socket(control: Control) -> None:
    assert control.socket.stat().st_mode & 0o777 == 0o660
    code = f"{become('nobody')}socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    refused = subprocess.run([sys.executable, "-c", code, str(control.socket)], capture_output=True, check=False)
    assert b"PermissionError" in refused.stderr


def test_sessions_of_a_month_ago_are_removed_with_their_addresses(control: Control) -> None:
    alice = account(control, "alice", Role.teacher)
    kept = session(control, alice)
    session(control, alice)
    with contextlib.closing(sqlite3.connect(control.state / "control.db")) as db, db:
        month_us = 31 * 86_400_000_000
        db.execute(
            "UPDATE account_session SET created_us = created_us - ? WHERE token_hash != ?", (month_us, token_hash(kept))
        )
    assert control.end() == 0
    control.start()

    def are_gone() -> bool:
        with contextlib.closing(sqlite3.connect(control.state / "control.db")) as db:
            return bool(db.execute("SELECT count(*) FROM account_session").fetchone() == (1,))

    control.until(are_gone)
    assert by(control, kept, "session.show")["ok"]


def test_half_requests_and_two_identities_at_once_are_refused(control: Control) -> None:
    both = request("session.show", session="a", api_token="b")
    for octets in (both, request("session.show", session=7), request("session.show", session="x" * 5_000)):
        assert kind(control.ask(octets)) == "ArgumentsRefused"
    for origin in ("here", ["a"], {"address": 7}, {"address": "x" * 5_000}):
        assert kind(control.ask(request("session.providers", session="", **{"from": origin}))) == "ArgumentsRefused"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as half:
        half.connect(str(control.socket))
        half.sendall(request("session.begin", {"login": "a", "password": "b"}, session="")[:-5])
    assert control.ask(request("session.providers", session=""))["ok"]
