"""Numbers and times in words, as a page's first line says them."""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_HOUR_S, _DAY_S = 3600, 86_400


def number(count: int) -> str:
    """In a word up to twelve, then in figures."""
    return _WORDS[count] if 0 <= count < len(_WORDS) else f"{count:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """ "one list", "3,120 names". `many`: where it is not `one` with an s."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def age(seconds: int) -> str:
    """ "five minutes", "two days": whole units, rounded down."""
    if seconds < _HOUR_S:
        return counted(max(1, seconds // 60), "minute")
    if seconds < 2 * _DAY_S:
        return counted(seconds // _HOUR_S, "hour")
    return counted(seconds // _DAY_S, "day")
