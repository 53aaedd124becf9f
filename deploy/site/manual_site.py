"""The manuals as a site of plain files: `python deploy/site/manual_site.py target/manuals`.

The pages below docs/, the README, and what they lead to, as HTML that needs no server, no script and no network.
Pictures are those that the browser tests took last; without them the site has none.
"""

from __future__ import annotations

import html
import os
import shutil
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_page import Heading, Markdown
from markupsafe import Markup

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PICTURES = ROOT / "target" / "console-pictures"
TOKENS = ROOT / "python/schoolgate/console/assets/tokens.css"
ICON = ROOT / "python/schoolgate/console/assets/favicon.svg"
HOME = Path("docs/manuals/README.md")
# The groups of the list of pages, by the folder of their pages; what lies elsewhere is for those who build it.
GROUPS = (("docs/manuals", "By reader"), ("docs", "By subject"), ("deploy", "Installing"), ("", "How it is built"))
# As the browser tests name their pictures: theme and width, and when a browser shows that one.
LOOKS = (
    ("dark-360", "(max-width: 40em) and (prefers-color-scheme: dark)"),
    ("light-360", "(max-width: 40em)"),
    ("dark-1280", "(prefers-color-scheme: dark)"),
)
PLAIN_LOOK = "light-1280"


class BrokenPages(Exception):
    """Links that lead nowhere, and HTML in pages; a line each."""


@dataclass(frozen=True)
class Site:
    """`pages` in the order of their first link from the first page; `files` are copied as they are."""

    pages: dict[Path, Markdown]
    files: list[Path]


def main(out: Path) -> None:
    try:
        site = collected()
    except BrokenPages as broken:
        sys.exit(str(broken))
    shown = write(site, out, PICTURES)
    print(f"{out}/index.html: {len(site.pages)} pages, {shown} pictures of screens")
    if not shown:
        print(f"no pictures in {PICTURES.relative_to(ROOT)}: tests/browser takes them", file=sys.stderr)


def collected(root: Path = ROOT) -> Site:
    """Everything that the site is made of; raises BrokenPages."""
    waiting = [HOME, Path("README.md"), *(one.relative_to(root) for one in sorted((root / "docs").rglob("*.md")))]
    pages: dict[Path, Markdown] = {}
    files: dict[Path, None] = {}
    while waiting:
        source = waiting.pop(0)
        if source in pages or not (root / source).is_file():
            continue
        if source.suffix != ".md":
            files[source] = None
            continue
        pages[source] = Markdown(source, (root / source).read_text(encoding="utf-8"))
        waiting += [_target(source, link)[0] for link in pages[source].links()]
    if problems := broken(pages, root):
        raise BrokenPages("\n".join(problems))
    return Site(pages, list(files))


def broken(pages: dict[Path, Markdown], root: Path = ROOT) -> list[str]:
    """What is wrong with these pages: a line for each place."""
    problems = []
    for source, page in pages.items():
        problems += [f"{source}: HTML: {one}" for one in page.foreign()]
        for link in page.links():
            target, anchor = _target(source, link)
            if not (root / target).is_file():
                problems.append(f"{source}: {link}: no such file")
            elif anchor and anchor not in {one.anchor for one in _page(target, pages, root).headings}:
                problems.append(f"{source}: {link}: no such heading")
    return problems


def _page(source: Path, pages: dict[Path, Markdown], root: Path) -> Markdown:
    return pages.get(source) or Markdown(source, (root / source).read_text(encoding="utf-8"))


def _target(source: Path, link: str) -> tuple[Path, str]:
    """Where a link of a page leads, from the top of the tree, and to which heading."""
    page, _, anchor = link.partition("#")
    return (Path(os.path.normpath(source.parent / page)) if page else source), anchor


def write(site: Site, out: Path, pictures: Path) -> int:
    """The site anew; how many pictures it shows."""
    shutil.rmtree(out, ignore_errors=True)
    for one in site.files:
        _copy(ROOT / one, out / one)
    _copy(ICON, out / "favicon.svg")
    style = TOKENS.read_text(encoding="utf-8") + (HERE / "site.css").read_text(encoding="utf-8")
    (out / "site.css").write_text(style, encoding="utf-8")
    template = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined).get_template(
        "page.html"
    )
    writer = _Writer(site, out, pictures)
    for source, page in site.pages.items():
        file = out / _address(source)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = page.html(partial(writer.link, source), partial(writer.figure, source))
        made = template.render(
            title=page.title,
            content=Markup(content),
            groups=writer.groups(source),
            parts=_parts(page.headings),
            top=_way(source, PurePosixPath()),
            version=version("schoolgate"),
        )
        file.write_text(made, encoding="utf-8")
    return len(writer.copied)


class _Writer:
    """Links between pages of the site, and its pictures."""

    def __init__(self, site: Site, out: Path, pictures: Path) -> None:
        self._site, self._out, self._pictures = site, out, pictures
        self.copied: set[str] = set()

    def link(self, source: Path, link: str) -> str:
        target, anchor = _target(source, link)
        found = _address(target) if target in self._site.pages else PurePosixPath(target)
        return _way(source, found) + (f"#{anchor}" if anchor else "")

    def figure(self, source: Path, name: str, words: str) -> str:
        """A picture in each look that was taken; nothing where none was."""
        if not (self._pictures / f"{name}-{PLAIN_LOOK}.png").is_file():
            return ""
        plain = self._place(source, f"{name}-{PLAIN_LOOK}.png")
        width, height = _size(self._pictures / f"{name}-{PLAIN_LOOK}.png")
        others = "".join(
            f'<source media="{media}" srcset="{self._place(source, file)}">'
            for look, media in LOOKS
            if (self._pictures / (file := f"{name}-{look}.png")).is_file()
        )
        image = f'<img src="{plain}" alt="{html.escape(words)}" width="{width}" height="{height}" loading="lazy">'
        return f'<figure><a href="{plain}"><picture>{others}{image}</picture></a></figure>\n'

    def groups(self, source: Path) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """The list of pages: words, address and whether it is this one, by group."""
        found: dict[str, list[tuple[str, str, bool]]] = {words: [] for _, words in GROUPS}
        for one, page in self._site.pages.items():
            if one != HOME:
                group = next(words for folder, words in GROUPS if not folder or _is_below(one, folder))
                found[group].append((page.title, _way(source, _address(one)), one == source))
        return list(found.items())

    def _place(self, source: Path, file: str) -> str:
        if file not in self.copied:
            _copy(self._pictures / file, self._out / "pictures" / file)
            self.copied.add(file)
        return _way(source, PurePosixPath("pictures", file))


def _is_below(source: Path, folder: str) -> bool:
    return source.is_relative_to(folder) and not source.is_relative_to("docs/architecture")


def _address(source: Path) -> PurePosixPath:
    return PurePosixPath("index.html") if source == HOME else PurePosixPath(source.with_suffix(".html"))


def _way(source: Path, target: PurePosixPath) -> str:
    """From one page of the site to another place of it."""
    return os.path.relpath(target, _address(source).parent)


def _parts(headings: Iterable[Heading]) -> list[Heading]:
    """What a long page is made of; a short one is seen at once."""
    found = [one for one in headings if one.level == 2]
    return found if len(found) > 3 else []


def _size(picture: Path) -> tuple[int, int]:
    """Width and height in pixels, from the head of a PNG."""
    with picture.open("rb") as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    return width, height


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
