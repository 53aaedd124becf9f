"""The policy document: what `schoolgate policy apply` reads. TOML in, frozen values out; nothing is decided here."""

from __future__ import annotations

import datetime as dt
import ipaddress
import zoneinfo
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, Strict, model_validator

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, did_you_mean, shown
from schoolgate.policy.monitoring import AlertRule, Digest, Monitoring
from schoolgate.policy.names import NameRuleField
from schoolgate.policy.prefixes import DoorField, NetworkField
from schoolgate.policy.safesearch import LevelField
from schoolgate.policy.times import MIDNIGHT, DateRangeField, Moment, WallTime

Effect = Literal["allow", "deny"]
Choice = Literal["allow", "deny", "inherit"]
Action = Literal["nxdomain", "nodata", "null", "block-page", "refused"]
# What a segment does with the keys of Encrypted Client Hello in HTTPS and SVCB records: rust/policy/src/ech.rs.
Ech = Literal["pass", "strip", "strip-hints", "nodata"]
# What the query log keeps of a segment: every query, denied ones and counts of the others, counts alone.
LogLevel = Literal["full", "denied-only", "counts-only"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# A denied answer is cached by the client this long; a minute is the most that lets a change be felt at once.
LONGEST_BLOCK_TTL_S = 60
DEFAULT_BLOCK_TTL_S = 30
# A day: what the cache keeps at most (cache.max_ttl_s); a policy only ever shortens that.
LONGEST_TTL_S = 86_400
# The engine numbers both with 16 bits; a document this long is a mistake in a program that wrote it.
MOST_POLICIES = 4096
MOST_SEGMENTS = 16384
# A school has a handful of such names; each is looked at for every answer that comes with a private address.
MOST_PRIVATE_NAMES = 256
MOST_ALERT_RULES = 200
# Years, trolleys, lost, guests: the engine compares each with each policy that is in force.
MOST_GROUPS = 64
# A season of exams has seven weeks; one without a near end is forgotten.
LONGEST_EXAMS = dt.timedelta(days=70)
MOST_EXAMS = 20
EXAM_PREFIX = "exam-"
# Lessons of a segment that are on or to come; each with the sites of one lesson.
MOST_LESSONS = 200
MOST_LESSON_NAMES = 50
LONGEST_LESSON = dt.timedelta(hours=8)


class Table(BaseModel):
    """One table of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _time_zone(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a time zone", 'write an IANA name, such as "Europe/London"')
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        remedy = did_you_mean(value, zoneinfo.available_timezones())
        raise complaint(f"{shown(value)} is not a time zone", remedy) from None
    return value


def _locked_choice(value: object) -> Literal["deny"]:
    if value == "deny":
        return "deny"
    raise complaint(f"{shown(value)} cannot be locked", 'only "deny" can: an allow has nothing that may be tightened')


def _action_address(value: object) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise complaint(f"{shown(value)} is not an address", "write the address of the block page") from None


def _domain_name(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a name", 'write it as text, such as "school.example"')
    return parse_domain_name(value)


Whole = Annotated[int, Strict()]
DomainName = Annotated[str, PlainValidator(_domain_name)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
CategoryId = Annotated[str, Field(pattern=r"^(service:)?[a-z0-9][a-z0-9-]{0,62}$")]
LockedDeny = Annotated[Literal["deny"], PlainValidator(_locked_choice)]
BlockPageAddress = Annotated[str, PlainValidator(_action_address)]
TimeZone = Annotated[str, PlainValidator(_time_zone)]
# As people write groups of devices (governance/device_record.py); nothing that ends a line or turns text round.
GroupName = Annotated[
    str,
    Field(
        pattern=r"^[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\"]"
        r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\"]{0,39}$"
    ),
]


class Locked(Table):
    """What a policy imposes on itself and on every policy below it."""

    categories: dict[CategoryId, LockedDeny] = {}
    deny: tuple[NameRuleField, ...] = ()
    safesearch: dict[Id, LevelField] = {}
    unknown: LockedDeny | None = None


class Exempted(Table):
    """A name opened for a while, with the people who answer for it."""

    name: NameRuleField
    reason: Text
    approved_by: Text
    until: Moment


class TemporaryDeny(Table):
    """A name closed for a while."""

    name: NameRuleField
    reason: Text
    until: Moment


class Policy(Table):
    """One policy; what it leaves out comes from the policy it extends."""

    extends: Id | None = None
    locked: Locked = Locked()
    categories: dict[CategoryId, Choice] = {}
    unknown: Effect | None = None
    # Those it filters asked for it (an adults' club, a family evening): a denial says EDE 17 Filtered, not 15 Blocked.
    on_request: bool | None = None
    action: Action | None = None
    block_ttl_s: Annotated[Whole, Field(ge=1, le=LONGEST_BLOCK_TTL_S)] | None = None
    # No device keeps any answer longer, so that a tightening reaches it in time. It asks us again, not the forwarders.
    max_ttl_s: Annotated[Whole, Field(ge=1, le=LONGEST_TTL_S)] | None = None
    block_page: Annotated[tuple[BlockPageAddress, ...], Field(min_length=1, max_length=8)] | None = None
    allow: tuple[NameRuleField, ...] = ()
    deny: tuple[NameRuleField, ...] = ()
    exceptions: tuple[Exempted, ...] = ()
    temporary_deny: tuple[TemporaryDeny, ...] = ()
    safesearch: dict[Id, LevelField] = {}


class RateLimit(Table):
    """Queries of one client address; `devices` is how many share it behind a NAT, `subnet` how many times this all
    addresses of one IPv6 /64 may ask together."""

    qps: Annotated[Whole, Field(ge=1, le=1_000_000)] = 500
    burst: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1000
    devices: Annotated[Whole, Field(ge=1, le=4096)] = 1
    subnet: Annotated[Whole, Field(ge=1, le=4096)] = 8


class Dates(Table):
    """The days on which an interval may start."""

    only: Annotated[tuple[DateRangeField, ...], Field(min_length=1)] | None = None
    except_: tuple[DateRangeField, ...] = Field(default=(), alias="except")


class Interval(Table):
    """Another policy from `from` to `to` on these days; `to` at or before `from` is the next day."""

    policy: Id
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    from_: WallTime = Field(default=MIDNIGHT, alias="from")
    to: WallTime = MIDNIGHT
    dates: Dates = Dates()
    # Only on days of a term, or of a holiday, of the school's calendar; without a calendar every day is of a term.
    during: Literal["term", "holiday"] | None = None


class ExamMode(Table):
    """A stricter policy of a segment from `from` to `until`, above its schedule. It only ever tightens
    (checks/exam_tightening.py)."""

    policy: Id
    reason: Text
    by: Text
    from_: Moment = Field(alias="from")
    until: Moment

    @model_validator(mode="after")
    def _has_an_end(self) -> ExamMode:
        if self.until <= self.from_:
            raise complaint("ends before it begins", "write until after from")
        if self.until - self.from_ > LONGEST_EXAMS:
            raise complaint(f"is longer than {LONGEST_EXAMS.days} days", "write until nearer; it can be begun anew")
        return self

    def is_on(self, instant: dt.datetime) -> bool:
        """Whether it counts at an instant."""
        return self.from_ <= instant < self.until


class LessonOpening(Table):
    """Names that a segment may open from `from` to `until`, out of a list that an approver agreed to beforehand. It
    opens nothing that is locked, and nothing while exam mode is on."""

    names: Annotated[tuple[NameRuleField, ...], Field(min_length=1, max_length=MOST_LESSON_NAMES)]
    lesson: Text
    number: Annotated[Whole, Field(ge=1)]
    by: Text
    approved_by: Text
    from_: Moment = Field(alias="from")
    until: Moment

    @model_validator(mode="after")
    def _is_one_lesson(self) -> LessonOpening:
        if self.until <= self.from_:
            raise complaint("ends before it begins", "write until after from")
        if self.until - self.from_ > LONGEST_LESSON:
            raise complaint("is longer than a day of lessons", "write until at most eight hours after from")
        return self

    def is_on(self, instant: dt.datetime) -> bool:
        """Whether it counts at an instant."""
        return self.from_ <= instant < self.until


class Segment(Table):
    """Client networks that share a policy."""

    prefixes: tuple[NetworkField, ...] = ()
    asked: tuple[DoorField, ...] = ()
    policy: Id
    rate_limit: RateLimit = RateLimit()
    ech: Ech = "pass"
    log: LogLevel = "full"
    schedule: tuple[Interval, ...] = ()
    exams: Annotated[tuple[ExamMode, ...], Field(max_length=MOST_EXAMS)] = ()
    lessons: Annotated[tuple[LessonOpening, ...], Field(max_length=MOST_LESSONS)] = ()

    @property
    def usual_policies(self) -> frozenset[str]:
        """The segment's own policy and those of its schedule."""
        return frozenset({self.policy, *(one.policy for one in self.schedule)})

    @property
    def every_policy(self) -> frozenset[str]:
        """Every policy that its clients can have."""
        return self.usual_policies | {one.policy for one in self.exams}

    def exam_mode(self, instant: dt.datetime) -> ExamMode | None:
        """The exam mode that is on at an instant."""
        return next((one for one in self.exams if one.is_on(instant)), None)

    def open_lessons(self, instant: dt.datetime) -> tuple[tuple[int, LessonOpening], ...]:
        """The lessons that open something at an instant, each with its place; none in exam mode."""
        if self.exam_mode(instant) is not None:
            return ()
        return tuple((index, one) for index, one in enumerate(self.lessons) if one.is_on(instant))


class DeviceGroup(Table):
    """The policy of devices in a group, where that is at least as strict as the policy of their network."""

    policy: Id


def _at_most(most: int, what: str) -> AfterValidator:
    def check(table: dict[str, object]) -> dict[str, object]:
        if len(table) > most:
            raise complaint(f"has {len(table)} {what}", f"write at most {most}")
        return table

    return AfterValidator(check)


class Document(Table):
    """A whole policy."""

    format: Literal[1]
    time_zone: TimeZone = "Europe/London"
    allowed_clients: Annotated[tuple[NetworkField, ...], Field(min_length=1)]
    strictest: Id
    # Why the strictest policy may open what another closes; without it such a policy is refused (checks/strictest.py).
    strictest_may_be_looser: Text | None = None
    # Own rules that reach further than one site, each with the reason (checks/own_rules.py).
    wide_rules: dict[DomainName, Text] = {}
    # Names, with all below them, whose answers may lead into local networks; others are refused (DNS rebinding).
    private_addresses: Annotated[tuple[DomainName, ...], Field(max_length=MOST_PRIVATE_NAMES)] = ()
    policies: Annotated[dict[Id, Policy], _at_most(MOST_POLICIES, "policies")]
    segments: Annotated[dict[Id, Segment], _at_most(MOST_SEGMENTS, "segments")] = {}
    # By name of the group; device records say which devices are in it. "lost" has those that are marked as lost, too.
    groups: Annotated[dict[GroupName, DeviceGroup], _at_most(MOST_GROUPS, "groups")] = {}
    monitoring: Monitoring = Monitoring()
    digest: Digest = Digest()
    alerts: Annotated[dict[Id, AlertRule], _at_most(MOST_ALERT_RULES, "rules")] = {}

    @property
    def exam_policies(self) -> frozenset[str]:
        """Policies that are for exam mode alone: named by one, or by their own name, and usual in no segment."""
        named = {one for one in self.policies if one.startswith(EXAM_PREFIX)}
        named |= {exam.policy for segment in self.segments.values() for exam in segment.exams}
        usual = {policy for segment in self.segments.values() for policy in segment.usual_policies}
        return frozenset(named - usual - {self.strictest})

    @property
    def group_policies(self) -> frozenset[str]:
        """Policies that only groups of devices have: they tighten, and nothing else has them."""
        used = {policy for segment in self.segments.values() for policy in segment.every_policy}
        return frozenset({one.policy for one in self.groups.values()} - used - {self.strictest})
