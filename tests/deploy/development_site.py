"""What `pip install --target` makes of a wheel, made of the development build instead: no compiler, no network."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path

from tests.deploy.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "deploy" / "parts"))
from third_party import needed_distributions

PACKAGE = REPOSITORY / "python" / "schoolgate"


def whole_site(folder: Path, without: Iterable[str] = ()) -> Path:
    """schoolgate with everything that it depends on, but for `without`."""
    left = set(without)
    for one in needed_distributions():
        if one.name == "schoolgate":
            _put_schoolgate(folder, one)
        elif one.name not in left:
            _put(folder, one)
    return folder


def small_site(folder: Path, program: str = "def main(): print('small')\n") -> Path:
    """The same shape with next to nothing in it, for what is about the package and not about the program."""
    package = folder / "schoolgate"
    for name in ("_core.abi3.so", "shipped/lists/categories.toml", "console/assets/built/manifest.json"):
        _write(package / name, "")
    _write(package / "console/assets/built/THIRD_PARTY.txt", "none\n")
    _write(package / "__init__.py", "")
    _write(package / "__main__.py", program)
    about = folder / "schoolgate-0.1.0.dist-info"
    _write(about / "METADATA", "Metadata-Version: 2.4\nName: schoolgate\nVersion: 0.1.0\n")
    return folder


def _put_schoolgate(folder: Path, about: Distribution) -> None:
    # A wheel that is being built has lists of its own there for that time.
    shutil.copytree(PACKAGE, folder / "schoolgate", copy_function=_link, ignore=shutil.ignore_patterns("shipped"))
    shutil.copytree(REPOSITORY / "lists", folder / "schoolgate/shipped/lists", copy_function=_link)
    for file in about.files or ():
        if file.parts[0].endswith(".dist-info"):
            _one(Path(str(about.locate_file(file))), folder / file)


def _put(folder: Path, one: Distribution) -> None:
    for file in one.files or ():
        if ".." not in file.parts:
            _one(Path(str(one.locate_file(file))), folder / file)


def _one(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(str(source), str(target))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
