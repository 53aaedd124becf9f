"""`exam show | begin | end`: prints what the operations return."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.policy import say_applied
from schoolgate.cli.commands.terminal import out, say, say_json, table
from schoolgate.operations.policies.exams import ExamsChanged, ExamsShown


def show(config: Path | None, *, as_json: bool) -> None:
    """Those that end first come first."""
    found: ExamsShown = ask(config, "exam.show")
    if as_json:
        say_json(asdict(found))
        return
    if not found.exams:
        say("no exam mode is on or planned; it would close: " + ", ".join(found.closes))
        return
    rows = table("segment", "state", "policy", "from", "until", "why", "by")
    for one in found.exams:
        cells = (one.segment, one.state, one.policy, _moment(one.begins), _moment(one.ends), one.reason, one.by)
        rows.add_row(*map(Text, cells))
    out.print(rows)


def begin(
    config: Path | None, segments: tuple[str, ...], reason: str, lasts: str | None, until: str | None,
    starts: str | None, policy: str | None,
) -> None:  # fmt: skip
    """Puts them under a stricter policy."""
    given = {"reason": reason, "lasts": lasts, "until": until, "starts": starts, "policy": policy}
    made: ExamsChanged = ask(config, "exam.begin", segments=segments, **given)
    say_applied(made.applied)
    if made.begins and made.ends:
        say(f"exam mode of {', '.join(made.segments)}: {_moment(made.begins)} until {_moment(made.ends)}, by itself")


def end(config: Path | None, segments: tuple[str, ...], reason: str) -> None:
    """Ends it before its time."""
    made: ExamsChanged = ask(config, "exam.end", segments=segments, reason=reason)
    say_applied(made.applied)
    say(f"exam mode of {', '.join(made.segments)} is ended")


def _moment(text: str) -> str:
    return f"{dt.datetime.fromisoformat(text):%a %Y-%m-%d %H:%M}"
