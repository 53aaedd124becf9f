"""`lists update` and `lists unpin`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.lists import install
from schoolgate.cli.commands.sealed import fetch_feeds
from schoolgate.cli.commands.terminal import names_counted, note, say
from schoolgate.cli.commands.update_progress import shown
from schoolgate.config import config_label, load
from schoolgate.lists.update import Updater, UpdateReport, Wish
from schoolgate.operations.actor import user_name as who
from schoolgate.operations.lists.lists import Unpinned
from schoolgate.replay.feed_news import weigher
from schoolgate.storage import state_dir


def update(config: Path | None, feeds: tuple[str, ...], accept: tuple[str, ...], force: bool, as_events: bool) -> int:
    """Renews feeds, publishes, has the running service take it; returns the exit code."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    wish = Wish(frozenset(feeds), force, frozenset(accept), who())
    with shown(as_events) as tell:
        now = dt.datetime.now(dt.UTC)
        weigh = weigher(settings, config_label(config), now)
        report = Updater(settings, tell, weigh=weigh).update(wish, now)
    for problem in report.problems:
        note(problem, "yellow")
    if not as_events:
        _sum_up(report)
    if report.built is not None:
        install(settings, report.built.serial, quiet=as_events)
    if not settings.sealed.feeds or feeds:
        return report.exit_code
    return fetch_feeds(settings, quiet=as_events) or report.exit_code


def unpin(config: Path | None) -> None:
    """Lets updates publish again."""
    made: Unpinned = ask(config, "lists.unpin")
    say("updates publish again; now: schoolgate lists update" if made.was_pinned else "the lists are not pinned")


def _sum_up(report: UpdateReport) -> None:
    kinds = [one.kind for one in report.outcomes]
    by_kind = {kind: kinds.count(kind) for kind in ("changed", "unchanged", "not due", "held", "failed")}
    feeds = ", ".join(f"{count} {kind}" for kind, count in by_kind.items() if count) or "none in use"
    say(f"feeds: {feeds}")
    for one in report.outcomes:
        for warning in one.state.warnings if one.kind == "changed" else ():
            note(f"{one.feed}: {warning}", "yellow")
    for sentence in report.weighed:
        note(sentence)
    if report.built is not None:
        built = report.built
        counted = names_counted(built.names, built.entries)
        say(f"lists serial {built.serial}: {counted} of {built.lists} lists, {built.proved} proved")
    elif report.serial is not None:
        say(f"lists serial {report.serial} stays")
