"""Small lists, and policies decided by them: fast enough to ask for every case."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from schoolgate._core import ListFile, Snapshot, compile_snapshot
from schoolgate.checks.deciding import Judge
from schoolgate.checks.strictest import Comparison
from schoolgate.lists.services import read_services
from schoolgate.policy import Catalogue, load_catalogue, parse
from schoolgate.policy.active_policy import Ground, compile_active_policy

LISTS = Path(__file__).resolve().parents[3] / "lists"
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
_NAMES = {
    ("feeds/films", "streaming"): "youtube.com\ngooglevideo.com\nfilms.example.com\n",
    ("services/youtube", "service:youtube"): "youtube.com\nyoutu.be\nyoutube.googleapis.com\n"
    "youtubei.googleapis.com\nyoutube-nocookie.com\n",
    ("services/tiktok", "service:tiktok"): "tiktok.com\n",
    ("feeds/social", "social"): "tiktok.com\n",
    ("starter/help-lines", "help-lines"): "help.example.org\n",
    ("starter/platform", "platform"): "time.example.net\n",
    ("feeds/porn", "pornography"): "porn.example.com\n",
}  # fmt: skip


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue(LISTS)


@pytest.fixture(scope="session")
def small_lists(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("small-lists")
    inputs = []
    for number, ((feed, category), names) in enumerate(_NAMES.items()):
        path = folder / f"{number}.txt"
        path.write_text(names, encoding="utf-8")
        inputs.append(ListFile(path, feed, category, reviewed=True))
    compile_snapshot(inputs, str(folder / "out"), 1)
    return Snapshot.open(str(folder / "out"))


@pytest.fixture
def compared(catalogue: Catalogue, small_lists: Snapshot) -> Callable[[str], Comparison]:
    """A policy, given without its head, as the engine decides by it with the small lists."""

    def make(text: str, strictest: str = "unknown") -> Comparison:
        head = f'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "{strictest}"\n'
        checked = parse(head + text, "policy.toml", catalogue)
        active = compile_active_policy(checked, Ground(catalogue, catalogue.special, ()), 1, NOW)
        services = {one.id: one for one in read_services(LISTS / "services")}
        return Comparison(active, Judge(active.compiled.description, small_lists, None), catalogue, services)

    return make
