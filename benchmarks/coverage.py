"""How much of an independent list is denied, and which popular names are: `python -m benchmarks.coverage`.

Builds the shipped lists and compiles a shipped template as the service does, and asks the engine for each name: before
any feed, and with UT1's folders in place of the recommended set, taken in as feeds are, guards and platforms included.
The lists it is held against are not ours and are given by path (README.md); what is absent is skipped and said.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.names import CHECKOUT, data_directory
from schoolgate._core import normalise_name
from schoolgate.checks.deciding import Decided, Judge, Policy
from schoolgate.config import Settings, parse
from schoolgate.lists.build import build
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import Published, read_published
from schoolgate.lists.recommended import read_recommended
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.lists.update import Updater, Wish
from schoolgate.policy import template_text
from schoolgate.policy.active_policy import compile_active_policy, read_ground, read_policy

LISTS = CHECKOUT / "lists"
TEMPLATE = "secondary-school"
POLICIES = ("pupil", "staff")
TOPS = (1_000, 10_000)
REVIEWED = CHECKOUT / "benchmarks" / "reviewed_hits.toml"
CATEGORY_LISTS, UT1, POPULAR = "category-lists.tar.gz", "ut1.tar.gz", "popular-100k.txt.gz"
# A Monday morning in term: the pupils' own policy, not that of the break.
AT = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Independent:
    """One list of another publisher: `category` is ours for it."""

    label: str
    category: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """Of `names` asked, how many each policy denies with the starter lists, and with the set. `is_in_set`: the list is
    part of the set, so the second figure says nothing of it."""

    label: str
    category: str
    names: int
    starter: Mapping[str, int]
    with_set: Mapping[str, int]
    is_in_set: bool


@dataclass(frozen=True)
class Hit:
    """A popular name that is denied."""

    rank: int
    name: str
    policy: str
    category: str
    by: str


def category_lists(path: Path, published: Published) -> Iterator[Independent]:
    """The hosts files of the archive, under our categories."""
    projects = published.mappings["blocklistproject"]
    for label, lines in _members(path, ".hosts"):
        publisher, _, subject = label.partition("-")
        ours = projects.get(subject) if publisher == "blp" else subject
        if ours:
            yield Independent(label, ours, _names(line.split()[-1] for line in lines if len(line.split()) > 1))


def ut1_lists(path: Path, published: Published) -> Iterator[Independent]:
    """The folders of UT1 that have a category of ours."""
    for label, lines in _members(path, "/domains"):
        folder = Path(label).name
        ours = published.translate(("ut1",), folder)
        if ours:
            yield Independent(f"ut1 {folder}", ours, _names(lines))


def _members(path: Path, ending: str) -> Iterator[tuple[str, list[str]]]:
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            if member.isfile() and member.name.endswith(ending):
                file = archive.extractfile(member)
                assert file is not None
                text = file.read().decode("utf-8", "replace")
                lines = (line.partition("#")[0].strip() for line in text.splitlines())
                yield member.name.removesuffix(ending).removeprefix("lists/"), [line for line in lines if line]


def _names(words: Iterable[str]) -> tuple[str, ...]:
    """Those that are names a list may hold, each once, in order."""
    found: dict[str, None] = {}
    for word in words:
        try:
            found[normalise_name(word)] = None
        except ValueError:
            continue
    return tuple(found)


def popular(path: Path, most: int) -> tuple[str, ...]:
    """The most popular names, first first."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return tuple(line.strip() for _, line in zip(range(most), file, strict=False))


