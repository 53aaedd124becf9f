"""Settings of sign-in, with the values a school starts with. Floors are in the code: no setting goes below them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schoolgate.accounts.errors import AccountRefused

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

# NIST SP 800-63B-4 section 3.1.1.2: no policy accepts a password shorter than this.
FLOOR_LENGTH = 8
MOST_LENGTH = 128


@dataclass(frozen=True)
class PasswordSettings:
    """`min_length` with a second factor, `min_length_alone` without one, in characters after NFC. `words`: names that
    pupils would guess: school, trust, town. `breached`: a file made by `breach_file.build`."""

    min_length: int = 12
    min_length_alone: int = 15
    needs_complexity: bool = False
    words: tuple[str, ...] = ()
    breached: Path | None = None

    def __post_init__(self) -> None:
        for name in ("min_length", "min_length_alone"):
            value = getattr(self, name)
            if not FLOOR_LENGTH <= value <= MOST_LENGTH:
                raise AccountRefused(
                    f"{name} is {value}; passwords have {FLOOR_LENGTH} to {MOST_LENGTH} characters at least"
                )
