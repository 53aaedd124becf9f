"""What others wrote in schoolgate: every part is known, has an allowed licence, and is in the bill of materials."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "deploy" / "parts"))
from bill_of_materials import bill
from licence_audit import Rules, refused, rules
from third_party import Part, every_part, needed_distributions, third_party_text

SITE = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def installed() -> list[Distribution]:
    return needed_distributions()


@pytest.fixture(scope="module")
def parts(installed: list[Distribution]) -> list[Part]:
    return every_part(installed, SITE)


@pytest.fixture(scope="module")
def by() -> Rules:
    return rules()


def test_every_part_has_an_allowed_licence(parts: list[Part], by: Rules) -> None:
    assert refused(parts, by) == []


def test_no_part_is_missing(parts: list[Part]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in project["dependencies"]}
    assert wanted <= {part.name for part in parts if part.kind == "pypi"}
    cargo = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["dependencies"]
    crates = {name for name in cargo if not name.startswith("schoolgate-")} - {"proptest"}
    assert crates <= {part.name for part in parts if part.kind == "cargo"}
    assert "htmx.org" in {part.name for part in parts if part.kind == "npm"}
    assert not {"pytest", "mypy", "schoolgate"} & {part.name for part in parts}, "not shipped, or not another's"


@pytest.mark.parametrize(
    ("licence", "is_refused"),
    [
        ("MIT", False),
        ("MIT/Apache-2.0", False),
        ("GPL-3.0-only OR MIT", False),
        ("GPL-3.0-only AND MIT", True),
        ("MIT OR GPL-3.0-only AND ISC", False),
        ("(MIT OR GPL-3.0-only) AND SSPL-1.0", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("Apache-2.0 WITH Other-exception", True),
        ("BSD License", False),
        ("AGPL-3.0", True),
        ("Proprietary, ask us", True),
        ("MIT OR", True),
        ("(MIT", True),
        ("", True),
    ],
)
def test_a_licence_is_judged_as_it_reads(licence: str, is_refused: bool, by: Rules) -> None:
    assert (refused([Part("cargo", "one", "1", licence)], by) != []) is is_refused


def test_what_was_read_counts_for_that_version_alone(by: Rules) -> None:
    name, _, version = next(iter(by.read)).partition(" ")
    assert refused([Part("pypi", name, version, "")], by) == []
    assert refused([Part("pypi", name, f"{version}.1", "")], by) != []


def test_the_bill_of_materials_names_every_part_once_and_is_the_same_each_time(
    parts: list[Part], installed: list[Distribution]
) -> None:
    version = distribution("schoolgate").version
    text = bill(installed, SITE, version)
    assert text == bill(reversed(installed), SITE, version)
    content: dict[str, Any] = json.loads(text)
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.5")
    refs = [one["bom-ref"] for one in content["components"]]
    assert len(refs) == len(set(refs)) == len(parts)
    assert "pkg:npm/%40tabler/core@" in text
    assert set(content["dependencies"][0]["dependsOn"]) == set(refs)
    assert content["serialNumber"].startswith("urn:uuid:")
    assert str(REPOSITORY) not in text


def test_the_text_for_readers_names_every_part_and_has_their_licences(
    parts: list[Part], installed: list[Distribution]
) -> None:
    text = third_party_text(installed, SITE, REPOSITORY / "python/schoolgate")
    for part in parts:
        assert f"{part.kind} {part.name} {part.version}: " in text
    assert "Permission is hereby granted, free of charge" in text
    assert "Eclipse Public License" in text
