"""The word libraries of the school and of its trust: slang, abbreviations, misspellings, in any language.

The school's is `words.toml` in the state directory, written by `schoolgate lists words`; a trust's is a file of the
same form, named in `[lists] words`. Each word says when, by whom and why it was added; each change gives the file a new
version and stays in it as a line of its history. A word only suggests; nothing is ever blocked by one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field

from schoolgate._core import registrable_domain
from schoolgate.config import Settings
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, did_you_mean
from schoolgate.config.reading import parse_toml, read
from schoolgate.errors import SchoolgateError
from schoolgate.lists.protected import protected_names
from schoolgate.policy import load_catalogue
from schoolgate.storage.atomic_file import write_whole
from schoolgate.suggestions.keywords import Keyword, keyword_in, parse_word, read_keywords

FILE = "words.toml"
_HEAD = "Written by `schoolgate lists words`; change it with that command."
MOST_WORDS = 2000
# Lines of history that stay; a school adds a few words a month.
MOST_CHANGES = 5000
# Of popular names: a word that fits more of them says nothing.
MOST_FALSE_HITS = 0


class WordRefused(SchoolgateError):
    """A word cannot be added or removed; the message says why."""


class LibraryWord(Keyword):
    """A word with where it comes from. `language`: a code such as en, pl, ur; `kind`: what sort of word it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")] = "en"
    kind: Literal["word", "slang", "abbreviation", "misspelling"] = "word"
    note: str = ""
    added_at: dt.datetime
    who: str


class Change(BaseModel):
    """A line of the history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    at: dt.datetime
    who: str
    what: Literal["added", "removed"]
    word: str
    category: str


class Library(BaseModel):
    """One file. `version` rises with each change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=0)] = 0
    word: Annotated[tuple[LibraryWord, ...], Field(max_length=MOST_WORDS)] = ()
    change: tuple[Change, ...] = ()


@dataclass(frozen=True)
class FalseHits:
    """Names that a word fits and should not: names that must stay open, and popular names, the first of each."""

    open_names: tuple[str, ...]
    popular: tuple[str, ...]
    popular_count: int

    def __str__(self) -> str:
        first = ", ".join((*self.open_names, *self.popular)[:5])
        return (
            f"it fits {len(self.open_names)} names that must stay open and {self.popular_count} popular ones: {first}"
        )


def read_library(path: Path) -> Library:
    """Raises `InputRefused`. Empty where there is no file."""
    if not path.exists():
        return Library()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(Library, raw, str(path))
    if reading.value is None or wrong or reading.problems:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value


def own_library(settings: Settings) -> Path:
    """Where the school's library is."""
    return settings.server.state_dir / FILE


def all_keywords(settings: Settings) -> tuple[Keyword, ...]:
    """The school's words, the trusts', ours: who knows best says first. Raises `InputRefused`."""
    places = (own_library(settings), *settings.lists.words)
    own = (one.model_copy(update={"file": str(place)}) for place in places for one in read_library(place).word)
    return (*own, *read_keywords(settings.lists.dir))


def false_hits(settings: Settings, word: Keyword, popular: Iterable[str], most: int = 20) -> FalseHits:
    """What a word fits among names that must stay open and among popular ones. Raises `WordRefused`."""
    known = load_catalogue(settings.lists.dir).categories
    if word.category not in known:
        raise WordRefused(f"there is no category {word.category}; {did_you_mean(word.category, known)}")

    def fits(name: str) -> bool:
        domain = registrable_domain(name)
        if domain is None:
            return False
        suffix = domain.partition(".")[2]
        return keyword_in(name.lower().rstrip(".").removesuffix(f".{suffix}"), (word,)) is not None

    hits = [name for name in popular if fits(name)]
    return FalseHits(tuple(name for name in protected_names(settings) if fits(name)), tuple(hits[:most]), len(hits))


def add_word(settings: Settings, word: LibraryWord, popular: Iterable[str], *, accepted: bool) -> FalseHits:
    """Adds a word to the school's library, or replaces it. A word that fits a name that must stay open is refused; one
    that fits popular names too, unless a person has `accepted` that. Raises `WordRefused`."""
    hits = false_hits(settings, word, popular)
    if hits.open_names:
        raise WordRefused(f"{word.word}: {hits}; say what to leave alone with --unless")
    if hits.popular_count > MOST_FALSE_HITS and not accepted:
        raise WordRefused(
            f"{word.word}: {hits}; say what to leave alone with --unless, or --accept if they are no error"
        )
    library = read_library(own_library(settings))
    words = (*(one for one in library.word if one.word != word.word), word)
    if len(words) > MOST_WORDS:
        raise WordRefused(f"the library holds {MOST_WORDS} words already; remove some first")
    _write(settings, library, words, _change(library, "added", word, word.who, word.added_at))
    return hits


def remove_word(settings: Settings, text: str, who: str, now: dt.datetime) -> LibraryWord:
    """Takes a word out of the school's library; its history stays. Raises `WordRefused`."""
    library = read_library(own_library(settings))
    by_word = {one.word: one for one in library.word}
    try:
        gone = by_word[parse_word(text)]
    except (KeyError, ValueError):
        raise WordRefused(f"{text} is not in the school's library; {did_you_mean(text, by_word)}") from None
    rest = tuple(one for one in library.word if one.word != gone.word)
    _write(settings, library, rest, _change(library, "removed", gone, who, now))
    return gone


def _change(
    library: Library, what: Literal["added", "removed"], word: LibraryWord, who: str, at: dt.datetime
) -> Change:
    version = library.version + 1
    return Change(version=version, at=at, who=who, what=what, word=word.word, category=word.category)


def _write(settings: Settings, before: Library, words: tuple[LibraryWord, ...], change: Change) -> None:
    document = tomlkit.document()
    document.add(tomlkit.comment(_HEAD))
    document.add("version", change.version)
    changes = (*before.change, change)[-MOST_CHANGES:]
    for key, rows in (("word", sorted(words, key=lambda one: one.word)), ("change", changes)):
        tables = tomlkit.aot()
        for one in rows:
            row = tomlkit.table()
            for name, value in one.model_dump(exclude_defaults=True).items():
                row.add(name, list(value) if isinstance(value, tuple) else value)
            tables.append(row)
        document.add(key, tables)
    write_whole(own_library(settings), tomlkit.dumps(document).encode())
