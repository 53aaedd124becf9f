"""Bars as SVG: one group a workload, one bar a server, a whisker from the least to the greatest run.

Black on white with a mark for the bar to reach; readable in print and without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.spread import Spread

_WIDTH, _LABEL, _VALUE = 760, 230, 150
_ROW, _GAP, _TOP = 20, 14, 44
_SHADES = ("#1b4f72", "#7f8c8d", "#a04000", "#196f3d", "#6c3483", "#b7950b", "#212f3c", "#873600", "#117864", "#78281f")


@dataclass(frozen=True)
class Bar:
    """One bar; `mark` is where the bar to reach lies, if there is one."""

    label: str
    spread: Spread
    mark: float | None = None


@dataclass(frozen=True)
class Group:
    title: str
    bars: tuple[Bar, ...]


def bars(title: str, unit: str, groups: Sequence[Group], digits: int = 0) -> str:
    """The chart as SVG text."""
    shown = [group for group in groups if group.bars]
    most = max((max(bar.spread.greatest, bar.mark or 0) for group in shown for bar in group.bars), default=1.0) or 1.0
    scale = (_WIDTH - _LABEL - _VALUE) / most
    labels = list(dict.fromkeys(bar.label for group in shown for bar in group.bars))
    parts, y = [], _TOP
    for group in shown:
        parts.append(f'<text x="0" y="{y + 12}" font-weight="bold">{escape(group.title)}</text>')
        y += _ROW
        for bar in group.bars:
            parts += _bar(bar, y, scale, _SHADES[labels.index(bar.label) % len(_SHADES)], digits)
            y += _ROW
        y += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
        f'font-family="sans-serif" font-size="12" role="img"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="0" y="16" font-size="14" font-weight="bold">{escape(title)}</text>'
        f'<text x="0" y="32" fill="#555">{escape(unit)}; bar: median; line: least to greatest run</text>'
    )
    return head + "".join(parts) + "</svg>\n"


def _bar(bar: Bar, y: int, scale: float, shade: str, digits: int) -> list[str]:
    spread, middle = bar.spread, y + _ROW / 2 - 2
    left, right = _LABEL + spread.least * scale, _LABEL + spread.greatest * scale
    beside, figure = max(right, _LABEL + spread.median * scale) + 6, f"{spread.median:,.{digits}f}"
    parts = [
        f'<text x="{_LABEL - 6}" y="{y + 12}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{_LABEL}" y="{y}" width="{max(spread.median * scale, 1):.1f}" height="{_ROW - 5}" fill="{shade}"/>',
        f'<path d="M{left:.1f} {middle}H{right:.1f}" stroke="#000" stroke-width="1.5"/>',
        f'<text x="{beside:.1f}" y="{y + 12}">{figure}</text>',
    ]
    if bar.mark is not None:
        at = _LABEL + bar.mark * scale
        parts.append(
            f'<path d="M{at:.1f} {y - 2}V{y + _ROW - 3}" stroke="#c0392b" stroke-width="2" stroke-dasharray="3 2"/>'
        )
    return parts
