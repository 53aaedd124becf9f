"""A setup by its operations: who may, what it writes, that it goes on where it was cut off."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import PASSWORD, School, opened

from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.lists.build import build
from schoolgate.lists.feed_book import FeedBook
from schoolgate.operations.actor import Actor
from schoolgate.operations.caller import Credentials
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.rights import BY_SETUP_TOKEN, RIGHTS, Audience, audience
from schoolgate.operations.setup import setup_changes
from schoolgate.policy.active_policy import policy_files
from schoolgate.setup.answers import checked

LOCAL = Actor("uid:0", "root", frozenset({Role.network_manager}))
ANSWERS: dict[str, Any] = {
    "school": "secondary-school",
    "listen": ["127.0.0.1:0"],
    "segments": {
        "pupils": {"policy": "pupil", "networks": ["10.1.0.0/16"]},
        "staff": {"policy": "staff", "networks": ["10.2.0.0/16"]},
    },
    "feeds": {"recommended": True, "accepts_licences": True},
    "accounts": [{"login": "ada", "display_name": "Ada"}],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the shipped lists: to compile them takes longer than all the rest."""
    state = tmp_path_factory.mktemp("built") / "state"
    build(load(None, {"SCHOOLGATE_STATE_DIR": str(state)}))
    return state


@pytest_asyncio.fixture
async def school(tmp_path: Path, built: Path) -> AsyncIterator[School]:
    shutil.copytree(built, tmp_path / "state")
    async with opened(tmp_path) as made:
        yield made


async def local(school: School, name: str, /, **arguments: Any) -> Any:
    return await school.operations.call(LOCAL, name, arguments)


async def token_of(school: School) -> str:
    made = await local(school, "setup.token")
    return Path(made.path).read_text(encoding="utf-8").strip()


async def by_token(school: School, token: str, name: str, /, **arguments: Any) -> Any:
    given = Credentials(setup_token=token, address="10.1.2.3")
    return await school.operations.call_for(given, name, arguments)


def policy_of(school: School) -> str | None:
    tail = policy_files(load(school.config)).store.tail(None)
    return tail.latest.text if tail is not None else None


def written(school: School) -> tuple[Any, ...]:
    """What a setup writes, without times."""
    feeds = FeedBook(school.state).in_use()
    return school.config.read_text(encoding="utf-8"), policy_of(school), feeds


@pytest.mark.asyncio
async def test_the_token_of_the_first_run_sets_up_until_there_is_a_head(school: School) -> None:
    token = await token_of(school)
    look = await by_token(school, token, "setup.look")
    assert look.needs_head and not look.is_configured
    assert await by_token(school, token, "setup.draft", answers=ANSWERS, step="lists")
    kept = (school.state / "setup" / "draft.json").stat()
    assert kept.st_mode & 0o777 == 0o600
    assert policy_of(school) is None, "a draft changes nothing"
    look = await by_token(school, token, "setup.look")
    assert (look.step, checked(look.answers)) == ("lists", checked(ANSWERS))
    preview = await by_token(school, token, "setup.preview", answers=ANSWERS)
    assert preview.problems == () and preview.device.segment == "pupils" and policy_of(school) is None
    done = await by_token(school, token, "setup.apply", answers=ANSWERS)
    assert (done.revision, done.needs_head, len(done.feeds)) == (1, True, len(preview.feeds))
    assert not (school.state / "setup" / "draft.json").exists()
    entry = (await school.entries("setup.apply"))[-1]
    assert (entry["actor"], entry["outcome"]) == ("setup", "done")
    await school.call(
        "", "session.first_run", token=token, login="head", display_name="Head", password=PASSWORD, role="head"
    )
    for name in ("setup.look", "setup.apply"):
        with pytest.raises(SchoolgateError, match="used"):
            await by_token(school, token, name, **({"answers": ANSWERS} if name == "setup.apply" else {}))


@pytest.mark.asyncio
async def test_the_token_opens_nothing_else_and_a_wrong_one_nothing(school: School) -> None:
    token = await token_of(school)
    others = [name for name in RIGHTS if audience(name) is not Audience.anyone and name not in BY_SETUP_TOKEN]
    assert len(others) > 100
    for name in others:
        with pytest.raises(NotPermitted):
            await by_token(school, token, name)
    with pytest.raises(SchoolgateError, match="unknown"):
        await by_token(school, "x" * 43, "setup.look")


@pytest.mark.asyncio
async def test_the_same_answers_again_change_nothing(school: School) -> None:
    done = await local(school, "setup.apply", answers=ANSWERS)
    assert [one.login for one in done.accounts] == ["ada"]
    before = written(school)
    again = await local(school, "setup.apply", answers=ANSWERS)
    assert (again.revision, again.feeds, again.accounts) == (None, (), ())
    assert again.settings.state == "unchanged"
    assert written(school) == before
    assert not (await local(school, "setup.preview", answers=ANSWERS)).is_change


