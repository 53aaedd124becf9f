"""What a filter of the log, or a question about a name, can be chosen from: no row, no device and no name is in it."""

from __future__ import annotations

from dataclasses import dataclass

from schoolgate.checks.layers import LAYERS
from schoolgate.identity.attribution import FILE
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy import load_catalogue, parse
from schoolgate.policy.active_policy import active_or_first


@dataclass(frozen=True)
class LogChoices:
    """`segments`: each with its policy outside of schedules. `categories`: id to name. `layers`: id to what it is, in
    the order in which they are asked. `time_zone`: the school's. `has_devices`: it is known which devices had which
    address, so rows may have names."""

    segments: dict[str, str]
    policies: tuple[str, ...]
    categories: dict[str, str]
    layers: dict[str, str]
    time_zone: str
    has_devices: bool = False


@looks("log.choices")
def choices(work: Work) -> LogChoices:
    """The words that a filter may have. Of the policy in force; before there is one, of the first."""
    _, text, file = active_or_first(work.settings)
    document = parse(text, file).document
    categories = load_catalogue(work.settings.lists.dir).categories.values()
    return LogChoices(
        segments={name: one.policy for name, one in document.segments.items()},
        policies=tuple(document.policies),
        categories={one.id: one.name for one in categories},
        layers={name: title.partition(" ")[2] for name, title in LAYERS.items()},
        time_zone=document.time_zone,
        has_devices=(work.settings.server.state_dir / FILE).exists(),
    )
