"""What the operations of a setup return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from schoolgate.config.problems import Problem
from schoolgate.lists.recommended import Recommendation
from schoolgate.setup.setup_plan import DevicePlace

# in_force: the running service has them. restart: they count after its restart. place: `command` puts them in place
# first. unchanged: nothing was to be written. refused: the running service keeps what it has; `said` is why.
SettingsState = Literal["in_force", "restart", "place", "no_service", "unchanged", "refused"]


@dataclass(frozen=True)
class MachineAddressShown:
    """An address of the server and its network."""

    interface: str
    address: str
    network: str
    is_virtual: bool


@dataclass(frozen=True)
class KindOfSchool:
    """A kind of school that there is a template for; `policies` are what its segments can have."""

    id: str
    name: str
    about: str
    policies: tuple[str, ...]


@dataclass(frozen=True)
class FeedOffered:
    """A recommended public feed. `names`: about how many. `is_new`: it is not chosen yet."""

    id: str
    name: str
    publisher: str
    licence: str
    attribution: str
    names: int
    why: str
    is_new: bool


@dataclass(frozen=True)
class SetupLook:
    """What is there, and where the questions begin: with the draft, else with what is there, else with a proposal.

    `step`: the group of questions that a draft waits for, "" without one. `is_configured`: a school's policy is in
    force. `needs_head`: the first account was not made. `address`, `device`: the caller's own, by the policy in force.
    """

    answers: dict[str, Any]
    step: str
    has_draft: bool
    is_configured: bool
    needs_head: bool
    addresses: tuple[MachineAddressShown, ...]
    resolvers: tuple[str, ...]
    kinds: tuple[KindOfSchool, ...]
    policies: tuple[str, ...]
    feeds: tuple[FeedOffered, ...]
    settings_file: str
    has_settings_file: bool
    advertised: tuple[str, ...]
    may_open_port_53: bool
    address: str
    device: DevicePlace | None


@dataclass(frozen=True)
class FoundProblem:
    """Something wrong with an answer, or doubtful: `path` is the answer's, such as segments.staff.networks[0]."""

    path: str
    message: str
    remedy: str


@dataclass(frozen=True)
class DraftKept:
    """The answers so far are kept, with what is wrong with them."""

    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True)
class SetupPreview:
    """What applying would do. With `problems` it would be refused. `is_change`: anything would be written.

    Differences are lines of settings and policy. `new_policy`: the kind of school whose template is taken.
    """

    is_change: bool
    problems: tuple[FoundProblem, ...]
    warnings: tuple[FoundProblem, ...]
    settings_file: str = ""
    settings: tuple[str, ...] = ()
    new_policy: str | None = None
    policy: tuple[str, ...] = ()
    feeds: tuple[FeedOffered, ...] = ()
    accounts: tuple[str, ...] = ()
    advertised: tuple[str, ...] = ()
    address: str = ""
    device: DevicePlace | None = None


@dataclass(frozen=True)
class AccountInvited:
    """An account that was made. `token`: by which its person chooses a password, shown once."""

    login: str
    display_name: str
    role: str
    is_waiting: bool
    token: str = field(repr=False)


@dataclass(frozen=True)
class SettingsApplied:
    """`copy`: what was there before. `command`: what puts them in place, "" where they are."""

    state: SettingsState
    path: str
    copy: str | None
    command: str
    said: str


@dataclass(frozen=True)
class SetupApplied:
    """What was done. `revision`: of the policy, None where it is as it was. `policy_state`: as `InForce`.

    `warnings`: what is still not protected. `decisions`: of the template, which are on record now.
    """

    settings: SettingsApplied
    revision: int | None
    policy_state: str
    policy_problem: str | None
    feeds: tuple[str, ...]
    accounts: tuple[AccountInvited, ...]
    advertised: tuple[str, ...]
    needs_head: bool
    address: str
    device: DevicePlace | None
    warnings: tuple[FoundProblem, ...]
    decisions: int = 0

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {
            "settings": self.settings.state,
            "revision": self.revision,
            "feeds": list(self.feeds),
            "accounts": len(self.accounts),
            "decisions": self.decisions,
        }


@dataclass(frozen=True)
class ForwarderTried:
    """A forwarder, asked one question from here. `took_ms`: 0 where nothing came."""

    server: str
    is_good: bool
    said: str
    took_ms: float


def offered(one: Recommendation, *, is_new: bool) -> FeedOffered:
    """As it is shown."""
    feed, publisher = one.feed, one.publisher
    words = (publisher.name, publisher.licence, publisher.attribution)
    return FeedOffered(feed.id, feed.name, *words, feed.names, one.why, is_new)


def problem_found(one: Problem) -> FoundProblem:
    """As it is shown."""
    return FoundProblem(one.path, one.message, one.remedy)