class School:
    """A school with the shipped lists and a shipped template; feeds come by `take_in`."""

    def __init__(self, folder: Path) -> None:
        (folder / "policy.toml").write_text(template_text(LISTS, TEMPLATE), encoding="utf-8")
        text = f'[server]\nstate_dir = "{folder / "state"}"\n[policy]\nfile = "policy.toml"\n[lists]\ndir = "{LISTS}"\n'
        self._folder, self._settings = folder, parse(text, "schoolgate.toml", folder=folder)
        build(self._settings)
        self._judge = _judge(self._settings)

    def take_in(self, lists: Iterable[Independent]) -> tuple[str, ...]:
        """The lists as feeds of the school's own, by an update; what the update says against any of them."""
        chosen = []
        for one in lists:
            name = one.label.replace(" ", "-").replace("_", "-")
            path = self._folder / f"{name}.txt"
            path.write_text("".join(f"{domain}\n" for domain in one.names), encoding="utf-8")
            chosen.append(ChosenFeed(id=name, added_at=AT, path=str(path), category=one.category))
        FeedBook(self._settings.server.state_dir).add(*chosen)
        report = Updater(self._settings, lambda _: None).update(Wish(force=True), AT)
        self._judge = _judge(self._settings)
        failed = (f"{one.feed}: {one.message}" for one in report.outcomes if one.kind in ("failed", "held"))
        return (*report.problems, *failed)

    def decide(self, policy: str, name: str) -> Decided:
        """One name for one policy of the template."""
        return self._judge.decide(Policy(policy, is_allow_list_only=False), name)


def _judge(settings: Settings) -> Judge:
    ground = read_ground(settings, "schoolgate.toml")
    checked = read_policy(template_text(LISTS, TEMPLATE), "policy.toml", ground)
    snapshot = SnapshotStore(settings.server.state_dir).open_best().snapshot
    return Judge(compile_active_policy(checked, ground, 1, AT).compiled.description, snapshot, None)


