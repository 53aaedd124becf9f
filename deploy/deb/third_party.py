"""What a package contains that others wrote: name, version and licence of each, with the texts of its licences.

Python packages say it in their metadata, the Rust core in the bill of materials that maturin puts into a wheel, the
console's files in a text of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

_TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT")


@dataclass(frozen=True)
class Part:
    """`kind`: python or rust. `licence`: as its author writes it, "" where nothing is said."""

    kind: str
    name: str
    version: str
    licence: str


def python_parts(site_packages: Path) -> list[tuple[Part, Distribution]]:
    """Each installed package but schoolgate, by name."""
    found = [one for one in distributions(path=[str(site_packages)]) if one.name != "schoolgate"]
    return sorted(((Part("python", one.name, one.version, _licence(one)), one) for one in found), key=_by_name)


def rust_parts(site_packages: Path) -> list[Part]:
    """Each crate in the core but schoolgate's own."""
    parts = []
    for file in site_packages.glob("schoolgate-*.dist-info/sboms/*.json"):
        for one in json.loads(file.read_text(encoding="utf-8"))["components"]:
            if not one["name"].startswith("schoolgate-"):
                said = [entry.get("expression") or entry["license"].get("id", "") for entry in one.get("licenses", ())]
                parts.append(Part("rust", one["name"], one["version"], " AND ".join(said)))
    return sorted(set(parts), key=lambda part: (part.name, part.version))


def third_party_text(site_packages: Path) -> str:
    """The whole list, then the texts."""
    installed = python_parts(site_packages)
    lines = ["What schoolgate contains that others wrote, and under which licence.", "", "Python", "------"]
    lines += [f"{part.name} {part.version}: {part.licence or 'see its text below'}" for part, _ in installed]
    lines += ["", "Rust, compiled into the core", "----------------------------"]
    lines += [f"{part.name} {part.version}: {part.licence}" for part in rust_parts(site_packages)]
    for part, found in installed:
        for text in _texts(found):
            lines += ["", f"==== {part.name} {part.version} ====", "", text]
    browser = site_packages / "schoolgate/console/assets/built/THIRD_PARTY.txt"
    lines += ["", "Browser", "-------", browser.read_text(encoding="utf-8")]
    return "\n".join(lines) + "\n"


def _by_name(entry: tuple[Part, Distribution]) -> str:
    return entry[0].name.lower()


def _licence(one: Distribution) -> str:
    about = one.metadata
    short = about.get("License-Expression") or about.get("License") or ""
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    # Some put the whole text where its name belongs.
    return short if short and "\n" not in short else " OR ".join(named)


def _texts(one: Distribution) -> Iterator[str]:
    for file in one.files or ():
        path = Path(str(one.locate_file(file)))
        if ".dist-info" in str(file) and path.name.upper().startswith(_TEXTS) and path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace").strip()
