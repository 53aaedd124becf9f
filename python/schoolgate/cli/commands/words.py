"""`lists words`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import read_text
from schoolgate.operations.words import WordAdded, WordLibrary, WordTried

# A request to the control process holds 8 MiB.
MOST_OCTETS_OF_NAMES = 6 * 1024 * 1024


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
    libraries: tuple[WordLibrary, ...] = ask(config, "words.list")
    if as_json:
        say_json({one.place: one.content for one in libraries})
        return
    for one in libraries:
        say(f"{one.place}: version {one.content['version']}, {len(one.content['word'])} words", "bold")
        if history:
            rows = table("version", "at", "what", "word", "category", "who")
            for change in one.content["change"][::-1]:
                cells = (change[name] for name in ("what", "word", "category", "who"))
                rows.add_row(str(change["version"]), change["at"][:10], *cells)
        else:
            rows = table("word", "category", "language", "kind", "since", "by", "note")
            for word in one.content["word"]:
                cells = (word[name] for name in ("word", "category", "language", "kind"))
                rows.add_row(*cells, word["added_at"][:10], word["who"], word["note"])
        if rows.row_count:
            out.print(rows)


def add(config: Path | None, given: Given, popular: Path | None, accepted: bool) -> None:
    """Adds a word that fits nothing it should not."""
    added: WordAdded = ask(config, "words.add", **asdict(given), popular=_popular(popular), is_accepted=accepted)
    _say_not_tried(added.not_tried)
    if added.hits.popular_count:
        note(f"{added.word}: {added.hits}", "yellow")
    version = added.version
    say(f"{added.word} is in the library, version {version}; it counts from the next look: lists suggestions look")


def try_out(config: Path | None, given: Given, popular: Path | None) -> None:
    """What it would fit."""
    word, category, unless = given.word, given.category, given.unless
    tried: WordTried = ask(config, "words.try", word=word, category=category, unless=unless, popular=_popular(popular))
    _say_not_tried(tried.not_tried)
    hits = tried.hits
    for name in (*hits.open_names, *hits.popular):
        say(f"  {name}")
    say(f"{len(hits.open_names)} names that must stay open, {hits.popular_count} popular names")


def remove(config: Path | None, word: str) -> None:
    """Takes it out."""
    gone: str = ask(config, "words.remove", word=word)
    say(f"{gone} is no longer in the library; `schoolgate lists words list --history` keeps it")


def _popular(file: Path | None) -> tuple[str, ...]:
    """The names of a file, as many as a request holds: such files begin with the most popular."""
    names = read_text(file).split() if file is not None else []
    room, taken = MOST_OCTETS_OF_NAMES, 0
    for name in names:
        room -= len(orjson.dumps(name)) + 1
        if room < 0:
            note(f"{file}: it is tried on the first {taken:,} of {len(names):,} names", "yellow")
            break
        taken += 1
    return tuple(names[:taken])


def _say_not_tried(why: str | None) -> None:
    if why is not None:
        note(why, "yellow")
