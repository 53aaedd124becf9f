"""Feeds by operations: what is kept while one is switched on, and what only a user of the machine may say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.lists.feed_book import ChosenFeed, FeedBook, FeedRefused
from schoolgate.operations.actor import Actor
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations
from schoolgate.operations.system_clock import SystemClock

MANAGER = Actor("account:n", "n", frozenset({Role.network_manager}))
LOCAL = Actor("uid:0", "root", frozenset({Role.network_manager}))
KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
TERMS: list[dict[str, Any]] = [
    {"credential_file": "/etc/shadow"},
    {"allow_http": True},
    {"allow_hosts": ["127.0.0.1"]},
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def operations(config: Path) -> AsyncIterator[Operations]:
    async with hosted(config, load(config), SystemClock()) as made:
        yield made


def chosen(config: Path, feed: str) -> ChosenFeed | None:
    return FeedBook(load(config).server.state_dir).read().get(feed)


@pytest.mark.asyncio
async def test_a_feed_that_is_switched_on_again_keeps_its_terms_and_exceptions(
    operations: Operations, config: Path
) -> None:
    terms = {"key": KEY, "allow_hosts": ["lists.example.org"]}
    given = {"feed": "ut1-games", "accepts_licence": True}
    await operations.call(LOCAL, "feeds.enable", {**given, "terms": terms})
    left_out = {"feed": "ut1-games", "name": "puzzles.example.org", "reason": "for lessons"}
    await operations.call(MANAGER, "feeds.except", left_out)
    before = chosen(config, "ut1-games")
    assert before is not None and before.key == KEY and before.excepted
    await operations.call(MANAGER, "feeds.disable", {"feed": "ut1-games"})
    await operations.call(MANAGER, "feeds.enable", given)
    assert chosen(config, "ut1-games") == before
    await operations.call(LOCAL, "feeds.enable", {**given, "terms": {"allow_hosts": ["other.example.org"]}})
    after = chosen(config, "ut1-games")
    assert after == before.model_copy(update={"allow_hosts": ("other.example.org",)}), "the key is not lost"


@pytest.mark.asyncio
async def test_new_terms_of_a_chosen_feed_are_said_on_the_machine(operations: Operations, config: Path) -> None:
    given = {"feed": "ut1-games", "accepts_licence": True}
    await operations.call(MANAGER, "feeds.enable", given)
    before = chosen(config, "ut1-games")
    with pytest.raises(FeedRefused, match="command line"):
        await operations.call(MANAGER, "feeds.enable", {**given, "terms": {"key": KEY}})
    assert chosen(config, "ut1-games") == before


@pytest.mark.asyncio
@pytest.mark.parametrize("terms", TERMS)
async def test_what_opens_the_server_to_a_feed_is_said_on_the_machine(
    operations: Operations, config: Path, terms: dict[str, Any]
) -> None:
    with pytest.raises(FeedRefused, match="command line"):
        await operations.call(MANAGER, "feeds.enable", {"feed": "ut1-games", "accepts_licence": True, "terms": terms})
    own = {"place": "https://lists.example.org/own.txt", "category": "games", "is_checked": False}
    with pytest.raises(FeedRefused, match="command line"):
        await operations.call(MANAGER, "feeds.add", {**own, "terms": terms})
    assert chosen(config, "ut1-games") is chosen(config, "own") is None
    await operations.call(MANAGER, "feeds.add", own)
    await operations.call(LOCAL, "feeds.add", {**own, "feed": "local", "terms": terms})


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["list.txt", "none.txt", "."])
async def test_a_file_of_the_server_is_added_on_the_machine(operations: Operations, config: Path, name: str) -> None:
    (config.parent / "list.txt").write_text("one.example.org\n", encoding="utf-8")
    given = {"place": str(config.parent / name), "category": "games", "feed": "own", "is_checked": False}
    with pytest.raises(FeedRefused, match="command line"):
        await operations.call(MANAGER, "feeds.add", given)
    if name != "none.txt":
        await operations.call(LOCAL, "feeds.add", given)
