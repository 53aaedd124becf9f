"""Lines of the school's own lists that are addresses of pages are named, with the name to write instead."""

from __future__ import annotations

from pathlib import Path

from schoolgate.config.load import parse
from schoolgate.lists.address_lines import MOST_SHOWN, address_lines


def said(folder: Path, text: str) -> list[str]:
    (folder / "own.txt").write_text(text, encoding="utf-8")
    settings = parse('[[lists.extra]]\npath = "own.txt"\ncategory = "games"\n', "test", folder)
    return [f"{one.path}: {one.remedy}" for one in address_lines(settings)]


def test_each_is_named_with_its_line_and_the_name(tmp_path: Path) -> None:
    text = "# https://comment.example/x\nhttps://a.example/x  # ours\ngood.example\n0.0.0.0 b.example/y\nc@d.example\n"
    assert said(tmp_path, text) == [
        'line 2: DNS sees only the name: write "a.example"',
        'line 4: DNS sees only the name: write "b.example"',
        'line 5: DNS sees only the name: write "d.example"',
    ]


def test_of_a_long_list_the_first_ones(tmp_path: Path) -> None:
    assert len(said(tmp_path, "https://a.example/x\n" * 1000)) == MOST_SHOWN


def test_a_file_that_is_not_there_is_for_the_build_to_name(tmp_path: Path) -> None:
    settings = parse('[[lists.extra]]\npath = "nowhere"\ncategory = "games"\n', "test", tmp_path)
    assert address_lines(settings) == ()
