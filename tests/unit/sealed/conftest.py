"""A state directory with a key of its own, and lists as a supplier would send them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from schoolgate.config import Settings, parse
from schoolgate.sealed import ImportReport, SealedStore, import_list, importing

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
Import = Callable[..., ImportReport]


@pytest.fixture(autouse=True)
def dumpable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test process stays as it is: what `keep_private` does is tested in a process of its own."""
    monkeypatch.setattr(importing, "keep_private", lambda: None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def store(state: Path) -> SealedStore:
    return SealedStore(state)


@pytest.fixture
def settings(state: Path) -> Callable[..., Settings]:
    def make(sealed: str = "") -> Settings:
        return parse(f'[server]\nstate_dir = "{state}"\n[sealed]\n{sealed}\n', "schoolgate.toml")

    return make


@pytest.fixture
def take(state: Path, tmp_path: Path) -> Import:
    """Imports a list given as text."""

    def make(
        text: str,
        supplier: str = "iwf",
        form: str = "plain",
        column: str | None = None,
        now: dt.datetime = NOW,
        accept_shrink: bool = False,
    ) -> ImportReport:
        source = tmp_path / "from-supplier"
        source.write_text(text, encoding="utf-8")
        return import_list(
            state,
            source,
            supplier=supplier,
            form=form,
            column=column,
            who="a tester",
            now=now,
            accept_shrink=accept_shrink,
        )

    return make
