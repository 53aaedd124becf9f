"""What nobody in the school had asked for before."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate.monitoring import seen_domains
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors.first_use import DAY_S, FirstUses
from schoolgate.monitoring.seen_domains import SeenDomains
from schoolgate.policy.monitoring import FirstUse
from schoolgate.storage.atomic_file import write_whole

LATER = 14 * DAY_S


@pytest.fixture
def learned(known: CategoryFacts) -> FirstUses:
    """A school that has been watched for two weeks and knows example.org."""
    detector = FirstUses(FirstUse(), known)
    assert not list(detector.feed([made_row("www.example.org")]))
    return detector


def test_while_learning_nothing_is_told(known: CategoryFacts) -> None:
    detector = FirstUses(FirstUse(), known)
    rows = [made_row("www.example.org"), made_row("chatgpt.com"), made_row("www.example.net", at=LATER - 1)]
    assert not list(detector.feed(rows))
    assert not list(detector.look(NOW_S + LATER))


def test_the_first_use_of_an_ai_tool_is_told_once(learned: FirstUses) -> None:
    rows = [made_row("chatgpt.com", at=LATER), made_row("cdn.oaistatic.com", at=LATER + 60)]
    (found,) = learned.feed(rows)
    assert (found.severity, found.category, found.names) == ("notice", "service:chatgpt", ("chatgpt.com",))
    assert "AI tool ChatGPT" in found.sentence
    assert "open" in found.sentence


def test_a_blocked_first_use_says_so(learned: FirstUses) -> None:
    (found,) = learned.feed([denied("www.tiktok.com", "service:tiktok", at=LATER)])
    assert "the service TikTok" in found.sentence
    assert "blocked" in found.sentence


def test_a_service_met_while_learning_is_known(learned: FirstUses) -> None:
    list(learned.feed([made_row("chatgpt.com", at=5)]))
    assert not list(learned.feed([made_row("chatgpt.com", at=LATER)]))


def test_new_domains_are_told_of_together(learned: FirstUses) -> None:
    names = ["www.example.org", *(f"www.new{number}.com" for number in range(7)), "m.new1.com"]
    assert not list(learned.feed(made_row(name, at=LATER) for name in names))
    (found,) = learned.look(NOW_S + LATER + 60)
    assert (found.evidence["domains"], len(found.names), found.client) == (7, 5, "")
    assert not list(learned.look(NOW_S + LATER + 120))


def test_the_next_ones_wait_for_the_next_hour(learned: FirstUses) -> None:
    list(learned.feed([made_row("www.new1.com", at=LATER)]))
    assert len(list(learned.look(NOW_S + LATER))) == 1
    list(learned.feed([made_row("www.new2.com", at=LATER + 60)]))
    assert not list(learned.look(NOW_S + LATER + 3599))
    assert len(list(learned.look(NOW_S + LATER + 3600))) == 1


def test_a_mistyped_name_and_a_sealed_one_are_no_news(learned: FirstUses) -> None:
    rows = [
        made_row("www.exmaple.com", at=LATER, rcode=3),
        made_row("secret.com", at=LATER, layer="sealed", action="deny"),
    ]
    assert not list(learned.feed(rows))
    assert not list(learned.look(NOW_S + LATER))


def test_it_survives_a_restart_with_and_without_the_file(
    learned: FirstUses, known: CategoryFacts, tmp_path: Path
) -> None:
    path = tmp_path / "seen.bloom"
    image, count = learned.seen.image()
    write_whole(path, image)
    learned.seen.forget(count)
    list(learned.feed([made_row("www.after.com", at=9)]))
    saved = orjson.loads(orjson.dumps(learned.saved()))
    assert saved["since_filter"] == ["after.com"]
    again = FirstUses(FirstUse(), known)
    assert again.seen.load(path)
    again.load(saved)
    list(again.feed(made_row(name, at=LATER) for name in ("www.example.org", "www.after.com", "www.new.com")))
    (found,) = again.look(NOW_S + LATER)
    assert found.names == ("new.com",)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\xff" * 5000])
def test_a_damaged_filter_is_none_and_the_school_learns_anew(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "seen.bloom"
    path.write_bytes(damage)
    seen = SeenDomains()
    assert not seen.load(path)
    assert not seen.add("example.org")
    assert seen.add("example.org")


def test_a_filter_cut_short_is_none(tmp_path: Path) -> None:
    seen, path = SeenDomains(), tmp_path / "seen.bloom"
    for number in range(1000):
        seen.add(f"n{number}.example")
    path.write_bytes(seen.image()[0][:-1000])
    assert not SeenDomains().load(path)


def test_an_attackers_names_fill_it_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_domains, "MOST_DOMAINS", 100)
    monkeypatch.setattr(seen_domains, "MOST_SINCE_SAVED", 50)
    seen = SeenDomains()
    for number in range(1000):
        seen.add(f"n{number}.example")
    assert (len(seen), len(seen.since_saved())) == (100, 50)
    assert seen.add("never.example"), "beyond the bound all counts as seen"
