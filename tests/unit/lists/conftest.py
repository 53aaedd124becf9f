"""A small set of lists, laid out as the shipped ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schoolgate.config import Settings, parse

CATEGORIES = """
[[category]]
id = "gambling"
name = "Gambling"
role = "content"

[[category]]
id = "help-lines"
name = "Help lines"
role = "protected"
"""
ENGINES = """
[[engine]]
id = "google"
names = ["www.google.com"]
target = "forcesafesearch.google.com"
"""
SPECIAL = """
[[zone]]
name = "test"
kind = "nxdomain"
why = "RFC 6761"
"""
SERVICES = """
[[service]]
id = "tube"
name = "Tube"
group = "video"
domains = ["tube.example", "cdn.tube.example.net"]
note = ""
"""
GAMBLING = "# category: gambling\n\n# our own\ngambling.blocked.example.com\n\nbets.example\n!lesson.bets.example\n"


@pytest.fixture
def lists_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    for name, text in {
        "categories.toml": CATEGORIES,
        "safesearch.toml": ENGINES,
        "special-names.toml": SPECIAL,
        "services/video.toml": SERVICES,
        "starter/gambling.txt": GAMBLING,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def settings(tmp_path: Path, lists_dir: Path) -> Callable[[str], Settings]:
    """Settings with these lists; `extra` is more TOML for [lists]."""

    def make(extra: str = "") -> Settings:
        text = f'[server]\nstate_dir = "{tmp_path / "state"}"\n[lists]\ndir = "{lists_dir}"\n{extra}'
        return parse(text, "schoolgate.toml", folder=tmp_path)

    return make
