"""One page of Markdown: its title, its headings, where it leads, and the same as HTML.

A picture is asked for by a comment, `<!-- picture: health: What the picture shows -->`: who reads the page as text does
not see it. Other HTML is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PICTURE = re.compile(r"<!-- picture: ([\w-]+): ([^\n]+?) -->\s*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_READER = MarkdownIt("commonmark").enable("table")
# Wide ones scroll by themselves, with a keyboard too; a phone's page does not.
_TABLE, _TABLE_END = '<div class="wide" tabindex="0">\n<table>\n', "</table>\n</div>\n"


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Markdown:
    """`source`: where the page lies, from the top of the tree."""

    source: Path
    text: str

    @cached_property
    def _tokens(self) -> list[Token]:
        return _READER.parse(self.text)

    @property
    def title(self) -> str:
        return next((one.text for one in self.headings if one.level == 1), self.source.name)

    @cached_property
    def headings(self) -> list[Heading]:
        """With the anchors that Git forges give them: small letters, dashes for spaces, no other signs."""
        found: list[Heading] = []
        taken: dict[str, int] = {}
        for opening, inside in zip(self._tokens, self._tokens[1:], strict=False):
            if opening.type == "heading_open":
                words = "".join(one.content for one in inside.children or ())
                anchor = re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-")
                before = taken.get(anchor, 0)
                taken[anchor] = before + 1
                found.append(Heading(int(opening.tag[1]), words, f"{anchor}-{before}" if before else anchor))
        return found

    def links(self) -> list[str]:
        """To pages, files and pictures of the tree: `page`, `page#anchor` or `#anchor`."""
        return [link for _, _, link in _inside_links(self._tokens)]

    def foreign(self) -> list[str]:
        """HTML that is no picture's comment."""
        inline = [child for one in self._tokens for child in one.children or () if child.type == "html_inline"]
        blocks = [one for one in self._tokens if one.type == "html_block" and not _picture(one)]
        return [one.content.strip() for one in [*inline, *blocks]]

    def html(self, rewritten: Callable[[str], str], figure: Callable[[str, str], str]) -> str:
        """`rewritten` turns a link of the tree into one of the site; `figure` takes a picture's name and words."""
        tokens = _READER.parse(self.text)
        anchors = iter(self.headings)
        for one in tokens:
            if one.type == "heading_open":
                one.attrSet("id", next(anchors).anchor)
            elif found := _picture(one):
                one.content = figure(found[1], found[2])
        for link, name, where in _inside_links(tokens):
            link.attrSet(name, rewritten(where))
        made = _READER.renderer.render(tokens, _READER.options, {})
        made = made.replace("<table>\n", _TABLE).replace("</table>\n", _TABLE_END)
        return str(made).replace("<pre><code", '<pre tabindex="0"><code')


def _picture(token: Token) -> re.Match[str] | None:
    return _PICTURE.fullmatch(token.content) if token.type == "html_block" else None


def _inside_links(tokens: list[Token]) -> Iterator[tuple[Token, str, str]]:
    """Each with the name of its attribute."""
    for one in (child for token in tokens for child in token.children or ()):
        name = {"link_open": "href", "image": "src"}.get(one.type)
        if name and not _SCHEME.match(where := str(one.attrs[name])):
            yield one, name, where
