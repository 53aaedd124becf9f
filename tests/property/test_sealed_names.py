"""No policy, list, schedule, revision or rollback opens a sealed name, and nothing else is changed by a sealed list.

Policies are drawn at random and go the real way: text, parse, compile, the engine, `explain`. The lists of the snapshot
open the sealed names with every right that a list can have.
"""

from __future__ import annotations

import datetime as dt
from os import PathLike
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolgate._core import ListFile, PolicyTable, SealedList, Snapshot, compile_snapshot, explain, seal_list
from schoolgate.config.domain_name import parse_domain_name
from schoolgate.policy import Catalogue, PolicyRefused, RevisionStore, compile_policy, parse
from schoolgate.policy.listed import Category, Engine

# Names that rules are about: above, at, below and beside the sealed ones.
NAMES = (
    "sealed.example",
    "bad.sealed.example",
    "www.bad.sealed.example",
    "other.example.org",
    "a.other.example.org",
    "free.example.net",
)
ASKED_SEALED = (
    "bad.sealed.example",
    "www.bad.sealed.example",
    "x.y.bad.sealed.example",
    "other.example.org",
    "a.other.example.org",
)
ASKED_FREE = ("sealed.example", "free.example.net", "www.free.example.net", "example.org")
ROLES = {
    "needed": "platform",
    "help-lines": "protected",
    "malware": "threat",
    "tunnels": "circumvention",
    "games": "content",
    "videos": "service",
}
CATALOGUE = Catalogue(
    {key: Category.model_validate({"id": key, "name": key, "role": role}) for key, role in ROLES.items()},
    {"safe": Engine(id="safe", names=("bad.sealed.example", "free.example.net"), target="s.example.com")},
)
CLIENTS = ("10.1.0.9", "10.2.0.9", "10.9.0.9")
MONDAY = dt.datetime(2026, 11, 23, 0, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Every category lists every name."""
    folder = tmp_path_factory.mktemp("lists")
    (folder / "all.txt").write_text("\n".join(NAMES))
    path: str | PathLike[str] = folder / "all.txt"
    compile_snapshot(
        [ListFile(path, f"feed/{category}", category, reviewed=True) for category in ROLES], folder / "1.snapshot", 1
    )
    return Snapshot.open(folder / "1.snapshot")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> SealedList:
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "list").write_text("bad.sealed.example\nother.example.org\n")
    seal_list(folder / "list", "plain", None, folder / "key", folder / "iwf.sealed", "iwf", 1, 0)
    return SealedList.open([folder / "iwf.sealed"], folder / "key")


def rules() -> st.SearchStrategy[list[str]]:
    rule = st.tuples(st.sampled_from(("", "=")), st.sampled_from((*NAMES, "example", "org", "net"))).map("".join)
    return st.lists(rule.filter(_is_accepted), max_size=5, unique=True)


def _is_accepted(rule: str) -> bool:
    try:
        parse_domain_name(rule.lstrip("="))
    except Exception:  # whatever the reason, the policy would be refused whole
        return False
    return "." in rule


POLICIES = st.fixed_dictionaries(
    {
        "allow": rules(),
        "deny": rules(),
        "exceptions": st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
        "unknown": st.sampled_from(("allow", "deny")),
        "action": st.sampled_from(("nxdomain", "nodata", "null", "refused")),
        "safesearch": st.booleans(),
        "categories": st.dictionaries(
            st.sampled_from(("malware", "tunnels", "games", "videos")), st.sampled_from(("allow", "deny"))
        ),
    }
)
Drawn = tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]
DOCUMENTS = st.tuples(POLICIES, POLICIES, POLICIES, st.booleans())


def written(drawn: Drawn) -> str:
    lines = ["format = 1", 'time_zone = "Europe/London"', 'allowed_clients = ["10.0.0.0/8"]', 'strictest = "p0"']
    for number, one in enumerate(drawn[:3]):
        lines.append(f"[policies.p{number}]")
        lines += ['extends = "p0"'] if number else []
        lines += [f"{key} = {orjson.dumps(one[key]).decode()}" for key in ("allow", "deny", "unknown", "action")]
        lines += ["safesearch.safe = true"] if one["safesearch"] else []
        lines += [f'categories.{category} = "{choice}"' for category, choice in one["categories"].items()]
        end = "reason = 'r', approved_by = 'a', until = 2027-01-01T00:00:00Z"
        lines.append("exceptions = [" + ", ".join(f"{{ name = '{name}', {end} }}" for name in one["exceptions"]) + "]")
    for number, prefix in enumerate(("10.1.0.0/16", "10.2.0.0/16")):
        lines += [f"[segments.s{number}]", f'prefixes = ["{prefix}"]', f'policy = "p{number}"']
        if drawn[3]:
            lines += [f"[[segments.s{number}.schedule]]", 'policy = "p2"', 'from = "12:00"', 'to = "13:00"']
    return "\n".join(lines)


def decided(
    snapshot: Snapshot, table: PolicyTable, name: str, client: str, sealed: SealedList | None
) -> dict[str, Any]:
    explained = orjson.loads(explain(snapshot, table, name, 1, client, "10.0.0.1", 53, sealed))
    decision = explained["decision"]
    assert isinstance(decision, dict)
    return decision


def table_of(text: str, now: dt.datetime) -> PolicyTable:
    checked = parse(text, "p.toml", CATALOGUE)
    return PolicyTable.compile(compile_policy(checked, CATALOGUE, (), serial=1, now=now).description)


def test_the_drawn_policies_are_accepted_and_open_names() -> None:
    """Else the tests below would show nothing."""
    everything: dict[str, Any] = {
        "allow": list(NAMES),
        "deny": [],
        "exceptions": list(NAMES[:2]),
        "unknown": "allow",
        "action": "nxdomain",
    }
    everything |= {"safesearch": True, "categories": {"malware": "allow"}}
    parse(written((everything, everything, everything, True)), "p.toml", CATALOGUE)


@settings(max_examples=200, deadline=None)
@given(drawn=DOCUMENTS, hour=st.integers(0, 23))
def test_no_policy_at_any_hour_opens_a_sealed_name(
    snapshot: Snapshot, sealed: SealedList, drawn: Drawn, hour: int
) -> None:
    try:
        table = table_of(written(drawn), MONDAY + dt.timedelta(hours=hour, minutes=30))
    except PolicyRefused:
        return
    for client in CLIENTS:
        for name in ASKED_SEALED:
            decision = decided(snapshot, table, name, client, sealed)
            assert (decision["layer"], decision["effect"], decision["rewrite"]) == ("sealed", "deny", None)
            assert decision["rule"] == "sealed list, serial 1"
        for name in ASKED_FREE:
            assert decided(snapshot, table, name, client, sealed) == decided(snapshot, table, name, client, None)


@settings(max_examples=25, deadline=None)
@given(documents=st.lists(DOCUMENTS, min_size=2, max_size=4), back=st.integers(1, 3))
def test_no_revision_and_no_rollback_opens_a_sealed_name(
    snapshot: Snapshot,
    sealed: SealedList,
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Drawn],
    back: int,
) -> None:
    store = RevisionStore(Path(tmp_path_factory.mktemp("revisions")) / "policy.db")
    applied = 0
    for drawn in documents:
        text = written(drawn)
        try:
            parse(text, "p.toml", CATALOGUE)
        except PolicyRefused:
            continue
        store.apply(text, who="w", why="y", now=MONDAY)
        applied += 1
    if applied == 0:
        return
    store.rollback(min(back, applied), who="w", why="y", now=MONDAY)
    for revision in store.log():
        table = table_of(store.show(revision.number).text, MONDAY)
        for name in ASKED_SEALED:
            assert decided(snapshot, table, name, CLIENTS[0], sealed)["layer"] == "sealed"
