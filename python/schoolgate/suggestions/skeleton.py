"""What a label looks like, whatever letters it is written with: two labels that look alike have the same skeleton.

The idea and the facts are those of Unicode UTS-39 (confusables), section 4: only the letters of other scripts
and the digits that are commonly used to imitate a name in lower case, written down by us. A skeleton is for comparing,
never for asking.
"""

from __future__ import annotations

import unicodedata

_ACE = "xn--"
# RFC 5890: a label has 63 octets; decoded, at most as many letters.
LONGEST_LABEL = 63

# Code points by the Latin letter they look like: odd Latin letters (00F8-0292, 1D22, A731, AB47), Greek (03xx),
# Cyrillic (0430-052F), Armenian (0570-0585), Roman numerals (21xx).
_LETTERS = {
    "a": "0430 03B1 0251",
    "b": "0432 0185",
    "c": "0441 03F2",
    "d": "0501 0111",
    "e": "0435 0454 04BD",
    "f": "0192",
    "g": "0261 0581",
    "h": "04BB 043D 0127",
    "i": "0456 03B9 0131 04CF",
    "j": "0458 03F3",
    "k": "043A 03BA",
    "l": "0142 217C",
    "m": "043C 217F",
    "n": "0578 03B7 043F",
    "o": "043E 03BF 0585 03C3 00F8",
    "p": "0440 03C1",
    "q": "051B",
    "r": "0433 AB47",
    "s": "0455 A731",
    "t": "0442 03C4 0167",
    "u": "03C5 057D",
    "v": "03BD 0475 2174",
    "w": "051D 0461 03C9",
    "x": "0445 03C7 2179",
    "y": "0443 03B3 04AF",
    "z": "1D22",
}
# Digits that stand for letters; the last five are habit, not looks.
_DIGITS = {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b"}
_ONE = str.maketrans({chr(int(odd, 16)): latin for latin, odds in _LETTERS.items() for odd in odds.split()} | _DIGITS)
# Pairs that are read as one letter in most typefaces.
_PAIRS = (("rn", "m"), ("vv", "w"))


def skeleton(label: str) -> str:
    """The skeleton of one label as it is asked (`xn--...` too). What cannot be decoded stands for itself."""
    # Twice: compatibility forms are other letters before and after they are taken apart.
    text = unicodedata.normalize("NFKD", _decoded(label.lower()).lower().translate(_ONE)).lower()
    bare = "".join(one for one in text if not unicodedata.combining(one)).translate(_ONE).replace("-", "")
    for pair, letter in _PAIRS:
        bare = bare.replace(pair, letter)
    return bare.replace("i", "l")


def _decoded(label: str) -> str:
    if not label.startswith(_ACE) or len(label) > LONGEST_LABEL:
        return label
    try:
        return label.removeprefix(_ACE).encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
