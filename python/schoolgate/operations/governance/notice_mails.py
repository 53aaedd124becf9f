"""Mails about records of governance: that something waits, or what came of a report. They name no person and no site;
what it is about is read after signing in. The monitor sends them from the outbox of alerts."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import sqlite3
from collections.abc import Collection
from pathlib import Path

from schoolgate.accounts import account_list, grants
from schoolgate.accounts.account_list import account_id_of
from schoolgate.accounts.callers import holds_here
from schoolgate.accounts.errors import AccountProblem
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.messages import Message
from schoolgate.alerts.outbox import Outbox
from schoolgate.errors import SchoolgateError
from schoolgate.operations.work import Work

_log = logging.getLogger(__name__)
SIGN_IN = "Sign in to the console of schoolgate to read it. This mail says no more, because mails are read by others."


async def mail_roles(work: Work, roles: Collection[Role], key: str, subject: str, text: str) -> None:
    """To each active account that has one of these roles here and an address, without the account that acts."""
    store = await work.store()
    school = work.settings.accounts.school
    holders = {
        one.account_id
        for one in await grants.all_grants(store, GrantState.active)
        if one.role in roles and holds_here(one.scope, school)
    }
    people = [
        one
        for one in await account_list.all_accounts(store)
        if one.id in holders and one.is_active and account_list.actor_id(one.id) != work.actor.id
    ]
    await _put(work, [one.mail for one in people if one.mail], key, subject, text)


async def mail_actor(work: Work, actor: str, key: str, subject: str, text: str) -> None:
    """To the account that an actor is; a user of this machine gets none."""
    store = await work.store()
    try:
        async with store.reading() as connection:
            holder = await account_list.by_id(connection, account_id_of(actor))
    except AccountProblem:
        return
    if holder.mail and holder.is_active:
        await _put(work, [holder.mail], key, subject, text)


async def _put(work: Work, recipients: list[str], key: str, subject: str, text: str) -> None:
    body = f"{text}\n\n{SIGN_IN}\n"
    message = Message(key, f"[schoolgate] {subject}", body, work.now.isoformat(timespec="seconds"))
    await put_message(work, recipients, message)


async def put_message(work: Work, recipients: list[str], message: Message) -> bool:
    """Lays a message out; whether that was done. What it is about is done either way: the service's log says so."""
    if not recipients:
        return True
    folder = work.settings.server.state_dir / "monitor"
    try:
        await asyncio.to_thread(_write, folder, recipients, message, work.now)
    except (SchoolgateError, OSError, sqlite3.Error) as error:
        _log.warning("no message was put into the outbox (%s): %s", message.key, error)
        return False
    return True


def _write(folder: Path, recipients: list[str], message: Message, now: dt.datetime) -> None:
    folder.mkdir(mode=0o750, exist_ok=True)
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store, store.transaction() as db:
        Outbox(store).put(db, recipients, message, now)
