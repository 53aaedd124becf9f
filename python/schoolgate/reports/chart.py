"""A trend as bars, day by day: all questions light, blocked ones dark. As SVG for paper, as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from schoolgate.reports.facts import Day

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 220, 64, 28, 12
# More bars than this are thinner than a line.
MOST_BARS = 190
TEXT_WIDTH = 40


def svg(days: Sequence[Day]) -> str:
    """One <svg>, with its meaning in words for those who do not see it."""
    days = days[-MOST_BARS:]
    most = nice_above(max((day.rows for day in days), default=0))
    step = (WIDTH - LEFT) / max(1, len(days))
    label = f"Questions a day: {', '.join(f'{day.date:%-d %b} {day.rows}, blocked {day.blocked}' for day in days)}"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label, quote=True)}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        *_scale(most),
    ]
    for number, day in enumerate(days):
        left = LEFT + number * step
        parts += [_bar(left, step, day.rows, most, "all"), _bar(left, step, day.blocked, most, "blocked")]
        if number % max(1, math.ceil(len(days) / 8)) == 0:
            parts.append(f'<text x="{left + step / 2:.1f}" y="{HEIGHT - 8}" class="day">{day.date:%-d %b}</text>')
    return "".join([*parts, "</svg>"])


def _scale(most: int) -> Iterator[str]:
    for share in (0, 0.5, 1):
        y = _y(most * share, most)
        yield f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="count">{most * share:,.0f}</text>'


def _bar(left: float, step: float, count: int, most: int, kind: str) -> str:
    y = _y(count, most)
    place = f'x="{left + step * 0.15:.1f}" y="{y:.1f}" width="{step * 0.7:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
    return f'<rect {place} class="{kind}"/>'


def _y(count: float, most: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * count / max(1, most)


def nice_above(count: int) -> int:
    """1, 2 or 5 times a power of ten: the top of a scale that people can halve."""
    power: int = 10 ** max(0, len(str(max(1, count))) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= count)


def bars(days: Sequence[Day]) -> Iterator[str]:
    """A line a day: # for blocked, - for the rest."""
    most = max((day.rows for day in days), default=0) or 1
    for day in days[-MOST_BARS:]:
        blocked = round(day.blocked / most * TEXT_WIDTH)
        blocked = max(blocked, 1) if day.blocked else 0
        rest = max(0, round(day.rows / most * TEXT_WIDTH) - blocked)
        yield f"{day.date:%a %d %b} {'#' * blocked}{'-' * rest} {day.rows:,}, blocked {day.blocked:,}"
