"""Of the popular names, the recommended set closes none that a school would find wrong."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from benchmarks.coverage import (
    CHECKOUT,
    LISTS,
    POPULAR,
    REVIEWED,
    UT1,
    Hit,
    Reviewed,
    School,
    by_set_alone,
    denied_popular,
    popular,
    print_reviewed,
    read_reviewed,
    stand_in,
    ut1_lists,
)

from schoolgate.lists.feed_catalogue import read_published
from schoolgate.policy.catalogue import load_catalogue

DATA = Path(os.environ.get("SCHOOLGATE_BENCH_DATA", CHECKOUT.parent / "shared" / "data"))


def hit(name: str, category: str, policy: str = "pupil") -> Hit:
    return Hit(rank=1, name=name, policy=policy, category=category, by="feeds/ut1")


def test_a_name_is_reviewed_by_itself_by_one_above_it_or_by_its_kind() -> None:
    reviewed = Reviewed({"advertising": "ads"}, {"nip.io": "dynamic"})
    assert reviewed.reason(hit("nip.io", "dynamic-dns")) == "dynamic"
    assert reviewed.reason(hit("1.nip.io", "dynamic-dns")) == "dynamic"
    assert reviewed.reason(hit("ads.example.org", "advertising")) == "ads"
    assert reviewed.reason(hit("snip.io", "games")) is None


def test_only_what_our_own_lists_left_open_counts_as_closed_by_the_set() -> None:
    before = [hit("a.example", "games")]
    after = [hit("a.example", "games"), hit("a.example", "games", "staff"), hit("b.example", "games")]
    assert [(one.name, one.policy) for one in by_set_alone(before, after)] == [
        ("a.example", "staff"),
        ("b.example", "pupil"),
    ]


def test_a_name_without_a_reason_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_reviewed([hit("tencent.com", "games"), hit("nip.io", "dynamic-dns")], Reviewed({}, {"nip.io": "why"}))
    out = capsys.readouterr().out
    assert "- nip.io (1): why" in out
    assert out.rstrip().endswith("wrong: tencent.com (pupil, games)")


def test_each_reason_is_a_sentence_and_each_kind_exists() -> None:
    raw = tomllib.loads(REVIEWED.read_text(encoding="utf-8"))
    assert set(raw["categories"]) <= set(load_catalogue(LISTS).categories)
    assert [why for why in (*raw["categories"].values(), *raw["names"].values()) if not why.endswith(".")] == []


@pytest.mark.skipif(not (DATA / UT1).exists(), reason=f"the lists to compare with are not in {DATA}")
def test_of_ten_thousand_popular_names_none_is_closed_without_a_reason(tmp_path: Path) -> None:
    published = read_published(LISTS)
    names = popular(DATA / POPULAR, 10_000)
    school = School(tmp_path)
    before = denied_popular(school, names)
    assert school.take_in(stand_in(tuple(ut1_lists(DATA / UT1, published)), published)) == ()
    added = by_set_alone(before, denied_popular(school, names))
    reviewed = read_reviewed()
    assert [one for one in added if reviewed.reason(one) is None] == []
    unused = [name for name in reviewed.names if not any(one.name.endswith(name) for one in added)]
    assert unused == [], "no longer closed: take its reason out"
