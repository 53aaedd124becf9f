"""A small school whose trust lets one person decide: reported at once to governors and directors, and shown as such."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, RequestSchool, school_of

from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import Role
from schoolgate.governance.bundle_check import check
from schoolgate.governance.errors import RecordRefused
from schoolgate.operations.errors import NotPermitted

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, G, H, N, T = Role.trust_director, Role.governor, Role.head, Role.network_manager, Role.teacher
MAIL = '[mail]\nhost = "mail.example.net"\n'
ON = "[operations]\none_person_decides = true\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("small"), D, G, H, N, T) as made:
        yield made


@pytest.fixture(autouse=True)
def switched_on(school: RequestSchool) -> None:
    school.school.write(MAIL + ON)


async def approve_own(school: RequestSchool, number: int, role: str = H) -> Any:
    return await school.approve(number, role)


async def test_who_asked_approves_alone_and_governors_and_directors_are_told_at_once(school: RequestSchool) -> None:
    number = (await school.file(name="a1.example")).number
    before = await school.ask(H, "show", number=number)
    assert "request.decide" in before.may
    assert set(before.alone) == {school.ids[D], school.ids[G]}
    assert (await school.ask(D, "show", number=number)).alone is None, "a second person is none alone"
    done = await approve_own(school, number)
    assert (done.state, await school.verdict("a1.example", "pupils")) == ("applied", "open")
    shown = await school.ask(H, "show", number=number)
    assert shown.fields.decision.is_alone
    steps = {one.what: one for one in shown.fields.steps}
    assert set(steps["reported"].notified) == {school.ids[D], school.ids[G]}
    told = {who for who, what in school.mails() if what == f"Request {number} was decided by one person"}
    assert told == {str(D), str(G)}
    (row,) = [one for one in (await school.ask(H, "list")).requests if one.number == number]
    assert row.is_alone
    entries = await school.school.entries("request.approved")
    assert entries[-1]["detail"]["is_alone"] is True


async def test_every_bundle_says_whether_one_person_decided(school: RequestSchool) -> None:
    alone = (await school.file(name="b1.example")).number
    await approve_own(school, alone)
    by_two = (await school.file(name="b2.example")).number
    await school.approve(by_two)
    for number, is_alone in ((alone, True), (by_two, False)):
        made = await school.ask(H, "bundle", number=number)
        held = orjson.loads(made.text)
        assert held["decided_by_one_person"]["is_so"] is is_alone
        assert len(held["decided_by_one_person"]["reported_to"]) == (2 if is_alone else 0)
        assert check(made.text.encode(), ()).problems == ()
    held["decided_by_one_person"] = {"is_so": True, "reported_to": []}
    assert check(orjson.dumps(held), ()).problems, "it is what the record says"


async def test_without_the_switch_another_person_decides(school: RequestSchool) -> None:
    school.school.write(MAIL)
    number = (await school.file(name="c1.example")).number
    shown = await school.ask(H, "show", number=number)
    assert ("request.decide" in shown.may, shown.alone) == (False, None)
    with pytest.raises(ApprovalRefused, match="yourself"):
        await approve_own(school, number)


async def test_what_cannot_be_reported_is_not_decided(school: RequestSchool) -> None:
    number = (await school.file(name="d1.example")).number
    school.school.write(ON)
    with pytest.raises(RecordRefused, match="no mail server"):
        await approve_own(school, number)
    school.school.write(MAIL + ON)
    alerts = school.school.state / "monitor"
    kept = alerts.with_name("kept")
    alerts.rename(kept)
    alerts.write_text("no directory", encoding="utf-8")
    try:
        with pytest.raises(RecordRefused, match="cannot be reported"):
            await approve_own(school, number)
    finally:
        alerts.unlink()
        kept.rename(alerts)
    assert (await school.ask(H, "show", number=number)).state == "requested"
    assert (await approve_own(school, number)).state == "applied"


async def test_no_role_that_does_not_approve_decides_alone(school: RequestSchool) -> None:
    number = (await school.ask(T, "suggest", action="open", names=["e1.example"], purpose="x")).number
    await school.file(name="e1.example", segments=[])
    with pytest.raises(NotPermitted):
        await approve_own(school, number, T)
    secret = (
        await school.school.call(await school.session(H), "session.make_token", label="x", scopes=["request"])
    ).secret
    decision = {"number": number, "version": 1, "decision": "approve"}
    with pytest.raises(NotPermitted, match="signed in"):
        await school.school.by_token(secret, "request.decide", **decision)
    with pytest.raises(NotPermitted):
        await school.by(IT, "request.decide", **decision)
    found = await school.ask(H, "show", number=number)
    with pytest.raises(RecordRefused, match="take it back"):
        await school.ask(H, "decide", number=number, version=found.version, decision="refuse", reason="no")


async def test_the_only_director_who_asks_has_governors_told_and_a_school_without_them_waits(
    school: RequestSchool,
) -> None:
    number = (await school.file(D, "f1.example")).number
    await approve_own(school, number, D)
    shown = await school.ask(D, "show", number=number)
    assert {one.what: one for one in shown.fields.steps}["reported"].notified == (school.ids[G],)
    await school.leave(G)
    number = (await school.file(D, "f2.example")).number
    with pytest.raises(RecordRefused, match="no governor"):
        await approve_own(school, number, D)
