"""The starter lists protect as far as they say: enough distinct operators, no alternative name counted twice, no hole
between a category and what fills it."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from schoolgate._core import normalise_name, registrable_domain
from schoolgate.config import parse
from schoolgate.lists.canary_file import read_canaries
from schoolgate.lists.coverage import category_coverage, public_feeds
from schoolgate.policy.catalogue import load_catalogue

LISTS = Path(__file__).resolve().parents[3] / "lists"
# Real names that others publish; see benchmarks/README.md.
DATA = Path(os.environ.get("SCHOOLGATE_BENCH_DATA", LISTS.parents[1] / "shared" / "data"))

# Lists of brands, and how many distinct operators each holds at least. Raise a number with the list; never lower it.
OPERATORS = {
    "starter/gambling": 500,
    "starter/pornography": 405,
    "circumvention/vpn": 260,
    "circumvention/proxy": 220,
    "starter/dating": 120,
    "starter/piracy": 150,
}
# Kinds of site that no public feed fills, and how many distinct sites were reviewed.
REVIEWED = {
    "starter/self-harm": 8,
    "starter/eating-disorders": 10,
    "starter/extremism": 40,
    "starter/hate": 60,
    "starter/discrimination": 14,
    "starter/violence": 33,
    "starter/nudify": 30,
    "starter/people-search": 90,
    "starter/anonymous-chat": 70,
    "starter/sects": 17,
    "starter/finance": 80,
    "starter/software-downloads": 40,
}
# Different firms whose names differ in the suffix only.
UNRELATED = {"vpn", "smartproxy", "casino", "lottery", "lotto", "topsport", "sportsbet", "rule34", "tab"}
# Held against what others publish, where that is at hand.
COMPARED = ("starter/gambling", "starter/pornography")
_SAME = re.compile(r"of (\S+)$")


@cache
def rows(name: str) -> tuple[tuple[str, str | None], ...]:
    """Name, and the operator that it is counted with, of each entry but the test name."""
    found = []
    for line in (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        entry, _, comment = line.partition("#")
        if entry.strip():
            same = _SAME.match(comment.strip())
            found.append((entry.strip().lstrip("=!"), same.group(1) if same else None))
    return tuple(found[1:])


@pytest.mark.parametrize(("name", "least"), [*OPERATORS.items(), *REVIEWED.items()])
def test_a_list_holds_at_least_so_many_distinct_operators(name: str, least: int) -> None:
    assert sum(of is None for _, of in rows(name)) >= least


@pytest.mark.parametrize("name", [*OPERATORS, *REVIEWED])
def test_an_alternative_name_is_counted_with_an_operator_of_the_same_list(name: str) -> None:
    operators = {entry for entry, of in rows(name) if of is None}
    assert [entry for entry, of in rows(name) if of is not None and of not in operators] == []


@pytest.mark.parametrize("name", OPERATORS)
def test_country_domains_of_one_operator_are_counted_once(name: str) -> None:
    labels = Counter((registrable_domain(entry) or entry).partition(".")[0] for entry, of in rows(name) if of is None)
    assert {label for label, times in labels.items() if times > 1} - UNRELATED == set()


@pytest.mark.parametrize("path", sorted([*LISTS.glob("starter/*.txt"), *LISTS.glob("circumvention/*.txt")]), ids=str)
def test_every_entry_is_written_as_it_is_compared(path: Path) -> None:
    if path.stem == "resolver-addresses":
        return
    names = [entry for entry, _ in rows(f"{path.parent.name}/{path.stem}")]
    assert [name for name in names if normalise_name(name) != name] == []
    assert [name for name in names if registrable_domain(name) is None] == []


def test_no_list_that_closes_holds_a_name_that_must_stay_open_or_is_special() -> None:
    catalogue = load_catalogue(LISTS)
    unless = {one.name: set(one.unless) for one in read_canaries(LISTS).open}
    special = {zone.name for zone in catalogue.special}
    found = []
    for path in [*LISTS.glob("starter/*.txt"), *LISTS.glob("circumvention/*.txt")]:
        category = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# category: ").strip()
        if path.stem == "resolver-addresses" or catalogue.categories[category].role in ("platform", "protected"):
            continue
        for entry, _ in rows(f"{path.parent.name}/{path.stem}"):
            must_stay = entry in special or category not in unless.get(entry, {category})
            if must_stay and catalogue.categories[category].role in ("threat", "content", "circumvention"):
                found.append(f"{path.stem}: {entry}")
    assert found == []


def test_every_category_that_closes_has_names_or_says_what_to_do(tmp_path: Path) -> None:
    settings = parse(f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{LISTS}"\n', "schoolgate.toml")
    silent = [
        one.category
        for one in category_coverage(settings)
        if (one.starter_names == 0 or not one.public_feeds) and not one.remedy
    ]
    assert silent == []


def test_a_remedy_is_a_sentence_and_names_only_feeds_and_categories_that_exist(tmp_path: Path) -> None:
    settings = parse(f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{LISTS}"\n', "schoolgate.toml")
    feeds = {feed for found in public_feeds(LISTS).values() for feed in found}
    for one in category_coverage(settings):
        if one.remedy:
            assert one.remedy.endswith("."), one.category
            assert set(re.findall(r"feeds enable ([a-z0-9-]+)", one.remedy)) <= feeds, one.category
            assert set(re.findall(r"--category ([a-z0-9-]+)", one.remedy)) <= {one.category}


def test_the_kinds_that_hold_no_starter_names_are_these(tmp_path: Path) -> None:
    settings = parse(f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{LISTS}"\n', "schoolgate.toml")
    assert {one.category for one in category_coverage(settings) if one.kind == "none"} == {
        *("malware", "phishing", "command-and-control", "new-domains"),
        *("fraud", "intimate-image-abuse", "violence-against-women", "dangerous-challenges"),
        *("news", "blogs", "web-hosting", "translation", "banking", "jobs"),
        *("sport", "celebrity", "comics", "astrology", "education"),
    }


@pytest.fixture(scope="module")
def known_to_others() -> frozenset[str]:
    """The registrable domains of our entries that occur in what others publish."""
    plain = [DATA / name for name in ("block-1m.txt.gz", "popular-100k.txt.gz")]
    archives = [DATA / name for name in ("category-lists.tar.gz", "ut1.tar.gz", "services-reference.tar.gz")]
    if not all(path.exists() for path in (*plain, *archives)):
        pytest.skip(f"the lists to compare with are not in {DATA}")
    wanted = {registrable_domain(entry) or entry for name in COMPARED for entry, _ in rows(name)}
    found: set[str] = set()
    for path in plain:
        found |= _found(gzip.decompress(path.read_bytes()).decode(), wanted)
    for path in archives:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    found |= _found(file.read().decode("utf-8", "replace").lower(), wanted)
    return frozenset(found)


def _found(text: str, wanted: set[str]) -> set[str]:
    found = set()
    for word in re.split(r"[\s:@]+", text):
        labels = word.split(".")
        for start in range(max(0, len(labels) - 3), len(labels) - 1):
            suffix = ".".join(labels[start:])
            if suffix in wanted:
                found.add(suffix)
    return found


@pytest.mark.parametrize("name", COMPARED)
def test_an_entry_is_known_to_others_or_stands_under_a_source(name: str, known_to_others: frozenset[str]) -> None:
    text = (LISTS / f"{name}.txt").read_text(encoding="utf-8").partition(".blocked.example.com\n")[2]
    unknown = []
    sourced = False
    for line in text.splitlines():
        if line.startswith("#"):
            sourced = "source:" in line
        entry = line.partition("#")[0].strip()
        if entry and not sourced and (registrable_domain(entry) or entry) not in known_to_others:
            unknown.append(entry)
    assert unknown == []
