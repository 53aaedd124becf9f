"""No tree of policies is looser anywhere than a lock above it: against an oracle that knows only that."""

import datetime as dt
from dataclasses import dataclass

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolgate.policy import Catalogue, PolicyRefused, compile_policy, parse
from schoolgate.policy.listed import Category, Engine

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CATEGORIES = ("gambling", "games", "malware")
ROLES = {"gambling": "content", "games": "service", "malware": "threat"}
NAMES = ("example", "a.example", "b.a.example", "other.example")
LEVELS = ("off", "moderate", "strict")
CATALOGUE = Catalogue(
    {key: Category.model_validate({"id": key, "name": key, "role": role}) for key, role in ROLES.items()},
    {key: Engine(id=key, names=("v.example",), target="s.example") for key in ("video-moderate", "video-strict")},
)


@dataclass(frozen=True)
class Drawn:
    """A policy as drawn; `parent` is the number of an earlier one."""

    parent: int | None
    categories: dict[str, str]
    locked: frozenset[str]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    locked_deny: tuple[str, ...]
    exceptions: tuple[str, ...]
    level: str | None
    locked_level: str | None
    unknown: str | None
    locked_unknown: bool


def names() -> st.SearchStrategy[tuple[str, ...]]:
    rules = st.tuples(st.sampled_from(("", "=")), st.sampled_from(NAMES)).map("".join)
    return st.lists(rules, max_size=2, unique=True).map(tuple)


def policy(number: int) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        parent=st.none() if number == 0 else st.one_of(st.none(), st.integers(0, number - 1)),
        categories=st.dictionaries(st.sampled_from(CATEGORIES), st.sampled_from(("allow", "deny", "inherit"))),
        locked=st.frozensets(st.sampled_from(CATEGORIES), max_size=2),
        allow=names(),
        deny=names(),
        locked_deny=names(),
        exceptions=names(),
        level=st.one_of(st.none(), st.sampled_from(LEVELS)),
        locked_level=st.one_of(st.none(), st.sampled_from(LEVELS)),
        unknown=st.sampled_from((None, "allow", "deny")),
        locked_unknown=st.booleans(),
    )


TREES = st.integers(1, 4).flatmap(lambda count: st.tuples(*(policy(number) for number in range(count))))


def written(tree: tuple[Drawn, ...]) -> str:
    lines = ["format = 1", 'allowed_clients = ["10.0.0.0/8"]', 'strictest = "p0"']
    for number, one in enumerate(tree):
        lines.append(f"[policies.p{number}]")
        lines += [f'extends = "p{one.parent}"'] if one.parent is not None else []
        lines.append(f"allow = {list(one.allow)}\ndeny = {list(one.deny)}")
        lines += [f'unknown = "{one.unknown}"'] if one.unknown else []
        lines += [f'safesearch.video = "{one.level}"'] if one.level else []
        lines += [f'locked.safesearch.video = "{one.locked_level}"'] if one.locked_level else []
        lines += ['locked.unknown = "deny"'] if one.locked_unknown else []
        lines.append(f"locked.deny = {list(one.locked_deny)}")
        lines += [f'locked.categories.{category} = "deny"' for category in sorted(one.locked)]
        lines += [f'categories.{category} = "{choice}"' for category, choice in sorted(one.categories.items())]
        end = "reason = 'r', approved_by = 'a', until = 2027-01-01T00:00:00Z"
        lines.append("exceptions = [" + ", ".join(f"{{ name = '{name}', {end} }}" for name in one.exceptions) + "]")
    return "\n".join(lines)


def above(tree: tuple[Drawn, ...], number: int) -> list[Drawn]:
    """The policy and its ancestors."""
    found = [tree[number]]
    while found[-1].parent is not None:
        found.append(tree[found[-1].parent])
    return found


def meant(rule: str, name: str) -> bool:
    bare = rule.lstrip("=")
    return name == bare or (not rule.startswith("=") and name.endswith("." + bare))


def loosens(tree: tuple[Drawn, ...], number: int) -> bool:
    """The oracle: whether the policy, as written, opens anything that it or an ancestor has locked."""
    one, chain = tree[number], above(tree, number)
    locked = {category for each in chain for category in each.locked}
    opened = [name.lstrip("=") for name in one.allow + one.exceptions]
    least = max((LEVELS.index(each.locked_level) for each in chain if each.locked_level), default=0)
    levels = [LEVELS.index(level) for level in (one.level, one.locked_level) if level]
    return (
        any(one.categories.get(category) == "allow" for category in locked)
        or any(meant(rule, name) for each in chain for rule in each.locked_deny for name in opened)
        or any(level < least for level in levels)
        or (one.unknown == "allow" and any(each.locked_unknown for each in chain))
    )


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_a_tree_is_accepted_exactly_when_nothing_in_it_loosens_a_lock(tree: tuple[Drawn, ...]) -> None:
    guilty = {f"p{number}" for number in range(len(tree)) if loosens(tree, number)}
    try:
        parse(written(tree), "p.toml", CATALOGUE)
        named = set()
    except PolicyRefused as refused:
        assert all(" loosens policies." in problem.message for problem in refused.problems)
        named = {problem.path.split(".")[1] for problem in refused.problems}
    assert named == guilty


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_in_what_the_engine_gets_every_lock_holds_for_every_policy_below(tree: tuple[Drawn, ...]) -> None:
    try:
        checked = parse(written(tree), "p.toml", CATALOGUE)
    except PolicyRefused:
        return
    description = orjson.loads(compile_policy(checked, CATALOGUE, (), serial=1, now=NOW).description)
    for number, compiled in enumerate(description["policies"]):
        for one in above(tree, number):
            for category in one.locked:
                assert compiled["categories"][category] == {"layer": 3, "order": 0, "effect": "deny"}
            for rule in one.locked_deny:
                match = "exact" if rule.startswith("=") else "suffix"
                assert any(
                    (entry["name"], entry["match"], entry["layer"], entry["effect"])
                    == (rule.lstrip("="), match, 3, "deny")
                    and compiled["id"] in entry["policies"]
                    for entry in description["names"]
                )
            if one.locked_unknown:
                assert compiled["unknown"] == "deny"
            if one.locked_level and one.locked_level != "off":
                assert {"moderate": 1, "strict": 2}[one.locked_level] <= max(
                    ({"video-moderate": 1, "video-strict": 2}[rewrite] for rewrite in compiled["rewrites"]), default=0
                )


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_a_policy_compiles_to_the_same_octets_every_time(tree: tuple[Drawn, ...]) -> None:
    try:
        one, other = (parse(written(tree), "p.toml", CATALOGUE) for _ in range(2))
    except PolicyRefused:
        return
    compiled = [compile_policy(each, CATALOGUE, (), serial=1, now=NOW) for each in (one, other)]
    assert compiled[0] == compiled[1]
