"""People at a real `schoolgate control`: a browser's session over the socket, as the console brings it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import Any
from uuid import UUID

import pyotp
from tests.failures.control_process import Control, request

from schoolgate.accounts import account_list, api_tokens, grants, sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin, Stage
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.store import Store

PASSWORD = "violet kettle marching seven"
DAY_US = 86_400_000_000


def now_us() -> int:
    return time.time_ns() // 1000


def by(
    control: Control, session: str, name: str, arguments: dict[str, Any] | None = None, address: str = "192.0.2.7"
) -> dict[str, Any]:
    """The reply to a call for a session; "" is no session yet."""
    return control.ask(request(name, arguments, session=session, **{"from": {"address": address, "user_agent": "F"}}))


def kind(reply: dict[str, Any]) -> str:
    """The type of a refusal; "" where there is none."""
    return "" if reply["ok"] else str(reply["error"]["type"])


def account(control: Control, login: str, *roles: Role) -> UUID:
    """An account with roles it has had for long, written beside the process that runs."""

    async def made() -> UUID:
        async with await Store.open(Place.in_folder(control.state).store, now_us=now_us()) as store:
            async with store.change() as change:
                one = await account_list.create(change, login, login.title(), actor="uid:0", now_us=now_us())
                for role in roles:
                    past = now_us() - 30 * DAY_US
                    await grants.insert(change, one.id, role, "trust", GrantState.active, actor="uid:1", now_us=past)
            return one.id

    return asyncio.run(made())


def token_of(control: Control, account_id: UUID, scopes: list[str], lasts_us: int = DAY_US) -> str:
    """An API token that the account made itself."""

    async def made() -> str:
        async with await Store.open(Place.in_folder(control.state).store, now_us=now_us()) as store:
            made_us = now_us()
            async with store.change() as change:
                one = await api_tokens.make(
                    change, account_id, "a test", scopes, made_us + lasts_us, actor=actor_id(account_id), now_us=made_us
                )
            return one.secret

    return asyncio.run(made())


def session(control: Control, account_id: UUID, *, is_fresh: bool = True, stage: Stage = Stage.full) -> str:
    """A session without a sign-in."""

    async def made() -> str:
        async with await Store.open(Place.in_folder(control.state).store, now_us=now_us()) as store:
            async with store.change() as change:
                opened = await sessions.begin(
                    change, account_id, Origin("192.0.2.7", "Firefox"), stage=stage, method="test",
                    now_us=now_us(), factor_us=now_us() if is_fresh else None,
                )  # fmt: skip
                change.is_signed = True  # a test's own row needs no entry
            return opened.token

    return asyncio.run(made())


def give_factors_again(control: Control) -> None:
    """Makes fresh again what was fresh: a school that many tests share is older than five minutes."""
    with closing(sqlite3.connect(Place.in_folder(control.state).store, timeout=60.0)) as store:
        store.execute("UPDATE account_session SET factor_us = ? WHERE factor_us IS NOT NULL", (now_us(),))
        store.commit()


def first_head(control: Control) -> tuple[str, str]:
    """Makes the first head over the socket; returns the token of her session and the secret of her app."""
    assert control.ask(request("setup.token"))["ok"]
    token = (control.state / "setup-token").read_text()
    made = {"token": token, "login": "margaret", "display_name": "Margaret Quill", "password": PASSWORD}
    assert by(control, "", "session.first_run", made)["ok"]
    begun = by(control, "", "session.begin", {"login": "margaret", "password": PASSWORD})["result"]
    secret = by(control, begun["token"], "session.enrol_totp_start")["result"]["secret"]
    done = by(control, begun["token"], "session.enrol_totp", {"code": pyotp.TOTP(secret).now()})
    return done["result"]["step"]["token"], secret


def become(user: str) -> str:
    """Python that makes its process another user's. What it needs is imported before: a home may be closed."""
    return (
        "import os, pwd, socket, sys, json\n"
        f"one = pwd.getpwnam({user!r})\n"
        "os.setgroups([]); os.setgid(one.pw_gid); os.setuid(one.pw_uid)\n"
    )


def as_user(control: Control, user: str, *lines: bytes) -> list[dict[str, Any]]:
    """The last replies to requests of another user of this machine, on one connection."""
    code = (
        f"{become(user)}"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1])\n"
        "f = s.makefile('rb')\n"
        "for line in sys.stdin.buffer.readlines():\n"
        "    s.sendall(line); print(f.readline().decode(), end='')\n"
    )
    command = [sys.executable, "-c", code, str(control.socket)]
    ran = subprocess.run(command, input=b"".join(lines), capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    return [json.loads(one) for one in ran.stdout.splitlines()]
