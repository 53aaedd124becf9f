"""What screens of policies show: segments, categories with their origin, drafts, exceptions, services, the week."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.integration.conftest import Start
from tests.integration.serving import STAFF, Serving
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate.operations import asking
from schoolgate.operations.policies.exceptions import ExceptionsShown, NoSuchException
from schoolgate.operations.policies.policies import PolicyApplied
from schoolgate.operations.policies.policy_drafts import PolicyDraft
from schoolgate.operations.policies.policy_views import NoSuchPolicy, PoliciesShown, PolicyCompared, Replayed
from schoolgate.operations.policies.segments import NoSuchSegment, SchedulesShown, SegmentsShown
from schoolgate.operations.policies.services import NoSuchService, ServiceChanged, ServicesShown
from schoolgate.policy import PolicyRefused
from schoolgate.policy.quick_change import SegmentUnclear

POLICY = """\
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/8"]
strictest = "pupil"

[policies.trust]
locked.categories = { pornography = "deny" }
categories = { gambling = "deny" }   # kept as it is

[policies.school]
extends = "trust"
categories = { games = "deny" }

[policies.pupil]
extends = "school"
categories = { "service:tiktok" = "deny" }

[policies.staff]
extends = "school"
exceptions = [
    { name = "bets.example", reason = "maths", approved_by = "Ada", until = 2099-01-01T00:00:00Z },
    { name = "old.example", reason = "gone", approved_by = "Ada", until = 2020-01-01T00:00:00Z },
]
temporary_deny = [{ name = "noise.example", reason = "a craze", until = 2099-02-01T00:00:00Z }]

