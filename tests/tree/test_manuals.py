"""The manuals by reader name pages, buttons and commands that exist, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from schoolgate.cli.application import app
from schoolgate.console.navigation import ENTRIES

ROOT = Path(__file__).parents[2]
MANUALS = sorted((ROOT / "docs" / "manuals").glob("*.md"))
PACKAGE = ROOT / "python" / "schoolgate" / "console"
# Words on pages that a template makes of parts.
MOST_OCTETS, LONGEST_LINE = 7_000, 260


@pytest.fixture(scope="module")
def on_screen() -> str:
    """Every text that a page can show."""
    sources = [*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in sources).casefold()


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.stem)
def test_what_a_manual_calls_a_page_or_a_button_is_one(path: Path, on_screen: str) -> None:
    named = re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", path.read_text(encoding="utf-8"))
    entries = {one.words.casefold() for one in ENTRIES.values()}
    assert [one for one in named if one.casefold() not in entries and one.casefold() not in on_screen] == []


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.stem)
def test_each_command_and_each_link_of_a_manual_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"`(?:sudo )?schoolgate ([a-z -]+?)[ `\[A-Z]", text):
        found = get_command(app)
        for word in (one for one in command.split() if not one.startswith("-")):
            assert hasattr(found, "commands") and word in found.commands, f"schoolgate {command}"
            found = found.commands[word]
    for link in re.findall(r"\]\(([^)]+)\)", text):
        page, _, heading = link.partition("#")
        assert (path.parent / page).exists(), link
        assert not heading or heading in _headings(path.parent / page), link


def _headings(page: Path) -> set[str]:
    """As links name them: small letters, dashes for spaces, no other signs."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in found}


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.stem)
def test_a_manual_is_short(path: Path) -> None:
    octets = path.read_bytes()
    assert len(octets) <= MOST_OCTETS
    assert max(map(len, octets.decode().splitlines())) <= LONGEST_LINE


def test_each_role_has_a_manual() -> None:
    assert len(MANUALS) == 8