def sample(one: Independent, most: int) -> tuple[str, ...]:
    """At most `most` names of the list, spread evenly over it."""
    return one.names[:: max(1, -(-len(one.names) // most))]


def denied_of(school: School, names: Sequence[str]) -> Mapping[str, int]:
    """How many of the names each policy denies."""
    return {policy: sum(not school.decide(policy, name).is_open for name in names) for policy in POLICIES}


def denied_popular(school: School, names: Sequence[str]) -> tuple[Hit, ...]:
    """Each popular name that a policy denies, with the category that did it."""
    found: list[Hit] = []
    for policy in POLICIES:
        for rank, name in enumerate(names, start=1):
            decided = school.decide(policy, name)
            if not decided.is_open:
                found.append(Hit(rank, name, policy, decided.category or decided.layer, decided.feed or "policy"))
    return tuple(found)


@dataclass(frozen=True)
class Reviewed:
    """`reviewed_hits.toml`: what the set may close beside our own lists, each with its reason."""

    categories: Mapping[str, str]
    names: Mapping[str, str]

    def reason(self, hit: Hit) -> str | None:
        """Why a school would not find this wrong, as a person who read it wrote down; None without such a line."""
        above = (hit.name.split(".", times)[-1] for times in range(hit.name.count(".") + 1))
        return next((self.names[name] for name in above if name in self.names), self.categories.get(hit.category))


def read_reviewed() -> Reviewed:
    """The file as it is."""
    raw = tomllib.loads(REVIEWED.read_text(encoding="utf-8"))
    return Reviewed(raw["categories"], raw["names"])


def by_set_alone(before: Sequence[Hit], hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """What is denied with the set, and was not denied by our own lists."""
    ours = {(one.policy, one.name) for one in before}
    return tuple(one for one in hits if (one.policy, one.name) not in ours)


def stand_in(lists: Iterable[Independent], published: Published) -> tuple[Independent, ...]:
    """UT1's folders of the categories that the recommended set fills, less those that are left out by name."""
    recommended = read_recommended(LISTS, published)
    filled = {one.feed.category for one in recommended.feeds}
    left = {one.feed.removeprefix("ut1-").replace("-", "_") for one in recommended.left_out}
    return tuple(one for one in lists if one.category in filled and one.label.removeprefix("ut1 ") not in left)


def print_shares(shares: Iterable[Share]) -> None:
    """One row a list."""
    print(
        "| list | category | names asked | pupil, starter lists | pupil, with the set | staff, starter | staff, set |"
    )
    print("|---|---|--:|--:|--:|--:|--:|")
    for one in shares:
        parts = (
            f"{denied[policy] / max(one.names, 1):.1%}{mark}"
            for policy in POLICIES
            for denied, mark in ((one.starter, ""), (one.with_set, " *" if one.is_in_set else ""))
        )
        print(f"| {one.label} | {one.category} | {one.names:,} | {' | '.join(parts)} |")
    print("\n\\* the list is part of the set.")


def print_popular(before: Sequence[Hit], hits: Sequence[Hit], tops: Iterable[int]) -> None:
    """For each top and policy: how many of each category, by starter lists and with the set, and which."""
    for top in tops:
        for policy in POLICIES:
            mine = [one for one in hits if one.policy == policy and one.rank <= top]
            starter = Counter(one.category for one in before if one.policy == policy and one.rank <= top)
            print(f"\n## Of the {top:,} most popular names, {len(mine):,} are denied to {policy} ", end="")
            print(f"(by starter lists {starter.total():,})\n")
            for category in sorted({one.category for one in mine}):
                names = [one.name for one in mine if one.category == category]
                print(f"- {category} ({len(names)}; by starter lists {starter[category]}): {' '.join(names)}")


def print_reviewed(added: Sequence[Hit], reviewed: Reviewed) -> None:
    """Each name that the set closes and our lists do not, with its reason, and those that have none."""
    print("\n## Closed by the set alone, and why that is not wrong\n")
    for category, why in reviewed.categories.items():
        print(f"- {category} ({len({one.name for one in added if one.category == category}):,} names): {why}")
    asked = {one.name: one for one in added if one.category not in reviewed.categories}
    for name, why in reviewed.names.items():
        below = sum(one == name or one.endswith(f".{name}") for one in asked)
        print(f"- {name} ({below}): {why}")
    wrong = [one for one in added if reviewed.reason(one) is None]
    print("\nWithout a reason, so a school may find it wrong: ", end="")
    print(" ".join(f"{one.name} ({one.policy}, {one.category})" for one in wrong) or "none")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 also where data is absent, for then nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_directory(), help="directory of the lists to hold against")
    parser.add_argument("--most", type=int, default=2_000, help="names asked of one list, spread evenly")
    chosen = parser.parse_args(arguments)
    if chosen.data is None:
        print("skipped: no data directory; give --data", file=sys.stderr)
        return 0
    published = read_published(LISTS)
    lists: list[Independent] = []
    ut1: tuple[Independent, ...] = ()
    for file, reader in ((CATEGORY_LISTS, category_lists), (UT1, ut1_lists)):
        if not (chosen.data / file).exists():
            print(f"skipped: {chosen.data / file} is not there", file=sys.stderr)
            continue
        found = tuple(reader(chosen.data / file, published))
        lists += found
        ut1 = found if file == UT1 else ut1
    with tempfile.TemporaryDirectory(prefix="schoolgate-coverage-") as folder:
        _measure(School(Path(folder)), lists, stand_in(ut1, published), chosen.data / POPULAR, chosen.most)
    return 0


def _measure(
    school: School, lists: Sequence[Independent], in_set: Sequence[Independent], popular_path: Path, most: int
) -> None:
    asked = {one.label: sample(one, most) for one in lists}
    names = popular(popular_path, max(TOPS)) if popular_path.exists() else ()
    starter = {label: denied_of(school, sampled) for label, sampled in asked.items()}
    popular_before = denied_popular(school, names)
    for said in school.take_in(in_set):
        print(f"not taken in: {said}", file=sys.stderr)
    labels = {one.label for one in in_set}
    shares = [
        Share(
            label=one.label,
            category=one.category,
            names=len(asked[one.label]),
            starter=starter[one.label],
            with_set=denied_of(school, asked[one.label]),
            is_in_set=one.label in labels,
        )
        for one in lists
    ]
    print(f"# Denied by the template {TEMPLATE}: starter lists only, and with UT1 in place of the recommended set\n")
    print_shares(shares)
    if not names:
        print(f"skipped: {popular_path} is not there", file=sys.stderr)
        return
    hits = denied_popular(school, names)
    print_popular(popular_before, hits, TOPS)
    print_reviewed(by_set_alone(popular_before, hits), read_reviewed())


if __name__ == "__main__":
    sys.exit(main())
