"""Lines of the school's own lists that are addresses of pages: they close nothing, and their writer should know."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic_core import PydanticCustomError

from schoolgate.config import Problem, Settings
from schoolgate.config.domain_name import refuse_address
from schoolgate.config.problems import problem_of

# Of one file; a person mends the first ones and looks again.
MOST_SHOWN = 20


def address_lines(settings: Settings) -> tuple[Problem, ...]:
    """The first such lines of each list in `lists.extra`, each with the name to write instead. A file that cannot be
    read has none: the build says so."""
    return tuple(problem for one in settings.lists.extra for problem in islice(_of_file(one.path), MOST_SHOWN))


def _of_file(path: Path) -> Iterator[Problem]:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                words = line.partition(" #")[0].split()
                if not words or words[0].startswith("#"):
                    continue
                try:
                    refuse_address(words[-1])
                except PydanticCustomError as error:
                    yield problem_of(str(path), f"line {number}", error)
    except OSError:
        return
