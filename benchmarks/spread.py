"""Several runs of one figure: least, middle, greatest. One run is no measurement."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Runs in the order they were made."""

    runs: tuple[float, ...]

    @classmethod
    def of(cls, runs: Sequence[float]) -> Spread:
        return cls(tuple(runs))

    @property
    def least(self) -> float:
        return min(self.runs)

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def greatest(self) -> float:
        return max(self.runs)

    def over(self, other: Spread) -> Spread:
        """The ratios of runs made in the same round."""
        return Spread(tuple(one / by for one, by in zip(self.runs, other.runs, strict=True)))

    def text(self, digits: int = 0) -> str:
        """`median (least to greatest)`."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.greatest:,.{digits}f})"

    def as_dict(self) -> dict[str, object]:
        return {"runs": list(self.runs), "min": self.least, "median": self.median, "max": self.greatest}
