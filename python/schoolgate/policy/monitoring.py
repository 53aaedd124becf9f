"""What a policy says about watching: `[monitoring]` (when a detector speaks) and `[alerts.<id>]` (who is notified).

Nothing here denies or opens a name. Each default says what it stops, or what it keeps from crying wolf.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, Strict, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.policy.times import MIDNIGHT, WallTime

Severity = Literal["notice", "warning", "urgent"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# One mistyped rule must not send the whole school's log to a list of strangers.
MOST_RECIPIENTS = 20
LONGEST_WINDOW_MINUTES = 7 * 24 * 60
# When the digest of the day before is sent: before the first lesson.
DIGEST_AT = dt.time(7)

# What findings may come from: the detectors, and the monitor's daily checks. A rule that names another one is mistyped.
DETECTORS = (
    "attempt",
    "circumvention",
    "drift",
    "first-use",
    "generated-names",
    "other-system",
    "own-list",
    "reachability",
    "repeated-attempts",
    "rhythm",
    "safesearch",
    "sealed",
    "segment-check",
    "segment-recovered",
    "silence",
    "trust-locked",
    "tunnel",
    "unknown-name",
)
# Denials that no category is the reason of: by name in the school's own deny rules, by name in locked ones, and of what
# is on no list where only allowed names are open. The layer in the query log -> the detector in a rule.
DENIED_BY_LAYER = {"own-list": "own-list", "trust-locked": "trust-locked", "unknown": "unknown-name"}

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_WEBHOOK = re.compile(r"webhook:[a-z0-9][a-z0-9-]{0,62}")
_PATTERN = re.compile(r"[a-z0-9:*?-]{1,80}")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_recipient(value: object) -> str:
    """A mail address, or `webhook:<id>` of the settings. Nothing in it can end a header or an SMTP command."""
    if isinstance(value, str) and (_ADDRESS.fullmatch(value) or _WEBHOOK.fullmatch(value)):
        return value
    raise complaint(
        f"{shown(value)} is no recipient", 'write "lead@school.example", or "webhook:id" as in the settings'
    )


def _pattern(value: object) -> str:
    if isinstance(value, str) and _PATTERN.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is not a pattern", 'write an id, or a pattern such as "circumvention-*" or "*"')


Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Minutes = Annotated[int, Strict(), Field(ge=1, le=LONGEST_WINDOW_MINUTES)]
Share = Annotated[float, Field(gt=0, lt=1)]
Recipient = Annotated[str, PlainValidator(parse_recipient)]
Pattern = Annotated[str, PlainValidator(_pattern)]


class Circumvention(_Table):
    """Points for each different name of a kind that one client asks for within the window."""

    window_minutes: Minutes = 30
    # One VPN's sign-up page is curiosity or an advertisement; two providers, or one with a proxy, is a search for a
    # way out.
    warning_points: Count = 8
    urgent_points: Count = 20
    vpn: int = Field(default=4, ge=0, le=100)
    proxy: int = Field(default=3, ge=0, le=100)
    # A client does not come upon Tor's bridges by accident.
    tor: int = Field(default=5, ge=0, le=100)
    # Browsers, phones and televisions try encrypted DNS by themselves, so that it counts little ...
    encrypted_dns: int = Field(default=1, ge=0, le=100)
    # ... and, whatever their number, never reaches a warning alone.
    encrypted_dns_most: int = Field(default=5, ge=0, le=100)
    # A name we did not know whose answer was a resolver's address: that name was made for this.
    resolver_address: int = Field(default=4, ge=0, le=100)
    # Discovery (RFC 9462) at a resolver that is not ours: only software set to another resolver asks so.
    discovery: int = Field(default=2, ge=0, le=100)


class Silence(_Table):
    """A client that was busy and asks nothing more, while the others of its segment go on: a hotspot, a tunnel."""

    # A lesson with a device is busy for so long ...
    busy_minutes: Minutes = 20
    # ... with so many names in each five minutes; a device that lies on the desk asks for fewer.
    busy_queries: Count = 10
    # A page that is read for ten minutes asks nothing; for twenty it is rare.
    quiet_minutes: Minutes = 20
    # When the bell rings everybody goes quiet: more than this share of the busy ones is the end of a lesson.
    most_share: Share = 0.2
    # Below so many other clients it is unclear what "the others go on" means.
    least_others: Count = 3


class Rhythm(_Table):
    """The queries of a segment in an hour, against the same weekday and hour of the weeks before."""

    # Two weeks can both be odd (a trip, exams); three have a middle.
    least_weeks: Annotated[int, Strict(), Field(ge=2, le=8)] = 3
    # A quarter of the usual is no fluctuation of a class or two.
    total_share: Share = 0.25
    blocked_share: Share = 0.25
    # An hour that usually has fewer says nothing when it has none.
    least_total: Count = 500
    least_blocked: Count = 50


class Tunnel(_Table):
    """Data carried in names: many long, random labels below one domain, or many TXT and NULL questions."""

    window_minutes: Minutes = 10
    # A chat over DNS needs hundreds of names in ten minutes; a page's content network tens.
    least_names: Count = 100
    # Content networks and counters put 10 to 30 octets before their domain, tunnels fill the name.
    least_octets: Count = 40
    # Words have below 3 bits a character, hexadecimal hashes near 4, base32 of a tunnel above 4 in long labels.
    least_entropy_bits: float = Field(default=3.5, ge=1, le=8)
    # Types that carry free data: fewer names are enough.
    least_data_types: Count = 50
    # Virus scanners look hashes up just so, but all devices do it; a tunnel has one user or two.
    most_clients: Count = 4


class Generated(_Table):
    """Names made by a program (malware looking for its master): many random ones that do not exist."""

    window_minutes: Minutes = 10
    # Three mistyped names are a bad day; a generator tries hundreds.
    least_names: Count = 15
    least_length: Count = 10
    least_entropy_bits: float = Field(default=3.0, ge=1, le=8)


class Repeated(_Table):
    """One client tries an alert category again and again."""

    window_minutes: Minutes = 60
    # One page can ask for three names of a category before it is blocked; five different moments are no page.
    attempts: Count = 5


class FirstUse(_Table):
    """What no client of the school had asked for before."""

    # In the first two weeks everything is new.
    learning_days: int = Field(default=14, ge=0, le=365)
    # Names never seen before are reported together, not one by one.
    together_minutes: Minutes = 60


class Noise(_Table):
    """What devices do by themselves, left out before anything is counted."""

    # A, AAAA and HTTPS of one name, prefetching and repeats of an unanswered question all come within seconds.
    repeat_s: Annotated[int, Strict(), Field(ge=0, le=600)] = 10
    # Pages ask for these, people do not.
    categories: tuple[Pattern, ...] = ("advertising",)


class Monitoring(_Table):
    """When each detector speaks."""

    noise: Noise = Noise()
    circumvention: Circumvention = Circumvention()
    silence: Silence = Silence()
    rhythm: Rhythm = Rhythm()
    tunnel: Tunnel = Tunnel()
    generated: Generated = Generated()
    repeated: Repeated = Repeated()
    first_use: FirstUse = FirstUse()


class Quiet(_Table):
    """Hours in which no recipient is disturbed, by the policy's time zone; `to` at or before `from` is the next day."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    from_: WallTime = Field(default=MIDNIGHT, alias="from")
    to: WallTime = MIDNIGHT


