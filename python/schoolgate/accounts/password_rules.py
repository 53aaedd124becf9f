"""Which passwords are accepted: length, how hard they are to guess, and what a school's pupils would try first.

Every reason is said at once and in plain words, and none repeats a part of the password.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from schoolgate.accounts.account_settings import MOST_LENGTH, PasswordSettings
from schoolgate.accounts.breach_file import BreachedPasswords
from schoolgate.accounts.errors import PasswordRefused
from schoolgate.accounts.password_hashing import normal

MIN_SCORE = 3
# The estimate takes seconds for 128 odd characters. A password is no weaker than a part of it, so two parts are judged.
JUDGED_LENGTH = 40
WAIVED_LENGTH, WAIVED_WORDS, WORD_LENGTH = 20, 3, 3
KINDS_NEEDED = 3
SEASONS = ("spring", "summer", "autumn", "winter")
_REASONS = {
    "dictionary": "it is built on a common word, name or password",
    "own": "it is built on a name that others would guess: the school, the town, your own name, or a season and year",
    "spatial": "it is built on keys that lie beside each other",
    "repeat": "it repeats itself",
    "sequence": "it is built on a sequence such as abc or 6543",
    "regex": "it is built on a year",
    "date": "it is built on a date",
}
# zxcvbn keeps the words of its user in a table of its module.
_one_at_a_time = threading.Lock()


async def refuse_weak(
    password: str,
    settings: PasswordSettings,
    *,
    own_words: Iterable[str] = (),
    has_second_factor: bool,
    now_us: int,
    breached: BreachedPasswords | None = None,
) -> None:
    """Raises `PasswordRefused` with every rule that the password breaks. `own_words`: login and display name."""
    words = context_words((*settings.words, *own_words), dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC).year)
    reasons = await asyncio.to_thread(broken_rules, normal(password), settings, words, has_second_factor, breached)
    if reasons:
        raise PasswordRefused(reasons)


def broken_rules(
    password: str,
    settings: PasswordSettings,
    words: list[str],
    has_second_factor: bool,
    breached: BreachedPasswords | None = None,
) -> tuple[str, ...]:
    """The reasons against a password in NFC."""
    shortest = settings.min_length if has_second_factor else settings.min_length_alone
    if len(password) > MOST_LENGTH:
        return (f"it has {len(password)} characters; use {MOST_LENGTH} at most",)
    if not password.isprintable():
        return ("it has a character that cannot be typed everywhere; leave it out",)
    found = []
    if len(password) < shortest:
        alone = "" if has_second_factor else " where there is no second factor"
        found.append(f"it has {len(password)} characters; use {shortest} or more{alone}")
    if settings.needs_complexity and not (is_passphrase(password) or kinds(password) >= KINDS_NEEDED):
        found.append(
            f"use three of: capital letters, small letters, digits, other characters; or three words and"
            f" {WAIVED_LENGTH} characters"
        )
    found += _guessable(password, words)
    if breached is not None and password in breached:
        found.append("it is in a list of passwords that were stolen elsewhere")
    return tuple(found)


def is_passphrase(password: str) -> bool:
    """Whether it is three words and 20 characters: the rule on kinds of characters is waived then."""
    words = {one.casefold() for one in re.findall(rf"[^\W\d_]{{{WORD_LENGTH},}}", password)}
    return len(password) >= WAIVED_LENGTH and len(words) >= WAIVED_WORDS


def kinds(password: str) -> int:
    """How many of these it has: capital letters, small letters, digits, others."""
    tests = (str.isupper, str.islower, str.isdigit, lambda one: not one.isalnum())
    return sum(any(test(one) for one in password) for test in tests)


def context_words(words: Iterable[str], year: int) -> list[str]:
    """What pupils would try: these names, each of their parts, and seasons of the years around, in small letters."""
    found: list[str] = []
    for one in words:
        text = normal(one).casefold()
        parts = re.findall(r"\w{3,}", text)
        found += [text, "".join(parts), *parts]
    for near in range(year - 2, year + 2):
        found += [f"{season}{tail}" for season in (*SEASONS, "fall") for tail in (near, f"{near % 100:02}")]
    return [one for one in dict.fromkeys(found) if one]


def _guessable(password: str, words: list[str]) -> list[str]:
    if not password:
        return []
    results = [_judged(part, words) for part in dict.fromkeys((password[:JUDGED_LENGTH], password[-JUDGED_LENGTH:]))]
    best = max(results, key=lambda one: int(one["score"]))
    if best["score"] >= MIN_SCORE:
        return []
    patterns = set(_patterns(best["sequence"]))
    named = [reason for pattern, reason in _REASONS.items() if pattern in patterns]
    return [*named, "it is too easy to guess; three or four unrelated words are hard to guess and easy to keep"]


def _patterns(matches: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What the estimate found, also in what is repeated."""
    for one in matches:
        yield "own" if one.get("dictionary_name") == "user_inputs" else str(one.get("pattern"))
        yield from _patterns(one.get("base_matches") or ())


def _judged(part: str, words: list[str]) -> dict[str, Any]:
    from zxcvbn import zxcvbn

    with _one_at_a_time:
        result: dict[str, Any] = zxcvbn(part, words, max_length=MOST_LENGTH)
    return result
