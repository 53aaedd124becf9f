"""Every operation, called by every role, against a real database: the table decides, and nothing else does."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import ArgumentsRefused, NoSuchOperation, NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations
from schoolgate.operations.registry import every_operation
from schoolgate.operations.rights import (
    BEFORE_SIGNED_IN,
    NEEDS_FRESH_FACTOR,
    NEEDS_SESSION,
    RIGHTS,
    Audience,
    Right,
    audience,
)
from schoolgate.operations.system_clock import SystemClock
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.failed_attempts import MINUTE_US

# Arguments that every operation takes, and then refuses for a reason of its own.
LEAST: Mapping[str, Any] = {
    "text": "",
    "reason": "a test",
    "number": 9_999,
    "name": "not a name",
    "feed": "no-such-feed",
    "accepts_licence": False,
    "accepts_licences": False,
    "place": "/nowhere",
    "category": "no-such-category",
    "outcome": "other",
    "recipient": "nowhere",
    "what": "names",
    "client": "none",
    "pseudonym": "none",
    "word": "not one word",
    "kind": "daily",
    "reader": "governors",
    "after": "no cursor",
    "effect": "deny",
    "login": "",
    "display_name": "",
    "role": "teacher",
    "provider": "none",
    "subject": "none",
    "grant": "019a3185-c500-7000-8000-000000000000",
    "reset": "019a3185-c500-7000-8000-000000000000",
    "token": "019a3185-c500-7000-8000-000000000000",
    "passkey": "019a3185-c500-7000-8000-000000000000",
    "session_id": "019a3185-c500-7000-8000-000000000000",
    "label": "",
    "scopes": [],
    "alerts": [],
    "password": "",
    "old": "",
    "new": "",
    "code": "",
    "answer": "",
    "cookie": "",
    "policy": "no-such-policy",
    "service": "no-such-service",
    "review": "2026-12-01",
    "version": 1,
    "fields": {},
    "owner": "",
    "purpose": "",
    "decision": "refuse",
    "view": "",
    "result": "passed",
    "tested": "ten names",
    "device_kind": "owned",
    "action": 1,
    "content": "",
    "file": "019a3185-c500-7000-8000-000000000000",
    "answers": {},
    "topic": "",
    "title": "",
    "segments": [],
    "names": [],
    "first": "2026-10-26",
    "nonce": "",
    "signature": "",
    "body": "",
    "starts": "10:00",
    "ends": "11:00",
    "since": "2026-11-30T09:00:00Z",
    "until": "2026-11-30T10:00:00Z",
    "servers": [],
    "webhook": "none",
    "source": "Not A System",
    "key": "",
    "paths": ["no such place"],
    "device": "no such device",
    "asked": [],
}


# What needs no argument, and would do much.
DONE_BY_ITSELF: Mapping[str, Any] = {
    "lists.update": {"feeds": ["no-such-feed"]},
    "request.file": {"action": "other"},
    "calendar.set": {"kind": "term"},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


class MinuteByMinute(SystemClock):
    """The time of this machine, and as many minutes more. Refused attempts of one minute are bounded in kind."""

    minutes = 0

    def now(self) -> dt.datetime:
        return super().now() + dt.timedelta(minutes=self.minutes)

    def now_us(self) -> int:
        return super().now_us() + self.minutes * MINUTE_US


@pytest.fixture
def clock() -> MinuteByMinute:
    return MinuteByMinute()


@pytest_asyncio.fixture
async def operations(config: Path, clock: MinuteByMinute) -> AsyncIterator[Operations]:
    async with hosted(config, load(config), clock) as made:
        yield made


def least(name: str) -> dict[str, Any]:
    fields = every_operation()[name].arguments.model_fields
    given = {one: LEAST[one] for one, field in fields.items() if field.is_required()}
    return given | DONE_BY_ITSELF.get(name, {})


def test_each_operation_has_a_row_and_each_row_an_operation() -> None:
    assert set(RIGHTS) == set(every_operation())


def test_what_changes_something_is_a_change_for_each_role_that_may_do_it() -> None:
    for name, operation in every_operation().items():
        wanted = {Right.changes} if operation.is_change else {Right.looks, Right.looks_without_identities}
        if operation.audience is not Audience.roles:
            wanted = {Right(operation.audience)}
        assert set(RIGHTS[name].values()) <= wanted, name
        assert audience(name) is operation.audience, name
        assert not (operation.is_change and operation.is_disclosure), name
        assert RIGHTS[name], f"{name}: nothing that no role may do"
        assert operation.summary.endswith("."), name


@pytest.mark.asyncio
async def test_every_role_at_every_operation(operations: Operations, config: Path, clock: MinuteByMinute) -> None:
    refused = set()
    of_roles = {name: row for name, row in RIGHTS.items() if audience(name) is Audience.roles}
    for name, row in of_roles.items():
        clock.minutes += 1
        for role in Role:
            actor = Actor(f"account:{role}", role, frozenset({role}))
            is_permitted = True
            try:
                await operations.call(actor, name, least(name))
            except NotPermitted as error:
                is_permitted = False
                refused.add((actor.id, name))
                named = ["signed in"] if name in NEEDS_SESSION else [one.replace("_", " ") for one in row]
                assert all(one in str(error) for one in named)
            except SchoolgateError:
                pass  # its own reason: the arguments say nothing that can be done
            assert is_permitted is (role in row and name not in NEEDS_SESSION), (name, role)
    entries = await audit_operations.log(Place.in_folder(load(config).server.state_dir), clock.now_us(), 10_000)
    attempts = {(one.fields["actor"], one.fields["operation"]) for one in entries if one.fields["outcome"] == "refused"}
    assert refused <= attempts, "an attempt without the right is on record"
    begun = {(one.fields["actor"], one.fields["operation"]) for one in entries if one.fields["outcome"] == "begun"}
    assert not begun & refused, "what is not permitted never begins"


@pytest.mark.asyncio
async def test_several_roles_have_what_each_has(operations: Operations) -> None:
    both = Actor("account:both", "both", frozenset({Role.teacher, Role.governor}))
    assert await operations.call(both, "policy.revisions", {}) == ()


@pytest.mark.asyncio
async def test_without_a_role_nothing_can_be_done_and_nothing_is_learnt(operations: Operations) -> None:
    nobody = Actor("account:none", "none", frozenset())
    with pytest.raises(NotPermitted):
        await operations.call(nobody, "policy.apply", {"no such argument": 1})
    with pytest.raises(NoSuchOperation):
        await operations.call(nobody, "policy.burn", {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"reason": "r"}, "text"),
        ({"text": "", "reason": "r", "who": "the head"}, "who"),
        ({"text": "", "reason": ["r"]}, "reason"),
        ({"text": "", "reason": "r", "expected": "x"}, "expected"),
        ({"text": "", "reason": "r", "expected": 10**30}, "written down"),
        ({"text": "", "reason": "\udcff"}, "."),
    ],
)
async def test_wrong_arguments_are_named(operations: Operations, given: dict[str, Any], named: str) -> None:
    manager = Actor("account:n", "n", frozenset({Role.network_manager}))
    with pytest.raises(ArgumentsRefused, match=named):
        await operations.call(manager, "policy.apply", given)


@pytest.mark.asyncio
async def test_a_user_of_this_machine_decides_nothing_and_has_no_account(operations: Operations) -> None:
    everything = Actor("uid:0", "root", frozenset(Role))
    for name in NEEDS_SESSION:
        with pytest.raises(NotPermitted, match="signed in"):
            await operations.call(everything, name, least(name))
    for name in (one for one in RIGHTS if audience(one) is Audience.own):
        with pytest.raises(NotPermitted, match="signed in"):
            await operations.call(everything, name, least(name))


def test_what_a_session_may_do_before_it_is_complete_is_of_its_own_account() -> None:
    assert {audience(one) for one in BEFORE_SIGNED_IN} == {Audience.own}
    assert set(RIGHTS) >= NEEDS_SESSION | NEEDS_FRESH_FACTOR
    assert NEEDS_SESSION <= NEEDS_FRESH_FACTOR
