"""A SafeSearch level, or a service's switch, speaks before the categories that lists give to the same names."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import orjson
import pytest

from schoolgate._core import ListFile, PolicyTable, Snapshot, compile_snapshot, explain
from schoolgate.policy import Catalogue, compile_policy, load_catalogue, parse

LISTS = Path(__file__).resolve().parents[3] / "lists"
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
HEAD = 'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "pupil"\n[policies.pupil]\n'
STREAMING = 'categories = { streaming = "deny", circumvention-vpn = "deny" }\n'


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(LISTS)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A feed of streaming sites, a feed of VPNs, and the services of those names."""
    folder = tmp_path_factory.mktemp("lists")
    inputs = []
    for feed, category, names in (
        ("feeds/films", "streaming", "youtube.com\ngooglevideo.com\nwww.bing.com\nfilms.example\n"),
        ("feeds/vpns", "circumvention-vpn", "nordvpn.com\nother.example\n"),
        ("services/youtube", "service:youtube", "youtube.com\ngooglevideo.com\n"),
        ("services/nordvpn", "service:nordvpn", "nordvpn.com\n"),
        ("locked", "malware", "bad.youtube.com\n"),
    ):
        path = folder / f"{category.replace(':', '-')}.txt"
        path.write_text(names)
        inputs.append(ListFile(path, feed, category, reviewed=True))
    compile_snapshot(inputs, str(folder / "out"), 1)
    return Snapshot.open(str(folder / "out"))


def layer_and_effect(snapshot: Snapshot, catalogue: Catalogue, policy: str, name: str) -> tuple[str, str]:
    checked = parse(HEAD + policy, "policy.toml", catalogue)
    table = PolicyTable.compile(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)
    told = orjson.loads(explain(snapshot, table, name, 1, "10.0.0.1", "10.0.0.53", 53))["decision"]
    return told["layer"], told["effect"]


@pytest.mark.parametrize(
    ("policy", "name", "effect"),
    [
        ('safesearch = { youtube = "moderate" }\n', "www.youtube.com", "allow"),
        ('safesearch = { youtube = "strict" }\n', "rr1.googlevideo.com", "allow"),
        ('safesearch = { youtube = "moderate" }\n', "restrictmoderate.youtube.com", "allow"),
        ("safesearch = { bing = true }\n", "www.bing.com", "allow"),
        ('safesearch = { youtube = "off" }\n', "www.youtube.com", "deny"),
        ("", "www.youtube.com", "deny"),
        ("", "rr1.googlevideo.com", "deny"),
        ('safesearch = { youtube = "moderate" }\n', "films.example", "deny"),
        ('safesearch = { youtube = "moderate" }\nunknown = "deny"\n', "www.youtube.com", "deny"),
        ('safesearch = { youtube = "moderate" }\ndeny = ["youtube.com"]\n', "www.youtube.com", "deny"),
    ],
)
def test_a_level_opens_the_engine_against_a_list_of_its_kind(
    snapshot: Snapshot, catalogue: Catalogue, policy: str, name: str, effect: str
) -> None:
    assert layer_and_effect(snapshot, catalogue, policy + STREAMING, name)[1] == effect


def test_a_services_own_switch_speaks_before_a_level(snapshot: Snapshot, catalogue: Catalogue) -> None:
    policy = 'safesearch = { youtube = "strict" }\ncategories = { streaming = "deny", "service:youtube" = "deny" }\n'
    for name in ("www.youtube.com", "rr1.googlevideo.com"):
        assert layer_and_effect(snapshot, catalogue, policy, name) == ("category", "deny")


def test_a_threat_closes_what_a_level_opens(snapshot: Snapshot, catalogue: Catalogue) -> None:
    policy = 'safesearch = { youtube = "strict" }\ncategories = { malware = "deny" }\n'
    assert layer_and_effect(snapshot, catalogue, policy, "bad.youtube.com") == ("threat", "deny")


def test_a_switch_opens_a_service_against_a_list_of_ways_round_and_nothing_else(
    snapshot: Snapshot, catalogue: Catalogue
) -> None:
    policy = 'categories = { circumvention-vpn = "deny", "service:nordvpn" = "allow" }\n'
    assert layer_and_effect(snapshot, catalogue, policy, "nordvpn.com")[1] == "allow"
    assert layer_and_effect(snapshot, catalogue, policy, "other.example") == ("circumvention", "deny")
    locked = policy + '[policies.pupil.locked]\ncategories = { circumvention-vpn = "deny" }\n'
    assert layer_and_effect(snapshot, catalogue, locked, "nordvpn.com") == ("trust-locked", "deny")
