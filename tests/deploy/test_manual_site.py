"""The manuals as a site: every link leads somewhere, and a picture is there where it was taken."""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

import pytest
from tests.deploy.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "deploy" / "site"))
from manual_site import BrokenPages, collected, write
from markdown_page import Markdown

# The head of a PNG of 1280 by 900.
PICTURE = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 1280, 900)


def test_every_link_of_every_document_leads_somewhere() -> None:
    assert len(collected().pages) > 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gone](other.md)", "docs/one.md: other.md: no such file"),
        ("[gone](#part-two)", "docs/one.md: #part-two: no such heading"),
        ("<script>alert(1)</script>", "docs/one.md: HTML: <script>alert(1)</script>"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.md").write_text(f"# One\n\n{text}\n", encoding="utf-8")
    with pytest.raises(BrokenPages, match=re.escape(said)):
        collected(tmp_path)


def test_each_manual_has_a_page_and_its_picture_in_every_look_that_was_taken(tmp_path: Path) -> None:
    site, pictures = collected(), tmp_path / "pictures"
    pictures.mkdir()
    for look in ("light-1280", "light-360"):
        (pictures / f"watch-home-teacher-{look}.png").write_bytes(PICTURE)
    assert write(site, tmp_path / "out", pictures) == 2
    page = (tmp_path / "out" / "docs" / "manuals" / "teacher.html").read_text(encoding="utf-8")
    assert 'src="../../pictures/watch-home-teacher-light-1280.png" alt="Home of a teacher' in page
    assert 'width="1280" height="900"' in page
    assert 'media="(max-width: 40em)" srcset="../../pictures/watch-home-teacher-light-360.png"' in page
    other = (tmp_path / "out" / "docs" / "manuals" / "governor.html").read_text(encoding="utf-8")
    assert "<figure>" not in other
    assert "<!--" not in other
    for way in re.findall(r'(?:href|src)="([^"#:]+)', page):
        assert (tmp_path / "out" / "docs" / "manuals" / way).exists(), way


def test_text_stays_text() -> None:
    page = Markdown(Path("docs/one.md"), "# A & B\n\n`<b>` and *more*\n")
    made = page.html(str, lambda name, words: "")
    assert '<h1 id="a--b">A &amp; B</h1>' in made
    assert "<code>&lt;b&gt;</code>" in made
