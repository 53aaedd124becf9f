"""Where commands print: answers on standard output, the rest on standard error, so that a pipe gets answers only."""

from __future__ import annotations

import datetime as dt
import os
import sys
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from schoolgate.cli.commands.school_time import on_school_clock, on_the_wall

# What is piped has no edge to be folded at, unless COLUMNS says so.
_PIPE_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 240

# Long lines stay whole: people copy commands and paths from them.
# What is printed is text, wherever it comes from: a name or a User-Agent in brackets is no markup.
out = Console(highlight=False, markup=False, soft_wrap=True, width=_PIPE_WIDTH)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def say(text: str, style: str | None = None) -> None:
    """One line of an answer."""
    out.print(text, style=style, markup=False)


def note(text: str, style: str | None = None) -> None:
    """One line beside the answer."""
    err.print(on_school_clock(text), style=style, markup=False)


def say_json(value: Any) -> None:
    """An answer for programs."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    sys.stdout.flush()


def table(*columns: str) -> Table:
    """A table without lines, which also reads well in a file."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        # A header that is folded says nothing: in a narrow terminal cells are folded, headers are not.
        made.add_column(column, overflow="fold", min_width=len(column))
    return made


def age(seconds: float) -> str:
    """A length of time in the unit people would use: 40 s, 12 min, 5 h, 3 days."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} days"


def names_counted(names: int | None, entries: int) -> str:
    """How many names lists have: every distinct one, and those that say something the name above them does not."""
    return (
        f"{entries} names kept" if names is None else f"{names} names ({entries} kept: others say no more than these)"
    )


def moment(text: str) -> str:
    """An ISO moment on the school's clock, with its zone."""
    return on_the_wall(dt.datetime.fromisoformat(text))
