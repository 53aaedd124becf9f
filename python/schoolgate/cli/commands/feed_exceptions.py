"""`feeds except`: a false hit of a feed is left out of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate._core import normalise_name
from schoolgate.cli.commands.terminal import say
from schoolgate.config import load
from schoolgate.config.problems import did_you_mean
from schoolgate.lists.feed_book import ExceptedName, FeedBook, FeedRefused
from schoolgate.lists.feed_catalogue import NoSuchFeed
from schoolgate.operations.actor import user_name as who
from schoolgate.storage import state_dir


def leave_out(config: Path | None, feed_id: str, name: str, reason: str | None, remove: bool) -> None:
    """Writes the exception, or takes it back; it counts from the next build of the lists."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    book = FeedBook(settings.server.state_dir)
    chosen = book.read()
    if feed_id not in chosen:
        raise NoSuchFeed(f"feed {feed_id} is not in use; {did_you_mean(feed_id, chosen)}")
    try:
        normal = normalise_name(name)
    except ValueError as error:
        raise FeedRefused(f"{name!r} is no name: {error}; write it as in www.example.org") from error
    feed = chosen[feed_id]
    others = tuple(one for one in feed.excepted if one.name != normal)
    if remove:
        if len(others) == len(feed.excepted):
            raise FeedRefused(f"{normal} is not left out of {feed_id}; `schoolgate feeds show {feed_id}` shows what is")
        book.add(feed.model_copy(update={"excepted": others}))
        say(f"{normal} counts again as {feed_id} lists it, from the next build: schoolgate lists build")
        return
    if not reason:
        raise FeedRefused("say why it is a false hit with --reason, for the list of exceptions")
    one = ExceptedName(name=normal, reason=reason, who=who(), at=dt.datetime.now(dt.UTC))
    book.add(feed.model_copy(update={"excepted": (*others, one)}))
    say(f"{normal} and all below it are left out of {feed_id}, from the next build: schoolgate lists build")
