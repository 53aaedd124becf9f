"""`feeds recommend` and `feeds enable --recommended`: the feeds that a school should begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.feed_catalogue import read_published
from schoolgate.lists.recommended import PHASES, Phase, Recommendation, Recommendations, read_recommended
from schoolgate.operations.feeds import LicenceNotAccepted, Recommended, enable_command
from schoolgate.storage import state_dir


def recommend(config: Path | None, phases: Sequence[Phase], as_json: bool) -> None:
    """What, whose, under which licence, how large, for whom and why."""
    settings = load(config)
    found = _read(settings)
    wanted = found.for_phases(phases or PHASES)
    chosen = FeedBook(settings.server.state_dir).in_use()
    if as_json:
        left_out = [{"feed": one.feed, "why": one.why} for one in found.left_out]
        say_json({"recommended": [_row(one, chosen) for one in wanted], "left_out": left_out})
        return
    _print(wanted, chosen)
    in_use = sum(one.feed.id in chosen for one in wanted)
    say(f"in use: {in_use} of {len(wanted)}; all of them: {enable_command(tuple(phases))}")
    for one in found.left_out:
        say(f"not recommended: {one.feed}: {one.why}", "dim")


def enable(config: Path | None, phases: Sequence[Phase], accepted: bool) -> None:
    """Uses all of them, once their licences are accepted. Raises what the operation raises."""
    settings = load(config)
    if not accepted:
        state_dir.refuse_strangers(settings.server.state_dir)
        _print(_read(settings).for_phases(phases or PHASES), FeedBook(settings.server.state_dir).in_use())
        raise LicenceNotAccepted.of(enable_command(tuple(phases)))
    done: Recommended = ask(config, "feeds.enable_recommended", accepts_licences=accepted, phases=tuple(phases))
    for one in done.attributions:
        say(f"named as: {one}")
    say(f"{len(done.added)} feeds added, {len(done.in_use)} were in use already")
    for feed in done.left_off:
        say(f"{feed} stays off, as you have switched it off; on again: schoolgate feeds enable {feed} --accept-licence")
    say("they are in use from the next update; now: schoolgate lists update")


def _read(settings: Settings) -> Recommendations:
    return read_recommended(settings.lists.dir, read_published(settings.lists.dir))


def _print(wanted: Sequence[Recommendation], chosen: Sequence[str]) -> None:
    rows = table("feed", "kind of site", "in use", "whose", "licence", "names", "for", "why")
    for one in wanted:
        row = _row(one, chosen)
        phases = "all" if one.phases == PHASES else ", ".join(one.phases)
        in_use = "yes" if row["in_use"] else "no"
        whose = (row["publisher"], row["licence"])
        rows.add_row(row["id"], row["category"], in_use, *whose, f"{row['names']:,}", phases, row["why"])
    out.print(rows)


def _row(one: Recommendation, chosen: Sequence[str]) -> dict[str, Any]:
    return {
        "id": one.feed.id,
        "name": one.feed.name,
        "category": one.feed.category,
        "publisher": one.publisher.name,
        "homepage": one.publisher.homepage,
        "licence": one.publisher.licence,
        "names": one.feed.names,
        "phases": list(one.phases),
        "why": one.why,
        "in_use": one.feed.id in chosen,
    }
