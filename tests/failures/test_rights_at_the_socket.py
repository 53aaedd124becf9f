"""Every operation, called by a session of every role at a real control process: the table decides there too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.failures.control_process import Control, request
from tests.failures.people import account, by, kind, session, token_of
from tests.unit.operations.test_rights import least

from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Stage
from schoolgate.operations.rights import BEFORE_SIGNED_IN, NEEDS_FRESH_FACTOR, NEEDS_SESSION, RIGHTS, Audience, audience

REFUSED = {
    "NotPermitted",
    "SignInUnfinished",
    "FactorNeeded",
    "SessionEnded",
    "TokenRefused",
    "ApiTokenRefused",
    "ScopeMissing",
}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.start()
    yield made
    assert made.end() == 0, made.log.read_text()
    assert "Traceback" not in made.log.read_text()


def of(wanted: Audience) -> list[str]:
    return [one for one in RIGHTS if audience(one) is wanted]


def test_a_session_of_each_role_may_do_what_the_table_says(control: Control) -> None:
    people = {role: session(control, account(control, role, role)) for role in Role}
    for name in of(Audience.roles):
        for role, token in people.items():
            reply = by(control, token, name, least(name))
            assert (kind(reply) not in REFUSED) is (role in RIGHTS[name]), (name, role, reply)
            if kind(reply) == "NotPermitted":
                assert "ask one of" in reply["error"]["message"]


def test_a_stale_factor_an_unfinished_sign_in_and_no_session_are_kept_out(control: Control) -> None:
    manager = account(control, "manager", *Role)
    stale = session(control, manager, is_fresh=False)
    unfinished = session(control, manager, stage=Stage.factor)
    for name in of(Audience.roles):
        wanted = "FactorNeeded" if name in NEEDS_FRESH_FACTOR else ""
        if wanted:
            assert kind(by(control, stale, name, least(name))) == wanted, name
        assert kind(by(control, unfinished, name, least(name))) == "SignInUnfinished", name
        assert kind(by(control, "", name, least(name))) == "NotPermitted", name
    for name in of(Audience.own):
        assert kind(by(control, "", name, least(name))) == "NotPermitted", name
        if name not in BEFORE_SIGNED_IN:
            assert kind(by(control, unfinished, name, least(name))) == "SignInUnfinished", name
    for name in of(Audience.anyone):
        assert kind(by(control, "", name, least(name))) not in REFUSED - {"TokenRefused"}, name


def test_each_account_does_what_is_its_own_without_a_role(control: Control) -> None:
    for at, name in enumerate(of(Audience.own)):
        token = session(control, account(control, f"p{at}"))
        reply = by(control, token, name, least(name))
        wanted = {"SessionEnded"} if name == "session.end_one" else {"TokenRefused"}
        assert kind(reply) not in REFUSED - wanted, (name, reply)


def test_a_token_calls_what_its_scopes_name_and_gives_no_factor(control: Control) -> None:
    everything = account(control, "everything", *Role)
    nouns = token_of(control, everything, sorted({one.partition(".")[0] for one in RIGHTS}))
    one = token_of(control, everything, ["policy.revisions"])
    for name in RIGHTS:
        reply = control.ask(request(name, least(name), api_token=nouns))
        if name in NEEDS_SESSION or audience(name) is Audience.own:
            assert kind(reply) == "NotPermitted", name
        elif name in NEEDS_FRESH_FACTOR:
            assert kind(reply) == "FactorNeeded", name
        elif name == "alerts.file":
            assert kind(reply) == "ScopeMissing", "a token that files alerts names its system"
        elif audience(name) is Audience.roles:
            assert kind(reply) not in REFUSED - {"TokenRefused"}, (name, reply)
        narrow = control.ask(request(name, least(name), api_token=one))
        assert narrow["ok"] is (name == "policy.revisions"), name
        assert narrow["ok"] or kind(narrow) == "ScopeMissing"
