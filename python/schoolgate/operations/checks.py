"""What must be open is open, and what must answer answers: the checks, and the record of the last ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schoolgate.checks import run
from schoolgate.checks.forwarders import ForwardersFound
from schoolgate.checks.reachability import Reachability
from schoolgate.checks.record import CheckRecord
from schoolgate.checks.safesearch import SafeSearchCheck
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Progress, Work
from schoolgate.storage import state_dir

# Steps that are said: a person sees no more of them.
MOST_SAID_STEPS = 100


@dataclass(frozen=True)
class ReachabilityChecked:
    """`service`: whom the check asked, HOST:PORT; None where nothing ran. `not_kept`: why the result is not on
    record."""

    found: Reachability
    service: str | None
    not_kept: str | None = None


@dataclass(frozen=True)
class SafeSearchChecked:
    """As `ReachabilityChecked`."""

    found: SafeSearchCheck
    not_kept: str | None = None


@dataclass(frozen=True)
class LastChecks:
    """The last result of each check, None where none can be read, and the numbers of earlier ones, oldest first.
    `segments`: of the check from inside each segment; `drift`: what was changed outside an operation."""

    reachability: dict[str, Any] | None
    safesearch: dict[str, Any] | None
    history: tuple[dict[str, Any], ...]
    segments: dict[str, Any] | None = None
    drift: dict[str, Any] | None = None


@looks("checks.reachability")
def reachability(work: Work, is_offline: bool = False) -> ReachabilityChecked:
    """Decides every help line, exam board, update and sign-in name under every policy, and asks the service for it."""
    settings = work.settings
    state_dir.refuse_strangers(settings.server.state_dir)
    service = None if is_offline else run.running_service(settings)

    def tell(what: str, done: int, of: int) -> None:
        if done == of or done % max(1, of // MOST_SAID_STEPS) == 0:
            work.say(Progress(what, done, of))

    found = run.reachability(work.config, settings, service, work.now, tell)
    with _keeping(work) as not_kept:
        CheckRecord(settings.server.state_dir).keep("reachability", found.whole(), found.summary())
    return ReachabilityChecked(found, str(service) if service is not None else None, *not_kept)


@looks("checks.safesearch")
def safesearch(work: Work) -> SafeSearchChecked:
    """Asks the forwarders whether each host that a search engine is locked to still has an address."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    found = run.safesearch(work.settings, work.now)
    with _keeping(work) as not_kept:
        CheckRecord(work.settings.server.state_dir).keep("safesearch", found.whole())
    return SafeSearchChecked(found, *not_kept)


@looks("checks.forwarders")
def forwarders(work: Work) -> ForwardersFound:
    """Asks each forwarder: is it reached, how quick is it, who is it, and what does it do to answers."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    return run.forwarders(work.settings, work.now)


@looks("checks.record")
def last_checks(work: Work) -> LastChecks:
    """What the last checks found."""
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    record = CheckRecord(folder)
    return LastChecks(
        record.last("reachability"),
        record.last("safesearch"),
        tuple(record.history("reachability")),
        record.last("segments"),
        record.last("drift"),
    )


@contextlib.contextmanager
def _keeping(work: Work) -> Iterator[list[str]]:
    """A full disk does not make the answer wrong: why it was not kept is said beside it."""
    why: list[str] = []
    try:
        yield why
    except OSError as error:
        folder = CheckRecord(work.settings.server.state_dir).folder
        why.append(f"the result was not kept: {folder}: {error.strerror}")
