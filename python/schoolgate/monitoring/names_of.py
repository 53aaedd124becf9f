"""Domain names as text: how random they look, and how they are written so that nobody can click on them."""

from __future__ import annotations

import math
import re
from collections import Counter

_PLAIN = re.compile(r"[a-z0-9_.*-]")
LONGEST_SHOWN = 120
_VOWELS = frozenset("aeiouy")


def entropy_bits(text: str) -> float:
    """Shannon entropy of the characters, bits a character; 0 for an empty text."""
    if not text:
        return 0.0
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())


def looks_generated(label: str, least_length: int, least_entropy: float) -> bool:
    """Random letters: long, varied, and not built of syllables. Words of any language have vowels among their
    letters."""
    if len(label) < least_length or label.startswith("xn--") or entropy_bits(label) < least_entropy:
        return False
    letters = [one for one in label if one.isalpha()]
    digits = sum(one.isdigit() for one in label)
    if digits * 4 >= len(label):
        return True
    return _longest_run_without_vowel(label) >= 5 or sum(one in _VOWELS for one in letters) * 4 < len(letters)


def _longest_run_without_vowel(label: str) -> int:
    longest = here = 0
    for one in label:
        here = 0 if one in _VOWELS or one == "-" else here + 1
        longest = max(longest, here)
    return longest


def unlinked(name: str) -> str:
    """`www.example.com` as `www[.]example[.]com`. Whatever is no letter, digit or hyphen is escaped, so that nothing in
    a name can end a line, a header or a piece of markup."""
    kept = "".join(one if _PLAIN.fullmatch(one) else f"\\{ord(one)}" for one in name.lower()[:LONGEST_SHOWN])
    return kept.replace(".", "[.]") + ("..." if len(name) > LONGEST_SHOWN else "")