@pytest.mark.asyncio
@pytest.mark.parametrize("step", ["_policy", "_invited"])
async def test_a_setup_that_was_cut_off_goes_on(
    school: School, step: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: Path
) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise MemoryError("killed here")

    answers = ANSWERS | {"forwarders": ["192.0.2.1"]}
    await local(school, "setup.draft", answers=answers)
    with monkeypatch.context() as patched:
        patched.setattr(setup_changes, step, cut_off)
        with pytest.raises(MemoryError):
            await local(school, "setup.apply", answers=answers)
    look = await local(school, "setup.look")
    assert look.has_draft and checked(look.answers) == checked(answers)
    await local(school, "setup.apply", answers=answers)
    text, policy, feeds = written(school)
    assert 'servers = ["192.0.2.1:53"]' in text and policy is not None and "10.2.0.0/16" in policy and feeds
    found = {one.login: [grant.role for grant in one.grants] for one in await local(school, "account.list")}
    assert found == {"ada": ["network_manager"]}


@pytest.mark.asyncio
async def test_answers_with_a_mistake_write_nothing_and_each_is_at_its_place(school: School) -> None:
    before = written(school)
    segments = {"pupils": {"policy": "pupls", "networks": ["10.1.0.0/16"]},
                "staff": {"policy": "staff", "networks": ["10.1.0.0/16"]}}  # fmt: skip
    preview = await local(school, "setup.preview", answers=ANSWERS | {"segments": segments})
    assert {one.path for one in preview.problems} == {"segments.pupils.policy", "segments.staff.networks[0]"}
    with pytest.raises(SchoolgateError):
        await local(school, "setup.apply", answers=ANSWERS | {"segments": segments})
    for wrong in ({"listen": []}, {"school": "primry-school"}, {"x": 1}):
        assert (await local(school, "setup.preview", answers=ANSWERS | wrong)).problems
    assert written(school) == before


@pytest.mark.asyncio
async def test_from_afar_no_password_is_sent_to_another_server(school: School) -> None:
    session = await school.signed_in("manager", Role.network_manager)
    school.write('[mail]\nhost = "mail.school.example"\nuser = "gate"\npassword_file = "pw"\n')
    there = (await local(school, "setup.look")).answers["mail"]
    for change in ({"host": "evil.example"}, {"user": "x"}, {"password_file": "/etc/shadow"}):
        answers = ANSWERS | {"mail": there | change}
        assert (await school.call(session, "setup.preview", answers=answers)).problems
        for name, more in (("setup.apply", {}), ("setup.try_mail", {"recipient": "a@school.example"})):
            with pytest.raises(SchoolgateError, match=r"on the server|of the server"):
                await school.call(session, name, answers=answers, **more)
    assert (await school.call(session, "setup.preview", answers=ANSWERS | {"mail": there})).problems == ()


@pytest.mark.asyncio
async def test_a_forwarder_that_does_not_answer_is_said(school: School) -> None:
    (tried,) = await local(school, "setup.try_forwarders", servers=["127.0.0.1:1"])
    assert not tried.is_good and "refused" in tried.said
    with pytest.raises(SchoolgateError, match="not an address"):
        await local(school, "setup.try_forwarders", servers=["dns.example"])


@pytest.mark.asyncio
async def test_the_template_is_accepted_as_decisions_that_a_person_can_revise(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise MemoryError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(setup_changes, "accept_template", cut_off)
        with pytest.raises(MemoryError):
            await local(school, "setup.apply", answers=ANSWERS)
    done = await local(school, "setup.apply", answers=ANSWERS)
    assert done.decisions > 50
    assert (await local(school, "setup.apply", answers=ANSWERS)).decisions == 0, "once"
    found = await local(school, "register.decisions")
    assert found.missing == 0, [one for one in found.rows if one.missing][:3]
    accepted = [one for one in found.rows if one.is_of_template]
    assert len(accepted) == done.decisions
    assert {one.reason for one in accepted} == {
        "template of schoolgate for Secondary school, accepted at setup by root on 2026-11-30"
    }
    assert {(one.owner, one.review_on.isoformat()) for one in accepted} == {("root", "2027-11-30")}
    assert (await local(school, "register.gaps")).undecided == 0

    one = accepted[0]
    given = {"reason": "Our governors looked at it", "owner": "Head", "review_on": "2027-06-30"}
    await local(school, "register.decide", paths=[one.path], **given)
    found = await local(school, "register.decisions")
    again = next(row for row in found.rows if row.path == one.path)
    assert (again.reason, again.owner, again.is_of_template) == ("Our governors looked at it", "Head", False)

    dues = (await local(school, "action.calendar", days=365)).dues
    assert [due.words for due in dues if due.kind == "decision"] == [
        f"Decision: {one.path}", f"{done.decisions - 1} decisions",
    ]  # fmt: skip
