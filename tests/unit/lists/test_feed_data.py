"""The catalogue of feeds, the protected names and the canaries that schoolgate ships."""

from __future__ import annotations

from pathlib import Path

import pytest
from yarl import URL

from schoolgate.config import Settings, parse
from schoolgate.lists.build import build
from schoolgate.lists.canary_file import read_canaries
from schoolgate.lists.feed_catalogue import NoSuchFeed, read_published
from schoolgate.lists.protected import protected_names
from schoolgate.policy.catalogue import load_catalogue

LISTS = Path(__file__).resolve().parents[3] / "lists"
PUBLISHED = read_published(LISTS)
CATALOGUE = load_catalogue(LISTS)
DIALECTS = {None, "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "csv", "json", "plain"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    text = f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{LISTS}"\nprotected = ["School.Example.ORG."]\n'
    return parse(text, "schoolgate.toml", folder=tmp_path)


def test_every_feed_has_a_category_that_closes() -> None:
    for feed in PUBLISHED.feeds.values():
        if feed.category is not None:
            assert CATALOGUE.categories[feed.category].role not in ("platform", "protected"), feed.id


def test_every_feed_is_fetched_by_https_and_named_after_its_publisher() -> None:
    for feed in PUBLISHED.feeds.values():
        assert feed.url.startswith("https://"), feed.id
        assert feed.id.startswith(feed.publisher), feed.id
        assert feed.dialect in DIALECTS, feed.id


def test_every_publisher_says_its_licence_and_has_a_feed() -> None:
    used = {feed.publisher for feed in PUBLISHED.feeds.values()}
    assert used == set(PUBLISHED.publishers)
    assert all(one.licence and one.attribution and one.homepage for one in PUBLISHED.publishers.values())


def test_two_feeds_never_have_one_address() -> None:
    assert len({feed.url for feed in PUBLISHED.feeds.values()}) == len(PUBLISHED.feeds)


def test_a_mistyped_feed_is_guessed() -> None:
    with pytest.raises(NoSuchFeed, match="did you mean hagezi-gambling"):
        PUBLISHED.feed("hagezi-gamblin")


def test_folders_are_translated_as_the_categories_say() -> None:
    ut1 = ("ut1", "ut1-also")
    assert PUBLISHED.translate(ut1, "adult") == "pornography"
    assert PUBLISHED.translate(ut1, "cleaning") is None
    assert PUBLISHED.translate(ut1, "no-such-folder") is None


def test_the_schools_own_names_and_the_hosts_of_feeds_are_protected(settings: Settings) -> None:
    names = protected_names(settings, [feed.url for feed in PUBLISHED.feeds.values()])
    assert {"school.example.org", "accounts.google.com", "pool.ntp.org", "childline.org.uk", "aqa.org.uk"} <= {*names}
    hosts = {URL(feed.url).host for feed in PUBLISHED.feeds.values()}
    assert hosts <= {*names}


def test_canaries_name_known_categories() -> None:
    canaries = read_canaries(LISTS)
    assert {one.category for one in canaries.listed} <= set(CATALOGUE.categories)
    assert len({one.name for one in canaries.open}) == len(canaries.open) > 30


def test_the_shipped_lists_pass_their_own_canaries(settings: Settings) -> None:
    canaries = read_canaries(LISTS)
    assert build(settings).proved > len(canaries.listed) + len(canaries.open)
