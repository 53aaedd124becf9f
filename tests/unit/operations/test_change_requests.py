"""Change requests from a teacher's suggestion to their end: who may decide, what is in force, what survives a crash."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.operations.request_school import DAY, EVERY, IT, RequestSchool, school_of

from schoolgate.accounts.account_list import set_columns
from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import Role
from schoolgate.audit.note import verifier_key
from schoolgate.config import load
from schoolgate.governance.bundle_check import check
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.operations.control_jobs import ControlJobs
from schoolgate.operations.errors import FactorNeeded, NotPermitted
from schoolgate.operations.governance import request_applying

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, H, L, N, T = Role.trust_director, Role.head, Role.safeguarding_lead, Role.network_manager, Role.teacher

OTHER_KEY = Ed25519PrivateKey.generate().public_key().public_bytes_raw()


class Killed(BaseException):
    """The process ends here."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    """One school for all tests of this file: each asks for a name of its own."""
    async with school_of(tmp_path_factory.mktemp("requests"), *EVERY) as made:
        yield made


async def shown(school: RequestSchool, number: int, role: Role = D) -> Any:
    return await school.ask(role, "show", number=number)


async def test_from_a_suggestion_to_its_end_by_itself(school: RequestSchool) -> None:
    first = await school.ask(
        T, "suggest", action="open", names=["a1.example"], segments=["pupils"], purpose="Art, year 9"
    )
    assert (first.state, first.is_new) == ("suggested", True)
    assert (await school.ask(H, "list", is_for_me=True)).requests[0].waits == "leader"
    filed = await school.file(
        name="a1.example", number=first.number, lasts="20d", reviewed_by="Ada", finding="no adverts",
        alternatives="none is as good", spoke_with="the team", outcome="agreed",
    )  # fmt: skip
    assert (filed.number, filed.state, filed.is_new) == (first.number, "requested", False)
    before = await school.revisions()
    done = await school.approve(first.number, conditions="in lessons only")
    assert (done.state, done.revision) == ("applied", before + 1)
    fields = (await shown(school, first.number)).fields
    assert (fields.applied.before, fields.applied.after) == (before, before + 1)
    assert [(one.segment, one.verdict, one.is_as_wanted) for one in fields.applied.verified] == [
        ("pupils", "allowed", True)
    ]
    assert (await school.verdict("a1.example", "pupils"), await school.verdict("a1.example", "staff")) == (
        "open", "closed",
    )  # fmt: skip
    explained = await school.by(IT, "explain.name", name="www.a1.example", segment="pupils", at=school.iso())
    assert (explained.verdict, explained.request) == ("allowed", first.number)
    school.later(14 * DAY)
    assert (await school.keep_up()).reminded == (first.number,)
    assert (await school.keep_up()).reminded == (), "once"
    assert (await school.ask(T, "list", is_for_me=True)).requests[0].waits == "renewal"
    school.later(7 * DAY)
    assert await school.verdict("a1.example", "pupils") == "closed", "before anything marks it"
    assert (await school.keep_up()).ended == (first.number,)
    steps = [(one.what, one.actor) for one in (await shown(school, first.number)).fields.steps]
    assert steps == [
        ("suggested", school.ids[T]), ("requested", school.ids[H]), ("approved", school.ids[D]),
        ("applied", school.ids[D]), ("reminded", "job:requests"), ("expired", "job:requests"),
    ]  # fmt: skip
    told = [(who, what) for who, what in school.mails() if what.startswith(f"Request {first.number} ")]
    assert (str(D), f"Request {first.number} waits for your decision") in told
    assert {who for who, what in told if what.endswith("has ended")} == {str(T), str(H)}


async def test_who_asked_does_not_decide_in_any_role_and_no_token_or_local_user_does(school: RequestSchool) -> None:
    await school.person("both", H, D)
    asked = await school.ask("both", "file", action="open", names=["b1.example"], purpose="x", segments=["pupils"])
    with pytest.raises(ApprovalRefused, match="yourself"):
        await school.approve(asked.number, "both")
    joined = await school.ask("both", "suggest", action="open", names=["b2.example"], purpose="x", segments=["pupils"])
    await school.file(name="b2.example")
    with pytest.raises(ApprovalRefused, match="yourself"):
        await school.approve(joined.number, "both")
    await school.ask("both", "withdraw", number=joined.number)
    with pytest.raises(ApprovalRefused, match="yourself"):
        await school.approve(joined.number, "both")
    with pytest.raises(ApprovalRefused, match="trust_director"):
        await school.approve(asked.number, H)
    secret = (
        await school.school.call(await school.session(D), "session.make_token", label="x", scopes=["request"])
    ).secret
    decision = {"number": asked.number, "version": 1, "decision": "approve"}
    with pytest.raises(NotPermitted, match="signed in"):
        await school.school.by_token(secret, "request.decide", **decision)
    with pytest.raises(NotPermitted, match="signed in"):
        await school.by(IT, "request.decide", **decision)
    school.later(DAY // 24)
    stale = await school.school.session(school.account_of(D), is_fresh=False)
    with pytest.raises(FactorNeeded):
        await school.school.call(stale, "request.decide", **decision)
    assert (await shown(school, asked.number, N)).state == "requested"
    assert await school.verdict("b1.example", "pupils") == "closed"
    await school.leave("both")


async def test_of_two_decisions_at_once_one_counts(school: RequestSchool) -> None:
    await school.person("second", D)
    number = (await school.file(name="c1.example")).number
    before = await school.revisions()
    given = {"number": number, "version": 1}
    results = await asyncio.gather(
        school.ask(D, "decide", decision="approve", **given),
        school.ask("second", "decide", decision="refuse", reason="no", **given),
        return_exceptions=True,
    )
    won = [one for one in results if not isinstance(one, BaseException)]
    assert len(won) == 1
    assert [type(one) for one in results if isinstance(one, BaseException)] == [RecordChanged]
    assert await school.revisions() == before + (won[0].state == "applied")
    await school.leave("second")


@pytest.mark.parametrize(("where", "name"), [("drafted", "d1.example"), ("verify", "d2.example")])
async def test_a_process_that_ends_between_decision_and_record_leaves_nothing_half_done(
    school: RequestSchool, monkeypatch: pytest.MonkeyPatch, where: str, name: str
) -> None:
    """Before the revision, and after it."""
    number = (await school.file(name=name)).number
    before = await school.revisions()

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(request_applying, where, killed)
        with pytest.raises(Killed):
            await school.approve(number)
    assert (await shown(school, number)).state == "approved"
    made = await school.revisions()
    assert made == before + (where == "verify")
    recorder = await school.school.operations._recorder()
    jobs = ControlJobs(school.school.operations, recorder, lambda: load(school.school.config), school.school.clock)
    await jobs._requests()  # as the control process does at its start, and each minute
    assert (await school.keep_up()).applied == ()
    done = (await shown(school, number)).fields.applied
    assert (done.before, done.after, await school.revisions()) == (before, before + 1, before + 1)
    text = await school.text()
    assert text.count(f"request {number}: ") == 1
    assert 'approved_by = "Trust_Director"' in text
    assert await school.verdict(name, "pupils") == "open"


async def test_what_is_locked_or_sealed_is_refused_and_on_record(school: RequestSchool) -> None:
    for name, why in (("locked.example", "locked"), ("sealed.example", "sealed")):
        made = await school.file(name=name)
        assert made.state == "refused"
        assert why in made.said
        with pytest.raises(RecordRefused, match="refused"):
            await school.approve(made.number)
    found = [one for one in await school.school.entries("request.refused") if one["detail"]["state"] == "refused"]
    assert len(found) >= 2
    with pytest.raises(RecordRefused, match="open already"):
        await school.file(name="open.example")


async def test_the_same_asked_twice_is_one_request(school: RequestSchool) -> None:
    first = await school.ask(T, "suggest", action="open", names=["e1.example"], segments=["pupils"], purpose="a")
    both = await asyncio.gather(school.file(H, "e1.example"), school.file(L, "e1.example"))
    assert {one.number for one in both} == {first.number}
    again = await school.file(H, "e1.example")
    fields = (await shown(school, first.number)).fields
    assert sorted(one.actor for one in fields.askers) == sorted(school.ids[one] for one in (T, H, L))
    assert again.version == (await shown(school, first.number)).version, "nothing new, no new version"
    other = await school.file(H, "e1.example", segments=["staff"])
    assert other.number != first.number
    assert first.number in [one.number for one in (await shown(school, other.number)).earlier]
    await school.ask(T, "withdraw", number=first.number)
    assert (await shown(school, first.number)).state == "requested", "others ask for it still"
    with pytest.raises(NoSuchRecord):
        await shown(school, first.number, T)


async def test_where_the_account_of_who_asked_is_disabled_another_leader_asks_first(school: RequestSchool) -> None:
    await school.person("gone", H)
    number = (await school.ask("gone", "file", action="open", names=["f1.example"], purpose="x")).number
    await school.leave("gone")
    with pytest.raises(RecordRefused, match="another leader"):
        await school.approve(number)
    assert (await shown(school, number)).people[school.ids["gone"]].is_active is False
    await school.file(L, "f1.example", segments=[])
    assert (await school.approve(number)).state == "applied"


async def test_a_clock_that_jumps_leaves_the_record_as_the_policy_is(school: RequestSchool) -> None:
    number = (await school.file(name="g1.example", lasts="5d")).number
    await school.approve(number)
    for jump, state, verdict in ((6 * DAY, "expired", "closed"), (-6 * DAY, "applied", "open")):
        school.later(jump)
        await school.keep_up()
        assert ((await shown(school, number)).state, await school.verdict("g1.example", "pupils")) == (state, verdict)


async def test_a_script_files_no_more_than_a_person_could(school: RequestSchool) -> None:
    await school.person("script", T)

    async def suggest(at: int) -> Any:
        return await school.ask("script", "suggest", action="other", wanted=f"change {at}", purpose="x")

    for at in range(30):
        await suggest(at)
    with pytest.raises(RecordRefused, match="24 hours"):
        await suggest(30)
    assert (await suggest(3)).is_new is False, "the same again is no new one"
    seen: list[int] = []
    before = None
    while True:
        page = await school.ask("script", "list", most=7, before=before)
        seen += [one.number for one in page.requests]
        before = page.before
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 30
    assert (await school.ask("script", "list", text="change 7")).requests[0].wanted == "change 7"
    school.later(DAY + 1_000_000)
    assert (await suggest(30)).is_new


async def test_without_a_mail_server_or_outbox_the_request_waits_all_the_same(
    school: RequestSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("schoolgate.operations.governance.request_notices._write", full)
    made = await school.file(name="h1.example")
    assert [one.number for one in (await school.ask(D, "list", is_for_me=True, text="h1.example")).requests] == [
        made.number
    ]


async def test_an_opening_ends_within_a_year_and_an_approver_makes_it_shorter_only(school: RequestSchool) -> None:
    with pytest.raises(RecordRefused, match="within a year"):
        await school.file(name="i1.example", lasts="400d")
    number = (await school.file(name="i1.example")).number
    asked = (await shown(school, number)).fields.until_us
    assert asked == school.school.clock.us + 28 * DAY
    with pytest.raises(RecordRefused, match="shorter"):
        await school.approve(number, until="2028-01-01")
    end = school.iso(3 * DAY)
    await school.approve(number, until=end)
    assert (await shown(school, number)).fields.until_us == school.school.clock.us + 3 * DAY


async def test_it_is_ended_before_its_time_by_a_person_or_by_another_change_of_the_policy(
    school: RequestSchool,
) -> None:
    numbers = [(await school.file(name=one)).number for one in ("j1.example", "j2.example")]
    for one in numbers:
        await school.approve(one)
    version = (await shown(school, numbers[0])).version
    ended = await school.ask(H, "end", number=numbers[0], version=version, reason="an advert")
    assert (ended.state, await school.verdict("j1.example", "pupils")) == ("ended", "closed")
    await school.by(IT, "exceptions.end", name="j2.example", policy="pupil", reason="no longer")
    assert (await school.keep_up()).ended == (numbers[1],)
    renewed = await school.ask(H, "renew", number=numbers[1], reason="it is needed again", lasts="7d")
    assert renewed.number not in numbers
    assert (await school.approve(renewed.number)).state == "applied"
    assert (await shown(school, renewed.number)).fields.renews == numbers[1]


async def test_what_a_lock_forbids_meanwhile_is_approved_and_in_force_once_the_lock_is_gone(
    school: RequestSchool,
) -> None:
    number = (await school.file(name="k1.example")).number
    text = await school.text()
    locked = text.replace('locked.deny = ["locked.example"]', 'locked.deny = ["locked.example", "k1.example"]')
    assert locked != text
    await school.by(IT, "policy.apply", text=locked, reason="The trust locks it")
    done = await school.approve(number)
    assert (done.state, "lock" in done.said) == ("approved", True)
    version = (await shown(school, number)).version
    await school.keep_up()
    assert (await shown(school, number)).version == version, "no entry a minute"
    assert (await school.ask(N, "list", is_for_me=True, text="k1.example")).requests[0].waits == "carrying-out"
    await school.by(IT, "policy.apply", text=text, reason="The lock was a mistake")
    assert (await school.keep_up()).applied == (number,)


async def test_what_starts_later_is_put_in_force_then(school: RequestSchool) -> None:
    number = (await school.file(name="l1.example", starts=school.iso(2 * DAY), until=school.iso(4 * DAY))).number
    assert (await school.approve(number)).state == "approved"
    assert (await school.keep_up()).applied == ()
    school.later(2 * DAY)
    assert (await school.keep_up()).applied == (number,)


async def test_a_closing_needs_no_second_person_and_another_change_is_made_by_hand(school: RequestSchool) -> None:
    closed = await school.file(N, "new.example", action="close", segments=[])
    assert (closed.state, await school.verdict("new.example", "pupils")) == ("applied", "closed")
    asked = await school.ask(H, "file", action="other", wanted="SafeSearch for staff", purpose="a course")
    approved = await school.approve(asked.number)
    assert (approved.state, approved.revision) == ("approved", None)
    with pytest.raises(RecordRefused, match="revision"):
        await school.ask(N, "carried_out", number=asked.number, version=approved.version, reason="x", revision=10**6)
    done = await school.ask(N, "carried_out", number=asked.number, version=approved.version, reason="set in the policy")
    assert done.state == "applied"


async def test_who_may_close_alone_closes_what_another_asked_to_be_closed(school: RequestSchool) -> None:
    given = {"action": "close", "names": ["shut.example"], "segments": ["pupils"], "purpose": "x"}
    assert (await school.ask(H, "file", **given)).state == "requested"
    assert (await school.ask(N, "suggest", **given)).state == "requested"
    assert (await school.ask(N, "file", **given)).state == "applied"
    assert await school.verdict("shut.example", "pupils") == "closed"


async def test_the_end_of_a_closing_opens_nothing_that_another_closed(school: RequestSchool) -> None:
    made = await school.file(N, "two.example", action="close")
    await school.by(IT, "policy.block", name="two.example", segments=["staff"])
    await school.ask(N, "end", number=made.number, version=made.version, reason="over")
    assert [await school.verdict("two.example", one) for one in ("pupils", "staff")] == ["open", "closed"]


async def test_what_is_over_before_it_is_decided_or_in_force_is_not_approved_and_ends(school: RequestSchool) -> None:
    late = (await school.file(name="b3.example", lasts="1d")).number
    waits = (await school.file(name="c2.example", starts=school.iso(DAY), until=school.iso(2 * DAY))).number
    await school.approve(waits)
    school.later(3 * DAY)
    with pytest.raises(RecordRefused, match="end has passed"):
        await school.approve(late)
    assert waits in (await school.keep_up()).ended
    assert (await shown(school, waits)).state == "expired"
    school.later(-DAY - DAY // 2)
    await school.keep_up()
    assert (await shown(school, waits)).state == "expired", "it never was in force"
    school.later(DAY + DAY // 2)


async def test_words_of_others_leave_room_for_the_decision(
    school: RequestSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schoolgate.operations.governance.request_steps.LONGEST_OCTETS", 4_000)
    number = (await school.file(name="k3.example", purpose="p" * 3_500)).number
    again = {"action": "open", "names": ["k3.example"], "segments": ["pupils"], "purpose": "p" * 4_000}
    with pytest.raises(RecordRefused, match="as many words"):
        await school.ask(T, "suggest", **again)
    with pytest.raises(RecordRefused, match="as many words"):
        await school.ask(L, "advise", number=number, version=1, view="no")
    assert (await school.approve(number)).state == "applied"


async def test_a_view_and_what_was_shown_are_in_the_record(school: RequestSchool) -> None:
    number = (await school.file(name="m1.example")).number
    await school.ask(L, "advise", number=number, version=1, view="no concern")
    seen = await school.ask(D, "show", number=number, has_effect=True)
    assert [(one.policy, one.is_open, one.rule) for one in seen.effect.now] == [
        ("pupil", False, seen.effect.now[0].rule)
    ]
    await school.approve(number)
    fields = (await shown(school, number)).fields
    assert (fields.lead_view.said, fields.decision.effect["segments"]) == ("no concern", [])


async def test_a_bundle_verifies_offline_and_shows_each_change_made_to_it(school: RequestSchool) -> None:
    number = (await school.file(name="m2.example")).number
    await school.approve(number, conditions="in lessons")
    made = await school.ask(D, "bundle", number=number)
    bundle = orjson.loads(made.text)
    key = bundle["audit"]["verifier_key"]
    assert len(bundle["audit"]["entries"]) == 3, "asked for, approved, in force"
    assert bundle["policy"]["difference"][0].startswith("policies.pupil.exceptions: + ")
    assert [one["to"] for one in bundle["mails"]] == [[school.ids[D]], [school.ids[H]]]
    assert check(made.text.encode(), [key]).exit_code == 0
    assert check(made.text.encode()).exit_code == 3, "it agrees with itself only"
    other = (await school.file(name="m3.example")).number
    text = (await school.ask(D, "bundle", number=other)).text
    assert check(text.encode(), [key]).exit_code == 0

    def tampered(change: Callable[[Any], object]) -> tuple[str, ...]:
        copy = orjson.loads(made.text)
        change(copy)
        return check(orjson.dumps(copy), [key]).problems

    entries = bundle["audit"]["entries"]
    assert "digest" in tampered(lambda one: one["request"]["fields"].update(purpose="another"))[0]
    assert "digest" in tampered(lambda one: one["request"]["fields"]["decision"].update(conditions=""))[0]
    assert "state" in tampered(lambda one: one["request"].update(state="refused"))[0]
    assert "missing" in tampered(lambda one: one["audit"]["entries"].pop(0))[0]
    assert (
        "not in the log"
        in tampered(
            lambda one: one["audit"]["entries"][1].update(entry=entries[1]["entry"].replace("approved", "refused"))
        )[0]
    )
    assert "not signed" in check(made.text.encode(), [verifier_key("elsewhere", OTHER_KEY)]).problems[0]
    assert tampered(lambda one: one.pop("audit")), "cut short"
    assert check(b"\x00 no JSON").exit_code == 1
    assert [one for one in await school.school.entries("request.bundle") if one["actor"] == school.ids[D]]


async def test_in_a_school_without_a_director_it_files_and_a_head_decides(tmp_path: Path) -> None:
    async with school_of(tmp_path, N, H) as small:
        asked = await small.file(N, "a2.example")
        assert asked.state == "requested"
        own = await small.file(H, "a3.example")
        assert "no such account" in own.said
        with pytest.raises(ApprovalRefused):
            await small.approve(own.number, H)
        assert (await small.approve(asked.number, H)).state == "applied"
        async with small.school.change() as change:
            await set_columns(change.connection, small.account_of(H), mail=None)
            change.is_signed = True
        assert (await small.ask(H, "list", is_mine=True)).requests[0].number == own.number


async def test_a_policy_that_a_request_or_a_report_of_staff_changed_is_no_drift(school: RequestSchool) -> None:
    async def changed() -> tuple[str, ...]:
        return tuple((await school.by(IT, "checks.drift")).changed)

    assert await changed() == ()
    asked = await school.file(name="m3.example")
    await school.approve(asked.number)
    assert await changed() == ()
    now = await shown(school, asked.number, D)
    await school.ask(D, "end", number=asked.number, version=now.version, reason="the lesson is over")
    assert await changed() == ()
    teacher, lead = await school.session(T), await school.session(L)
    filed = await school.school.call(teacher, "ticket.file", kind="accessible", text="seen", site="seen.example")
    review = (school.school.clock.now() + dt.timedelta(days=3)).date()
    made = await school.school.call(lead, "ticket.block", number=filed.number, review=review)
    assert made.revision is not None
    assert await changed() == ()
