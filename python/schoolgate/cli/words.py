"""The command line of the word library: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

words_app = typer.Typer(
    no_args_is_help=True, help="Words in names that are worth a look: the school's library. They suggest, never block."
)

Word = Annotated[str, typer.Argument(metavar="WORD", help="One word, in any script.")]
Category = Annotated[str, typer.Option("--category", metavar="ID", help="What such a name would probably be.")]
Unless = Annotated[
    list[str] | None, typer.Option("--unless", metavar="TEXT", help="A name with this in it is left alone. May repeat.")
]
Popular = Annotated[
    Path | None,
    typer.Option("--popular", metavar="FILE", help="Popular names, one a line, to test against besides our own log."),
]


class Kind(StrEnum):
    """What sort of word it is."""

    word = "word"
    slang = "slang"
    abbreviation = "abbreviation"
    misspelling = "misspelling"


@words_app.command("list")
def words_list(
    history: Annotated[bool, typer.Option("--history", help="Every change, newest first.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the words of the school and of its trust, with who added each, and when."""
    from schoolgate.cli.commands import words

    words.show(config_of(config), history, as_json)


@words_app.command("add", epilog="schoolgate lists words add puffbar --category alcohol-vaping --kind slang")
def words_add(
    word: Word,
    category: Category,
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="Such as en, pl, ur.")] = "en",
    kind: Annotated[Kind, typer.Option("--kind", help="What sort of word it is.")] = Kind.word,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    unless: Unless = None,
    popular: Popular = None,
    accept: Annotated[bool, typer.Option("--accept", help="Although it fits popular names.")] = False,
    config: Config = None,
) -> None:
    """Add a word. It is first tried on names that must stay open and on what this school asks most."""
    from schoolgate.cli.commands import words

    given = words.Given(word, category, language, kind.value, note, tuple(unless or ()))
    words.add(config_of(config), given, popular, accept)


@words_app.command("try", epilog="schoolgate lists words try bet --category gambling --unless alphabet")
def words_try(
    word: Word, category: Category, unless: Unless = None, popular: Popular = None, config: Config = None
) -> None:
    """Show what a word would fit, and add nothing."""
    from schoolgate.cli.commands import words

    words.try_out(config_of(config), words.Given(word, category, unless=tuple(unless or ())), popular)


@words_app.command("remove")
def words_remove(word: Word, config: Config = None) -> None:
    """Take a word out; the history keeps it."""
    from schoolgate.cli.commands import words

    words.remove(config_of(config), word)
