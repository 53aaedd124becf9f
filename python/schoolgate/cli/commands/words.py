"""`lists words`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import Settings, load, read_text
from schoolgate.operations.actor import user_name as who
from schoolgate.querylog import LogProblem, Query, QueryLog
from schoolgate.storage import state_dir
from schoolgate.suggestions.word_library import (
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


@dataclass(frozen=True)
class Given:
    """A word as the command line gives it."""

    word: str
    category: str
    language: str = "en"
    kind: Literal["word", "slang", "abbreviation", "misspelling"] = "word"
    note: str = ""
    unless: tuple[str, ...] = ()


def show(config: Path | None, history: bool, as_json: bool) -> None:
    """The words, or what became of them."""
    settings = _settings(config)
    libraries = {str(place): read_library(place) for place in (own_library(settings), *settings.lists.words)}
    if as_json:
        say_json({place: library.model_dump(mode="json") for place, library in libraries.items()})
        return
    for place, library in libraries.items():
        say(f"{place}: version {library.version}, {len(library.word)} words", "bold")
        if history:
            rows = table("version", "at", "what", "word", "category", "who")
            for change in library.change[::-1]:
                cells = (f"{change.at:%Y-%m-%d}", change.what, change.word, change.category, change.who)
                rows.add_row(str(change.version), *cells)
        else:
            rows = table("word", "category", "language", "kind", "since", "by", "note")
            for one in library.word:
                rows.add_row(
                    one.word, one.category, one.language, one.kind, f"{one.added_at:%Y-%m-%d}", one.who, one.note
                )
        if rows.row_count:
            out.print(rows)


def add(config: Path | None, given: Given, popular: Path | None, accepted: bool) -> None:
    """Adds a word that fits nothing it should not."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    word = _library_word(given)
    hits = add_word(settings, word, _popular(settings, popular), accepted=accepted)
    if hits.popular_count:
        note(f"{word.word}: {hits}", "yellow")
    version = read_library(own_library(settings)).version
    say(f"{word.word} is in the library, version {version}; it counts from the next look: lists suggestions look")


def try_out(config: Path | None, given: Given, popular: Path | None) -> None:
    """What it would fit."""
    settings = _settings(config)
    hits = false_hits(settings, _library_word(given), _popular(settings, popular))
    for name in (*hits.open_names, *hits.popular):
        say(f"  {name}")
    say(f"{len(hits.open_names)} names that must stay open, {hits.popular_count} popular names")


def remove(config: Path | None, word: str) -> None:
    """Takes it out."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    gone = remove_word(settings, word, who(), dt.datetime.now(dt.UTC))
    say(f"{gone.word} is no longer in the library; `schoolgate lists words list --history` keeps it")


def _library_word(given: Given) -> LibraryWord:
    try:
        return LibraryWord(
            word=given.word, category=given.category, unless=given.unless, language=given.language, kind=given.kind,
            note=given.note, added_at=dt.datetime.now(dt.UTC).replace(microsecond=0), who=who(),
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WordRefused(f"{place}: {first['input']!r} cannot be used; write one word, letters only, and a language"
                          " such as en or pl") from error  # fmt: skip


def _popular(settings: Settings, file: Path | None) -> list[str]:
    """What the school asks most and was open, and the names of a file."""
    names = read_text(file).split() if file is not None else []
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS)
    try:
        with QueryLog(settings.server.state_dir) as log:
            asked = log.top("names", Query(since=since, actions=("allow", "rewrite")), most=MOST_NAMES)
            return [*names, *(one.value for one in asked)]
    except LogProblem as error:
        note(f"it was not tried on the names of this school: {error}", "yellow")
        return names


def _settings(config: Path | None) -> Settings:
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    return settings