class AlertRule(_Table):
    """Who is told of what. A finding, or a denied question of a category, counts as one."""

    categories: tuple[Pattern, ...] = ()
    detectors: tuple[Pattern, ...] = ()
    segments: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    least: Severity = "notice"
    count: Count = 1
    window_minutes: Minutes = 60
    to: Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)] = ()
    # A message at once; a line of the daily digest; or a count there, and no alert.
    deliver: Literal["at-once", "digest", "count"] = "at-once"
    urgency: Literal["normal", "urgent"] = "normal"
    quiet_hours: Annotated[tuple[Quiet, ...], Field(max_length=20)] = ()
    escalate_to: Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)] = ()
    escalate_after_minutes: Minutes = 30

    @model_validator(mode="after")
    def _says_something(self) -> AlertRule:
        if not self.categories and not self.detectors:
            raise complaint("names nothing", 'write categories = ["self-harm"], or detectors = ["sealed", "tunnel"]')
        if self.urgency == "urgent" and self.quiet_hours:
            # A child in danger has no quiet hours.
            raise complaint("is urgent and has quiet hours", 'remove quiet_hours, or write urgency = "normal"')
        if self.deliver != "at-once" and (self.urgency == "urgent" or self.quiet_hours or self.escalate_to):
            raise complaint(
                f'has deliver = "{self.deliver}" and an urgency, quiet hours or an escalation',
                'remove those, or write deliver = "at-once"',
            )
        return self

    def concerns(self, segment: str, detector: str, category: str | None) -> bool:
        """Whether a finding is this rule's. Patterns are matched as they are written, never as regular expressions."""
        if not _any(self.segments, segment):
            return False
        return _any(self.detectors, detector) or (category is not None and _any(self.categories, category))

    def asks_for(self, segment: str, detector: str, category: str | None) -> bool:
        """Whether it wants findings that are made for rules that ask for them: denied questions of categories that call
        for no person, and of no category. At once, "*" alone does not ask: the day's games and shops would bury what
        matters."""
        if self.deliver == "count" or not _any(self.segments, segment):
            return False
        return self._asks(self.detectors, detector) or (category is not None and self._asks(self.categories, category))

    def _asks(self, patterns: tuple[str, ...], word: str) -> bool:
        return _any(tuple(one for one in patterns if one != "*" or self.deliver == "digest"), word)


class Digest(_Table):
    """The daily digest: every blocked question of the day before, counted, and what rules have for it."""

    to: Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)] = ()
    at: WallTime = DIGEST_AT


def _any(patterns: tuple[str, ...], word: str) -> bool:
    return any(fnmatch.fnmatchcase(word, pattern) for pattern in patterns)
