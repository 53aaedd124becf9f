"""Values in words, as people read them on pages: numbers, spans of time, sizes, networks, commands."""

from __future__ import annotations

import datetime as dt
from typing import Final

from markupsafe import Markup, escape

_WORDS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def number(count: int) -> str:
    """In a word up to twelve, then in figures."""
    return _WORDS[count] if 0 <= count < len(_WORDS) else f"{count:,}"


def in_words(count: int, one: str, many: str | None = None) -> str:
    """ "one list", "3,120 names". `many`: where it is not `one` with an s."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def age(seconds: int) -> str:
    """ "five minutes", "two days": whole units, rounded down."""
    if seconds < 3600:
        return in_words(max(1, seconds // 60), "minute")
    if seconds < 2 * 86_400:
        return in_words(seconds // 3600, "hour")
    return in_words(seconds // 86_400, "day")


def day(value: dt.date) -> str:
    """ "1 Sep", with its year where that is more than half a year from now."""
    is_near = abs((value - dt.datetime.now(dt.UTC).date()).days) < 180
    return f"{value.day} {value:%b}" + ("" if is_near else f" {value.year}")


def counted(number: int, word: str, words: str = "") -> str:
    """ "1 day", "3 days". `words`: of more than one, where it is not the word with an s."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def span(seconds: float) -> str:
    """A span of time in its largest unit that fits twice or fits whole: "90 minutes", "3 days"."""
    whole = max(0, int(seconds))
    for word, size in _UNITS:
        if whole >= 2 * size or size == 1 or whole == size:
            return counted(whole // size, word)
    raise AssertionError


def duration(seconds: float) -> str:
    """Seconds in the two largest units that say something: "2 days", "1 hour 20 minutes"."""
    left, said = max(0, round(seconds)), list[str]()
    for word, size in _UNITS:
        whole, left = divmod(left, size)
        if whole and len(said) < 2:
            said.append(counted(whole, word))
        elif said:
            break
    return " ".join(said) or "less than a second"


def left(until: str, now: dt.datetime) -> str:
    """How long it is until a time in ISO 8601: "2 hours 10 minutes left"."""
    seconds = (dt.datetime.fromisoformat(until) - now).total_seconds()
    if seconds <= 0:
        return "has ended"
    return f"{duration(seconds if seconds < 3600 else seconds // 60 * 60)} left"


def roughly(number: int) -> str:
    """ "5.9 million", "42,000": as exact as a number is that changes from day to day."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f} million"
    return f"{round(number, -3) if number >= 10_000 else number:,}"


def octets(number: float) -> str:
    """A size: "3.4 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            whole = unit == "bytes" or number >= 100
            return f"{number:.0f} {unit}" if whole else f"{number:.1f}".removesuffix(".0") + f" {unit}"
        number /= 1000
    raise AssertionError


def group(identity: str) -> str:
    """The name of a segment or policy as people read it: "year-11" is "Year 11"."""
    words = identity.replace("-", " ").replace("_", " ").strip()
    words = words[:1].upper() + words[1:]
    return f"AI{words[2:]}" if words == "Ai" or words.startswith("Ai ") else words or "Devices in no network"


def list_name(feed: str) -> str:
    """The list behind the label of a rule, as people read it: "starter/games" is "starter list of games"."""
    folder, has_folder, name = feed.partition("/")
    if folder == "starter" and name:
        return f"starter list of {name.replace('-', ' ')}"
    return name if has_folder and folder == "feeds" else feed


def named(name: str) -> str:
    """Who did something, without the account's or the user's kind: "account:asmith" is "asmith"."""
    return name.partition(":")[2] if name.startswith("account:") else name


def commands(text: str) -> Markup:
    """Text whose parts between backticks are commands: monospaced."""
    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if number % 2 and number < len(parts) - 1 else escape(one)
        for number, one in enumerate(parts)
    )


FILTERS: Final = {
    "age": age,
    "span": span,
    "duration": duration,
    "octets": octets,
    "roughly": roughly,
    "counted": counted,
    "commands": commands,
    "group": group,
    "list_name": list_name,
    "named": named,
}
