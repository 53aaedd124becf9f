"""`policy block` and `policy allow`: one name, one revision, no editing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.policy import say_applied
from schoolgate.cli.commands.terminal import note, say
from schoolgate.operations.policies.quick_policy import QuickChange


def block(
    config: Path | None, name: str, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str
) -> None:
    """Denies a name."""
    _change(config, "policy.block", "denied", name, segments, until, lasts, reason)


def allow(
    config: Path | None, name: str, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str
) -> None:
    """Opens a name until a moment."""
    _change(config, "policy.allow", "open", name, segments, until, lasts, reason)


def _change(
    config: Path | None, operation: str, already: str, name: str, segments: tuple[str, ...], until: str | None,
    lasts: str | None, reason: str,
) -> None:  # fmt: skip
    made: QuickChange = ask(config, operation, name=name, segments=segments, until=until, lasts=lasts, reason=reason)
    if made.applied is None:
        say(f"{made.rule} is {already} already, under {', '.join(made.policies)}; nothing was applied")
        return
    say_applied(made.applied)
    if made.strictest is not None:
        note(f"this is also for devices of no network: their policy is {made.strictest}", "yellow")
    if made.until is not None:
        say(f"until {dt.datetime.fromisoformat(made.until):%A %Y-%m-%d %H:%M} {made.zone}, by itself")
