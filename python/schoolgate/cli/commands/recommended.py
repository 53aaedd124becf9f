"""`feeds recommend` and `feeds enable --recommended`: the feeds that a school should begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import out, say, say_json, table
from schoolgate.lists.recommended import PHASES, Phase
from schoolgate.operations.lists.feed_views import RecommendedFeed, RecommendedShown
from schoolgate.operations.lists.feeds import LicenceNotAccepted, Recommended, enable_command


def recommend(config: Path | None, phases: Sequence[Phase], as_json: bool) -> None:
    """What, whose, under which licence, how large, for whom and why."""
    found: RecommendedShown = ask(config, "feeds.recommended", phases=tuple(phases))
    if as_json:
        say_json(asdict(found))
        return
    _print(found.recommended)
    in_use = sum(one.in_use for one in found.recommended)
    say(f"in use: {in_use} of {len(found.recommended)}; all of them: {enable_command(tuple(phases))}")
    for one in found.left_out:
        say(f"not recommended: {one.feed}: {one.why}", "dim")


def enable(config: Path | None, phases: Sequence[Phase], accepted: bool) -> None:
    """Uses all of them, once their licences are accepted. Raises what the operation raises."""
    if not accepted:
        found: RecommendedShown = ask(config, "feeds.recommended", phases=tuple(phases))
        _print(found.recommended)
        raise LicenceNotAccepted.of(enable_command(tuple(phases)))
    done: Recommended = ask(config, "feeds.enable_recommended", accepts_licences=accepted, phases=tuple(phases))
    for one in done.attributions:
        say(f"named as: {one}")
    say(f"{len(done.added)} feeds added, {len(done.in_use)} were in use already")
    for feed in done.left_off:
        say(f"{feed} stays off, as you have switched it off; on again: schoolgate feeds enable {feed} --accept-licence")
    say("they are in use from the next update; now: schoolgate lists update")


def _print(wanted: Sequence[RecommendedFeed]) -> None:
    rows = table("feed", "kind of site", "in use", "whose", "licence", "names", "for", "why")
    for one in wanted:
        phases = "all" if one.phases == PHASES else ", ".join(one.phases)
        in_use = "yes" if one.in_use else "no"
        names = "" if one.names is None else f"{one.names:,}"
        rows.add_row(one.id, one.category or "", in_use, one.publisher, one.licence, names, phases, one.why)
    out.print(rows)
