"""The word library of the school and of its trust: words in names that are worth a look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ValidationError

from schoolgate.operations.registry import Bulk, Personal, changes, looks
from schoolgate.operations.work import Work
from schoolgate.querylog import LogProblem, Query, QueryLog
from schoolgate.storage import state_dir
from schoolgate.suggestions.word_library import (
    FalseHits,
    LibraryWord,
    WordRefused,
    add_word,
    false_hits,
    own_library,
    read_library,
    remove_word,
)

# What a school asks most in a month is what it calls popular.
DAYS, MOST_NAMES = 30, 10_000

Kind = Literal["word", "slang", "abbreviation", "misspelling"]


@dataclass(frozen=True)
class WordLibrary:
    """One library: where it is, and what is in it, as JSON values of `suggestions.word_library.Library`."""

    place: str
    content: dict[str, Any]


@dataclass(frozen=True)
class WordTried:
    """What a word would fit. `not_tried`: why it was not tried on what this school asks."""

    hits: FalseHits
    not_tried: str | None


@dataclass(frozen=True)
class WordAdded:
    """`version`: of the library that has it now."""

    word: str
    hits: FalseHits
    version: int
    not_tried: str | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"version": self.version, "popular": self.hits.popular_count}


@looks("words.list")
def list_words(work: Work) -> tuple[WordLibrary, ...]:
    """The words of the school and of its trust, with every change."""
    settings = work.settings
    state_dir.refuse_strangers(settings.server.state_dir)
    places = (own_library(settings), *settings.lists.words)
    return tuple(WordLibrary(str(one), read_library(one).model_dump(mode="json")) for one in places)


@looks("words.try")
def try_out(
    work: Work,
    word: str,
    category: str,
    unless: tuple[str, ...] = (),
    popular: Annotated[tuple[str, ...], Bulk] = (),
) -> WordTried:
    """What a word would fit among names that must stay open, what the school asks most, and `popular` names."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    wanted = _library_word(work, word, category, unless=unless)
    names, not_tried = _popular(work, popular)
    return WordTried(false_hits(work.settings, wanted, names), not_tried)


@changes("words.add")
def add(
    work: Work,
    word: str,
    category: str,
    language: str = "en",
    kind: Kind = "word",
    note: Annotated[str, Personal] = "",
    unless: tuple[str, ...] = (),
    popular: Annotated[tuple[str, ...], Bulk] = (),
    is_accepted: bool = False,
) -> WordAdded:
    """Adds a word that fits nothing it should not. `is_accepted`: although it fits popular names.

    Raises `WordRefused`.
    """
    wanted = _library_word(work, word, category, language, kind, note, unless)
    names, not_tried = _popular(work, popular)
    hits = add_word(work.settings, wanted, names, accepted=is_accepted)
    return WordAdded(wanted.word, hits, read_library(own_library(work.settings)).version, not_tried)


@changes("words.remove")
def remove(work: Work, word: str) -> str:
    """Takes a word out; the history keeps it. Raises `WordRefused`."""
    return remove_word(work.settings, word, work.actor.name, work.now).word


def _library_word(
    work: Work, word: str, category: str, language: str = "en", kind: Kind = "word", note: str = "",
    unless: tuple[str, ...] = (),
) -> LibraryWord:  # fmt: skip
    try:
        return LibraryWord(
            word=word, category=category, unless=unless, language=language, kind=kind, note=note,
            added_at=work.now.replace(microsecond=0), who=work.actor.name,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WordRefused(f"{place}: {first['input']!r} cannot be used; write one word, letters only, and a language"
                          " such as en or pl") from error  # fmt: skip


def _popular(work: Work, names: Sequence[str]) -> tuple[list[str], str | None]:
    """These names and what the school asks most and was open; why the latter are missing, where they are."""
    since = work.now - dt.timedelta(days=DAYS)
    try:
        with QueryLog(work.settings.server.state_dir) as log:
            asked = log.top(
                "names", Query(since=since, actions=("allow", "rewrite"), own_checks="without"), most=MOST_NAMES
            )
            return [*names, *(one.value for one in asked)], None
    except LogProblem as error:
        return [*names], f"it was not tried on the names of this school: {error}"
