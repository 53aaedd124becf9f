"""A file of popular names on its way to the control process, whose requests are bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.cli.commands import words


def test_a_long_file_is_cut_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "popular"
    file.write_text("\n".join(f"name{number}.example" for number in range(9)), encoding="utf-8")
    assert len(words._popular(file)) == 9
    assert capsys.readouterr().err == ""
    # Each takes 13 octets, two quotation marks and a comma.
    monkeypatch.setattr(words, "MOST_OCTETS_OF_NAMES", 3 * 16)
    assert words._popular(file) == ("name0.example", "name1.example", "name2.example")
    assert "the first 3 of 9 names" in " ".join(capsys.readouterr().err.split())


def test_without_a_file_there_are_none() -> None:
    assert words._popular(None) == ()
