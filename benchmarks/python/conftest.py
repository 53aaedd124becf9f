"""Lists and policy for the benchmarks of the calls that Python makes. `--listed` says how many names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.names import Names, load

from schoolgate._core import ListFile, PolicyTable, Snapshot, compile_snapshot


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--listed", type=int, default=100_000, help="how many names are listed")


@dataclass(frozen=True)
class Compiled:
    """Names, the files made from them, and what is opened of those."""

    names: Names
    text: Path
    path: Path
    snapshot: Snapshot
    description: bytes
    table: PolicyTable


@pytest.fixture(scope="session")
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    names = load(int(request.config.getoption("--listed")))
    folder = tmp_path_factory.mktemp("lists")
    text, path = folder / "listed.txt", folder / "lists.snapshot"
    text.write_text("\n".join(names.listed) + "\n", encoding="ascii")
    compile_snapshot([ListFile(text, "benchmark", "gambling", reviewed=True)], str(path), 1)
    description = json.dumps(
        {
            "serial": 1,
            "policies": [
                {"id": f"policy-{at}", "action": "nxdomain", "unknown": "allow",
                 "categories": {"gambling": {"layer": 9, "effect": "deny"}}}
                for at in range(20)
            ],
            "names": [
                {"name": f"own-{at}.example.org", "match": "suffix", "policies": ["policy-0"], "layer": 6,
                 "effect": "allow", "rule": f"allow[{at}]"}
                for at in range(1000)
            ],
            "segments": [
                {"id": f"segment-{at}", "prefixes": [f"10.{at}.0.0/16"], "policy": f"policy-{at % 20}"}
                for at in range(200)
            ],
            "strictest": "policy-0",
            "allowed_clients": ["10.0.0.0/8", "127.0.0.0/8"],
        }
    ).encode()  # fmt: skip
    return Compiled(names, text, path, Snapshot.open(str(path)), description, PolicyTable.compile(description))
