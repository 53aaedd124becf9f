"""A report as one HTML file: no script, nothing fetched, everything escaped, and fit to be printed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from schoolgate.reports.chart import svg
from schoolgate.reports.page import Page, Section

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
.subtitle, footer { color: #555; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
p { margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; margin: .8rem 0; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #e4e4e4;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg .all { fill: #c9d7e3; } svg .blocked { fill: #b3261e; } svg .rule { stroke: #ddd; }
svg text { font: 11px system-ui, sans-serif; fill: #555; }
svg .count { text-anchor: end; } svg .day { text-anchor: middle; }
.key span { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; }
footer { font-size: .85rem; margin-top: 2.5rem; }
@media print { body { font-size: 11pt; margin: 0; max-width: none; } section { break-inside: avoid; }
  @page { margin: 18mm; } }
"""
# Nothing is loaded, whatever a name in the log looks like.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_KEY = (
    '<p class="key"><span style="background:#c9d7e3"></span>questions'
    '<span style="background:#b3261e"></span>of them blocked</p>'
)


def html_of(page: Page) -> str:
    sections = "".join(
        f"<section><h2>{escape(one.title)}</h2>{''.join(_section(one))}</section>" for one in page.sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(page.title)}</title><style>{_STYLE}</style></head><body>"
        f'<header><h1>{escape(page.title)}</h1><p class="subtitle">{escape(page.subtitle)}</p></header>'
        f"<main>{sections}</main><footer><p>{escape(page.foot)}</p></footer></body></html>\n"
    )


def _section(section: Section) -> Iterator[str]:
    for sentence in section.sentences:
        yield f"<p>{escape(sentence)}</p>"
    if section.chart:
        yield svg(section.chart) + _KEY
    if section.rows:
        head = "".join(f'<th scope="col">{escape(one)}</th>' for one in section.columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
        yield f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
