"""Domain names as text: how random they look."""

from __future__ import annotations

import math
from collections import Counter

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
