"""Which lists are compiled, under which category, and what proves each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schoolgate.config import Settings
from schoolgate.lists.inputs import ListsUnreadable, category_and_canary, list_inputs

Make = Callable[..., Settings]


def test_shipped_lists_and_services_are_found_each_with_its_canary(settings: Make, tmp_path: Path) -> None:
    found = {one.feed: (one.category, one.canary) for one in list_inputs(settings(), tmp_path)}
    assert found["starter/gambling"] == ("gambling", "gambling.blocked.example.com")
    assert found["services/tube"] == ("service:tube", "tube.example")


def test_a_list_of_addresses_is_no_list_of_names(settings: Make, tmp_path: Path) -> None:
    assert not [one for one in list_inputs(settings(), tmp_path) if "resolver" in one.feed]


def test_the_domains_of_a_service_are_written_for_the_compiler(settings: Make, tmp_path: Path) -> None:
    (one,) = [one for one in list_inputs(settings(), tmp_path) if one.feed == "services/tube"]
    assert one.path.read_text(encoding="utf-8").split() == ["tube.example", "cdn.tube.example.net"]


def test_the_schools_own_list_has_no_canary(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "ours.txt").write_text("ours.example\n", encoding="utf-8")
    extra = 'extra = [{ path = "ours.txt", category = "gambling", match = "exact" }]'
    one = list_inputs(settings(extra), tmp_path)[-1]
    assert (one.feed, one.category, one.match, one.canary) == ("extra/ours", "gambling", "exact", None)


def test_every_wrong_list_is_named_at_once(settings: Make, lists_dir: Path, tmp_path: Path) -> None:
    (lists_dir / "starter/plain.txt").write_text("no-header.example\n", encoding="utf-8")
    (lists_dir / "starter/odd.txt").write_text("# category: gamblin\ncanary.example.com\n", encoding="utf-8")
    extra = 'extra = [{ path = "gone.txt", category = "gambling" }]'
    with pytest.raises(ListsUnreadable) as error:
        list_inputs(settings(extra), tmp_path)
    text = str(error.value)
    assert "plain.txt: line 1: has no category or no test name" in text
    assert "odd.txt: line 1: there is no category gamblin" in text
    assert "gone.txt: lists.extra[0]: there is no such file" in text


def test_a_category_the_catalogue_does_not_know_gets_a_suggestion(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "ours.txt").write_text("ours.example\n", encoding="utf-8")
    extra = 'extra = [{ path = "ours.txt", category = "gambing" }]'
    with pytest.raises(ListsUnreadable, match="did you mean gambling"):
        list_inputs(settings(extra), tmp_path)


def test_a_directory_without_lists_is_refused(settings: Make, lists_dir: Path, tmp_path: Path) -> None:
    (lists_dir / "starter/gambling.txt").unlink()
    with pytest.raises(ListsUnreadable, match="holds no lists"):
        list_inputs(settings(), tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# category: games\n\n# a comment\ngames.example # ours\nother.example\n", ("games", "games.example")),
        ("# category: games\n=games.example\n", ("games", "games.example")),
        ("# category: games\n", ("games", None)),
        ("games.example\n", (None, "games.example")),
        ("", (None, None)),
    ],
)
def test_header_and_first_name_are_read(text: str, expected: tuple[str | None, str | None]) -> None:
    assert category_and_canary(text) == expected
