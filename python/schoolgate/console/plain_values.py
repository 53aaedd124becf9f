"""Values in words for pages: spans of time, octets, counted things, and text with commands in it."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup, escape

_SPANS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_UNITS: Final = ("octets", "kB", "MB", "GB", "TB")


def span(seconds: float) -> str:
    """A span of time in its largest unit that fits twice or fits whole: "90 minutes", "3 days"."""
    whole = max(0, int(seconds))
    for size, word in _SPANS:
        if whole >= 2 * size or size == 1 or whole == size:
            return counted(whole // size, word)
    raise AssertionError


def octets(number: float) -> str:
    """ "12.4 GB", in powers of a thousand."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {_UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {_UNITS[unit]}"


def counted(number: int, word: str, words: str = "") -> str:
    """ "1 day", "3 days". `words`: of more than one, where it is not the word with an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def commands(text: str) -> Markup:
    """Text whose parts between backticks are commands: monospaced."""
    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if number % 2 and number < len(parts) - 1 else escape(one)
        for number, one in enumerate(parts)
    )


FILTERS: Final = {"span": span, "octets": octets, "counted": counted, "commands": commands}
