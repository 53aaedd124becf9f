"""`feeds except`: a false hit of a feed is left out of it."""

from __future__ import annotations

from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import say
from schoolgate.operations.lists.feeds import FeedChanged


def leave_out(
    config: Path | None, feed_id: str, name: str, reason: str | None, remove: bool, request: int | None
) -> None:
    """Writes the exception, or takes it back; it counts from the next build of the lists."""
    given = {"feed": feed_id, "name": name, "reason": reason, "is_taken_back": remove, "request": request}
    made: FeedChanged = ask(config, "feeds.except", **given)
    if remove:
        say(f"{made.id} counts again as {feed_id} lists it, from the next build: schoolgate lists build")
    else:
        say(f"{made.id} and all below it are left out of {feed_id}, from the next build: schoolgate lists build")