[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "pupil"

[[segments.pupils.schedule]]
policy = "staff"
days = ["mon", "tue"]
from = "12:00"
to = "13:00"

[segments.staff]
prefixes = ["127.0.0.2/32"]
policy = "staff"
"""


def ask(school: Serving, operation: str, /, **arguments: Any) -> Any:
    return asking.ask(school.config, operation, lambda _: None, **arguments)


@pytest.fixture
def school(start: Start) -> Serving:
    """Before its first start: the policy of the settings is the one to come."""
    return start(policy=POLICY, is_started=False)


@pytest.fixture
def applied(school: Serving) -> Serving:
    """With the policy as revision 1."""
    ask(school, "policy.apply", text=POLICY, reason="begin")
    return school


def test_segments_say_which_policy_they_have_and_why_that_one(school: Serving) -> None:
    found: SegmentsShown = ask(school, "segments.list")
    staff = next(one for one in found.segments if one.id == "staff")
    assert (staff.networks, staff.policy_now, staff.origin, staff.until) == (
        ("127.0.0.2/32",),
        "staff",
        "segment",
        None,
    )
    assert (found.strictest, found.allowed) == ("pupil", ("127.0.0.0/8",))
    pupils = next(one for one in found.segments if one.id == "pupils")
    assert pupils.until is not None


def test_the_week_is_without_holes_and_says_what_the_schedule_says(school: Serving) -> None:
    found: SchedulesShown = ask(school, "schedules.show", segment="pupils", day="2026-11-26")
    (schedule,) = found.schedules
    slots = [(one.begins, one.ends, one.policy) for one in schedule.week]
    assert slots == [
        ("2026-11-23T00:00:00+00:00", "2026-11-23T12:00:00+00:00", "pupil"),
        ("2026-11-23T12:00:00+00:00", "2026-11-23T13:00:00+00:00", "staff"),
        ("2026-11-23T13:00:00+00:00", "2026-11-24T12:00:00+00:00", "pupil"),
        ("2026-11-24T12:00:00+00:00", "2026-11-24T13:00:00+00:00", "staff"),
        ("2026-11-24T13:00:00+00:00", "2026-11-30T00:00:00+00:00", "pupil"),
    ]
    assert (schedule.intervals[0].begins, schedule.intervals[0].days) == ("12:00", ("mon", "tue"))
    assert schedule.next_policy is not None
    all_of_them: SchedulesShown = ask(school, "schedules.show")
    assert [one.segment for one in all_of_them.schedules] == ["pupils", "staff"]
    with pytest.raises(NoSuchSegment, match="pupils"):
        ask(school, "schedules.show", segment="pupil")


def test_each_category_has_its_origin_its_lock_and_its_reason(applied: Serving) -> None:
    text = POLICY.replace('games = "deny"', 'games = "deny", drugs = "deny"')
    ask(applied, "policy.apply", text=text, reason="the maths lesson")
    found: PoliciesShown = ask(applied, "policy.categories", policy="pupil", shows_reasons=True)
    (policy,) = found.policies
    assert policy.lineage == ("trust", "school", "pupil")
    rules = {one.category: one for one in policy.categories}
    assert (rules["pornography"].value, rules["pornography"].locked_by, rules["pornography"].level) == (
        "deny", "trust", "trust",
    )  # fmt: skip
    assert (rules["drugs"].value, rules["drugs"].origin, rules["drugs"].level) == ("deny", "school", "school")
    assert rules["service:tiktok"].level == "own"
    assert rules["drugs"].reason is not None
    assert (rules["drugs"].reason.revision, rules["drugs"].reason.why) == (2, "the maths lesson")
    assert rules["games"].reason is not None
    assert rules["games"].reason.revision == 1
    assert "piracy" not in rules
    with pytest.raises(NoSuchPolicy, match="pupil"):
        ask(applied, "policy.categories", policy="pupils")


def test_a_draft_is_compared_and_its_mistakes_stand_beside_their_fields(applied: Serving) -> None:
    draft = POLICY.replace('gambling = "deny"', 'gambling = "allow"')
    found: PolicyCompared = ask(applied, "policy.compare", text=draft)
    assert found.lines == ('policies.trust.categories.gambling: "deny" -> "allow"',)
    broken: PolicyCompared = ask(applied, "policy.compare", text=draft.replace("gambling", "gambing"))
    assert [one.path for one in broken.problems] == ["policies.trust.categories.gambing"]
    assert "gambling" in broken.problems[0].remedy
    ask(applied, "policy.apply", text=draft, reason="open it")
    assert ask(applied, "policy.compare", old=1, new=2).lines == found.lines


def test_before_the_first_revision_a_draft_is_made_from_none_and_becomes_the_first(school: Serving) -> None:
    draft: PolicyDraft = ask(school, "policy.draft", policy="pupil", choices={"piracy": "deny"})
    assert draft.revision is None
    assert ask(school, "policy.compare", text=draft.text).lines == draft.lines
    made: PolicyApplied = ask(school, "policy.apply", text=draft.text, reason="begin", expected=0)
    assert made.revision == 1
    assert ask(school, "policy.draft").revision == 1


def test_a_draft_is_decided_again_on_what_was_asked(applied: Serving) -> None:
    assert applied.cli("lists", "build").returncode == 0
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    write_rows(applied.state, wal(1), [row(time=now, segment="staff", qname="www.example.org")])
    draft = POLICY.replace('extends = "school"\nexceptions', 'extends = "school"\ndeny = ["example.org"]\nexceptions')
    found: Replayed = ask(applied, "policy.replay", text=draft, days=7)
    (segment,) = found.segments
    assert (segment.segment, segment.closed.names, segment.opened.names) == ("staff", 1, 0)
    assert segment.closed.first[0].name == "www.example.org"
    with pytest.raises(PolicyRefused):
        ask(applied, "policy.replay", text="format = 2")


def test_exceptions_are_shown_with_their_end_and_hits_and_end_before_it(applied: Serving) -> None:
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    write_rows(applied.state, wal(1), [row(time=now, qname="www.bets.example")])
    found: ExceptionsShown = ask(applied, "exceptions.list", counts_hits=True)
    assert [(one.kind, one.name, one.owner, one.hits) for one in found.exceptions] == [
        ("allow", "bets.example", "Ada", 1), ("deny", "noise.example", None, 0),
    ]  # fmt: skip
    assert found.exceptions[0].segments == ("pupils", "staff"), "pupils have it by their schedule"
    assert "old.example" in {one.name for one in ask(applied, "exceptions.list", has_ended=True).exceptions}
    made: PolicyApplied = ask(
        applied, "exceptions.end", name="bets.example", policy="staff", reason="the lesson is over"
    )
    assert any("bets.example" in line for line in made.difference)
    assert "# kept as it is" in ask(applied, "policy.show").text
    assert [one.name for one in ask(applied, "exceptions.list").exceptions] == ["noise.example"]
    ask(applied, "exceptions.end_deny", name="noise.example", policy="staff", reason="it is over")
    assert ask(applied, "exceptions.list").exceptions == ()


@pytest.mark.parametrize(
    ("name", "policy"), [("bets.example", "pupil"), ("bets.example", "none"), ("x.example", "staff")]
)
def test_an_exception_that_is_not_there_cannot_be_ended(applied: Serving, name: str, policy: str) -> None:
    with pytest.raises(NoSuchException):
        ask(applied, "exceptions.end", name=name, policy=policy)
    assert len(ask(applied, "policy.revisions")) == 1


def test_a_service_says_where_it_is_closed_and_is_opened_and_closed(applied: Serving) -> None:
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    write_rows(applied.state, wal(1), [row(time=now, qname="www.tiktok.com")])
    (found,) = ask(applied, "services.list", service="tiktok", counts_use=True).services
    assert (found.name, found.denied, found.allowed, found.asked) == ("TikTok", ("pupil",), (), 1)
    made: ServiceChanged = ask(applied, "services.block", service="youtube", segments=("pupils", "staff"))
    assert made.applied is not None
    assert set(made.policies) == {"pupil", "staff"}
    assert ask(applied, "services.block", service="youtube", segments=("pupils", "staff")).applied is None
    ask(applied, "services.allow", service="tiktok", reason="art", segments=("pupils", "staff"))
    (found,) = ask(applied, "services.list", service="tiktok").services
    assert (found.denied, set(found.allowed)) == ((), {"pupil", "staff"})
    assert "# kept as it is" in ask(applied, "policy.show").text


def test_what_cannot_be_done_to_a_service_is_refused_and_nothing_is_stored(applied: Serving) -> None:
    with pytest.raises(NoSuchService, match="tiktok"):
        ask(applied, "services.block", service="tiktoc")
    with pytest.raises(SegmentUnclear):
        ask(applied, "services.block", service="youtube", segments=("staff",))
    locked = POLICY.replace('pornography = "deny"', 'pornography = "deny", "service:tiktok" = "deny"')
    ask(applied, "policy.apply", text=locked, reason="lock it")
    with pytest.raises(PolicyRefused):
        ask(applied, "services.allow", service="tiktok", reason="art")
    assert len(ask(applied, "policy.revisions")) == 2


def test_services_are_all_there_with_names_for_people(school: Serving) -> None:
    found: ServicesShown = ask(school, "services.list")
    assert len(found.services) > 300
    assert all(one.name and one.group and one.domains for one in found.services)


def test_a_running_server_follows_what_is_closed_and_opened(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.rcode("www.tiktok.com", source=STAFF) == "NOERROR"
    ask(school, "services.block", service="tiktok")
    assert school.rcode("www.tiktok.com", source=STAFF) == "NXDOMAIN"
