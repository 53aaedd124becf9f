"""The matcher in Python beside the one in Rust, on the same names. Each figure is of 1,000 names.

The Rust matcher is asked through `Plane.explain`, which also writes its reasons as JSON: an upper bound. Its own time
is in benchmarks/micro.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from benchmarks.baseline import FilteredSuffixSet, SuffixSet
from benchmarks.names import SEED

from schoolgate._core import Plane

ASKED = 1000


@pytest.fixture(scope="module", params=["set", "pybloom-live and set", "rust, explained"])
def covers(request: pytest.FixtureRequest, compiled: Any) -> Iterator[Callable[[str], bool]]:
    if request.param == "set":
        yield SuffixSet(compiled.names.listed).covers
    elif request.param == "pybloom-live and set":
        pytest.importorskip("pybloom_live")
        yield FilteredSuffixSet(compiled.names.listed).covers
    else:
        settings = json.dumps({"listen": ["127.0.0.1:0"], "workers": 1}).encode()
        plane = Plane(settings, compiled.snapshot, compiled.table)
        yield lambda name: b'"listed_name":null' not in plane.explain(name, 1, "10.1.0.9", "10.0.0.53", 53)


@pytest.mark.parametrize("kind", ["hit", "popular miss", "unique miss", "deep miss"])
def test_names_are_matched(benchmark: Any, compiled: Any, covers: Callable[[str], bool], kind: str) -> None:
    names = _asked(kind, compiled)
    found = benchmark(lambda: sum(map(covers, names)))
    assert found == (ASKED if kind == "hit" else found)


def _asked(kind: str, compiled: Any) -> list[str]:
    chance = random.Random(SEED)
    listed, popular = compiled.names.listed, compiled.names.popular
    if kind == "hit":
        return chance.sample(listed, ASKED)
    if kind == "popular miss":
        return chance.choices(popular, k=ASKED)
    if kind == "unique miss":
        return [f"{chance.getrandbits(48):012x}.{chance.choice(popular)}" for _ in range(ASKED)]
    return [".".join(f"{chance.getrandbits(20):x}" for _ in range(24)) + ".tunnel.example" for _ in range(ASKED)]
