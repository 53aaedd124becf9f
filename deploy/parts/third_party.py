"""What schoolgate contains that others wrote: name, version and licence of each part, with the texts of its licences.

Python packages say it in their metadata, the Rust core in the bill of materials that maturin puts into a wheel, the
console's files in npm's lock. Nothing is fetched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

NAME = "schoolgate"
CONSOLE_LOCK = Path(__file__).resolve().parents[2] / "python/schoolgate/console/assets/package-lock.json"
# What of npm's packages is shipped: console_assets.py copies out of these.
BROWSER = ("@tabler/core", "@tabler/icons", "htmx.org", "uplot")
_TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")


@dataclass(frozen=True, order=True)
class Part:
    """`kind`: pypi, cargo or npm. `licence`: as its author writes it, "" where nothing is said."""

    kind: str
    name: str
    version: str
    licence: str


def every_part(installed: Iterable[Distribution], site_packages: Path) -> list[Part]:
    """Of all three kinds. `site_packages`: where schoolgate itself is installed."""
    return [*python_parts(installed), *rust_parts(site_packages), *browser_parts()]


def python_parts(installed: Iterable[Distribution]) -> list[Part]:
    """Each but schoolgate, by name."""
    return sorted(Part("pypi", _plain(one.name), one.version, _licence(one)) for one in installed if one.name != NAME)


def rust_parts(site_packages: Path) -> list[Part]:
    """Each crate in the core but schoolgate's own."""
    parts = set()
    for file in site_packages.glob(f"{NAME}-*.dist-info/sboms/*.json"):
        for one in json.loads(file.read_text(encoding="utf-8"))["components"]:
            if not one["name"].startswith(f"{NAME}-"):
                said = [entry.get("expression") or entry["license"].get("id", "") for entry in one.get("licenses", ())]
                parts.add(Part("cargo", one["name"], one["version"], " AND ".join(said)))
    return sorted(parts)


def browser_parts() -> list[Part]:
    """What browsers get."""
    packages = json.loads(CONSOLE_LOCK.read_text(encoding="utf-8"))["packages"]
    found = ((name, packages[f"node_modules/{name}"]) for name in BROWSER)
    return [Part("npm", name, one["version"], one.get("license", "")) for name, one in found]


def needed_distributions() -> list[Distribution]:
    """schoolgate and what it needs, of the environment that runs this: without what only tests and checks need."""
    found: dict[tuple[str, tuple[str, ...]], Distribution] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(NAME, ())]
    while waiting:
        name, extras = waiting.pop()
        key = (_plain(name), extras)
        if key in found:
            continue
        found[key] = distribution(name)
        for line in found[key].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": one}) for one in ("", *extras)):
                waiting.append((wanted.name, tuple(sorted(wanted.extras))))
    return list({one.name: one for one in found.values()}.values())


def third_party_text(installed: Iterable[Distribution], site_packages: Path, package: Path) -> str:
    """The whole list, then each text once, with the parts that it is of. `package`: schoolgate's own folder."""
    by_name = sorted(installed, key=lambda one: one.name.lower())
    parts = every_part(by_name, site_packages)
    lines = ["What schoolgate contains that others wrote, and under which licence.", ""]
    lines += [f"{part.kind} {part.name} {part.version}: {part.licence or 'see its text below'}" for part in parts]
    texts: dict[str, list[str]] = {}
    for label, text in (*_python_texts(by_name), *_rust_texts(parts)):
        texts.setdefault(text, []).append(label)
    for text, labels in texts.items():
        lines += ["", f"==== {', '.join(dict.fromkeys(labels))} ====", "", text]
    browser = package / "console/assets/built/THIRD_PARTY.txt"
    return "\n".join([*lines, "", browser.read_text(encoding="utf-8")])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(one: Distribution) -> str:
    about = one.metadata
    short = about.get("License-Expression") or about.get("License") or ""
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    # Some put the whole text where its name belongs.
    return short if short and "\n" not in short else " OR ".join(named)


def _python_texts(installed: Iterable[Distribution]) -> Iterator[tuple[str, str]]:
    for one in installed:
        label = f"{one.name} {one.version}"
        for file in one.files or () if one.name != NAME else ():
            if ".dist-info" in file.parts[0] and file.name.upper().startswith(_TEXTS):
                yield from _text(label, Path(str(one.locate_file(file))))


def _rust_texts(parts: Iterable[Part]) -> Iterator[tuple[str, str]]:
    """From where cargo unpacked the crates to build them."""
    sources = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "registry/src"
    for part in parts:
        if part.kind == "cargo":
            for path in sorted(sources.glob(f"*/{part.name}-{part.version}/*")):
                if path.name.upper().startswith(_TEXTS):
                    yield from _text(f"{part.name} {part.version}", path)


def _text(label: str, path: Path) -> Iterator[tuple[str, str]]:
    if path.is_file():
        yield label, path.read_text(encoding="utf-8", errors="replace").strip()
