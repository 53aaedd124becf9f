"""Six sentences for governors: does it work, is it new, what waits, was it reviewed and checked, what can it not do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schoolgate.evidence import measures
from schoolgate.evidence.measures import Seen
from schoolgate.evidence.sources import SourceBroken, Sources, needed_by, reads, reads_of


@dataclass(frozen=True)
class AssuranceSentence:
    """`is_met`: as it should be; None: it could not be measured. `query`: what measured it."""

    words: str
    is_met: bool | None
    query: str


def six_sentences(sources: Sources) -> tuple[AssuranceSentence, ...]:
    """Always six, in this order."""
    return tuple(_sentence(sources, made) for made in _SENTENCES)


def _sentence(sources: Sources, made: Callable[[Sources], Seen]) -> AssuranceSentence:
    query = sources.queries(reads_of(made))
    try:
        seen = made(sources.only(reads_of(made)))
    except (SourceBroken, AttributeError, LookupError, TypeError, ValueError) as error:
        return AssuranceSentence(f"This could not be measured: {error}.", None, query)
    return AssuranceSentence(seen.value, seen.is_met, query)


@reads("status", "segments")
def _works(sources: Sources) -> Seen:
    seen, count = measures.serving(sources), len(sources["segments"]["segments"])
    words = "The one network is filtered" if count == 1 else f"All {count} networks are filtered"
    return Seen(f"{words}; any other device gets the strictest rules.", seen.is_met and count > 0)


@reads("status")
def _is_new(sources: Sources) -> Seen:
    seen = measures.lists(sources)
    return Seen(f"Lists: {seen.value}", seen.is_met)


@reads("alerts", "alerts_open")
def _waits(sources: Sources) -> Seen:
    found = sources["alerts_open"]
    value = f"Alerts that are open: {found['open']}; not looked at yet: {found['new']}. The safeguarding lead has them."
    return Seen(value, measures.alerts(sources).is_met)


@reads("review", "actions")
def _reviewed(sources: Sources) -> Seen:
    review, actions = measures.review(sources), sources["actions"]
    return Seen(
        f"{review.value} Actions that are overdue: {actions['overdue']}.", review.is_met and not actions["overdue"]
    )


@reads("checks")
def _checked(sources: Sources) -> Seen:
    seen = measures.over_blocking(sources)
    return Seen(f"Help lines, exams and health sites: {seen.value[0].lower()}{seen.value[1:]}", seen.is_met)


@reads()
def _cannot(sources: Sources) -> Seen:
    return Seen("The filter sees names of sites, not pages, pictures or messages; supervision does the rest.", True)


_SENTENCES: tuple[Callable[[Sources], Seen], ...] = (_works, _is_new, _waits, _reviewed, _checked, _cannot)
NEEDED = needed_by(_SENTENCES)
