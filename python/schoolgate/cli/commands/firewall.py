"""`export firewall`."""

from __future__ import annotations

import sys
from pathlib import Path

from schoolgate.cli.commands.terminal import note
from schoolgate.config import load
from schoolgate.firewall import Format, exported, place_of, read_resolvers
from schoolgate.firewall.formats import beside


def export(config: Path | None, form: str, interfaces: tuple[str, ...], resolvers: tuple[str, ...]) -> None:
    """The rules on standard output; what they cannot say themselves beside it."""
    settings = load(config)
    place = place_of(interfaces, resolvers, settings)
    sys.stdout.write(exported(Format(form), read_resolvers(settings.lists.dir), place))
    sys.stdout.flush()
    for line in beside(Format(form), place):
        note(line)
