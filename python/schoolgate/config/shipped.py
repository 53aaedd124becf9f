"""Where the lists that come with schoolgate are: in the wheel, in a checkout, or where a Debian package put them."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


@cache
def shipped_lists() -> Path:
    """The first place that holds them; the wheel's own place when none does, so that messages name it."""
    package = Path(__file__).resolve().parent.parent
    places = (
        package / "shipped" / "lists",
        package.parent.parent / "lists",
        Path(sys.prefix) / "share" / "schoolgate" / "lists",
        Path("/usr/share/schoolgate/lists"),
    )
    return next((place for place in places if (place / "categories.toml").is_file()), places[0])
