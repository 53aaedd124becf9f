"""Suggestions: what looks alike is found, what is a slip away is found, what must stay open is left alone."""

from __future__ import annotations

import datetime as dt
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reports.conftest import row, write_log

from schoolgate.config import Settings, parse
from schoolgate.lists.protected import protected_names
from schoolgate.policy import load_catalogue
from schoolgate.suggestions.comparison_names import ComparisonNames, read_comparison_names
from schoolgate.suggestions.keywords import keyword_in, read_keywords
from schoolgate.suggestions.looking import look
from schoolgate.suggestions.misspelling import Spellings, is_one_edit_away
from schoolgate.suggestions.queue import MOST_OPEN, NoSuchSuggestion, Queue, QueueUnusable
from schoolgate.suggestions.skeleton import _LETTERS, skeleton
from schoolgate.suggestions.suggest import Suggestion, suggest, suggestion_for

ROOT = Path(__file__).resolve().parents[3]
NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
SHIPPED = parse(f'[lists]\ndir = "{ROOT / "lists"}"\n', "schoolgate.toml")
LETTERS = st.text(string.ascii_lowercase, min_size=1, max_size=12)


@pytest.fixture(scope="module")
def known() -> ComparisonNames:
    return read_comparison_names(SHIPPED)


def ace(text: str) -> str:
    """As a browser asks for it."""
    return "xn--" + text.encode("punycode").decode()


IMITATION = ace("t\u0456ktok") + ".com"


# -- skeletons


@given(st.text(max_size=63))
def test_a_skeleton_is_its_own_skeleton(label: str) -> None:
    assert skeleton(skeleton(label)) == skeleton(label)


@given(LETTERS, st.data())
def test_a_letter_swapped_for_one_that_looks_like_it_changes_nothing(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    odd = _LETTERS.get(word[at], "").split()
    if odd:
        imitation = word[:at] + chr(int(data.draw(st.sampled_from(odd)), 16)) + word[at + 1 :]
        assert skeleton(imitation) == skeleton(word)
        assert skeleton(ace(imitation)) == skeleton(word)


@pytest.mark.parametrize(
    ("imitation", "real"),
    [
        ("r0blox", "roblox"), ("disc0rd", "discord"), ("tik-tok", "tiktok"), ("1nstagram", "instagram"),
        ("rnessenger", "messenger"), ("vvhatsapp", "whatsapp"), ("TikTok", "tiktok"), ("íñstagram", "instagram"),
    ],
)  # fmt: skip
def test_imitations_people_make(imitation: str, real: str) -> None:
    assert skeleton(imitation) == skeleton(real)


@pytest.mark.parametrize("label", ["xn--", "xn--\x00", "xn--99999999999", "xn--a" * 20, "", "-", "\\255"])
def test_what_cannot_be_decoded_is_no_error(label: str) -> None:
    skeleton(label)


# -- misspellings


def edits(one: str, other: str) -> int:
    """Optimal string alignment, by the book: the oracle."""
    table = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost = one[i - 1] != other[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


FEW_LETTERS = st.text("abc", max_size=6)


@given(FEW_LETTERS, FEW_LETTERS)
def test_one_edit_is_one_edit_of_the_book(one: str, other: str) -> None:
    assert is_one_edit_away(one, other) == (edits(one, other) == 1)


@given(st.lists(FEW_LETTERS, max_size=8), FEW_LETTERS)
def test_the_look_up_finds_what_comparing_with_all_finds(words: list[str], word: str) -> None:
    near = {known for known in words if edits(word, known) == 1}
    found = Spellings(words).almost(word)
    assert found == (None if word in words else min(near, default=None))


# -- keywords


def test_every_keyword_has_a_category_and_is_there_once() -> None:
    words = read_keywords(ROOT / "lists")
    categories = load_catalogue(ROOT / "lists").categories
    assert len({one.word for one in words}) == len(words) > 10
    assert {one.category for one in words} <= set(categories)


def test_no_name_that_must_stay_open_holds_a_keyword() -> None:
    words = read_keywords(ROOT / "lists")
    assert [name for name in protected_names(SHIPPED) if keyword_in(name, words)] == []


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("www.unblocked-games", "unblocked"), ("games4unblocked", "unblocked"), ("free-vpn", "vpn"), ("vpn4you", "vpn"),
        ("svpnx", None), ("essexschool", None), ("aidingandabetting", None), ("alphabet", None), ("scunthorpe", None),
    ],
)  # fmt: skip
def test_short_words_count_only_where_they_stand_alone(name: str, word: str | None) -> None:
    found = keyword_in(name, read_keywords(ROOT / "lists"))
    assert (found.word if found else None) == word


# -- suggestions


@pytest.mark.parametrize(
    ("asked", "name", "kind", "resembles"),
    [
        ("www.r0blox.com", "r0blox.com", "look-alike", "roblox.com"),
        (IMITATION, IMITATION, "look-alike", "tiktok.com"),
        ("m.instagrm.com", "instagrm.com", "misspelling", "instagram.com"),
        ("insatgram.example.net", None, None, None),
        ("play.unblocked-games.example", "unblocked-games.example", "keyword", "unblocked"),
    ],
)  # fmt: skip
def test_what_is_suggested(
    known: ComparisonNames, asked: str, name: str | None, kind: str | None, resembles: str | None
) -> None:
    found = suggestion_for(asked, 3, known)
    assert (found and (found.name, found.kind, found.resembles)) == ((name, kind, resembles) if name else None)


@pytest.mark.parametrize(
    "name", ["www.roblox.com", "example.org", "com", "localhost", "", "(withheld)", "www.childline.org.uk", "co.uk"]
)
def test_what_is_known_open_or_no_name_suggests_nothing(known: ComparisonNames, name: str) -> None:
    assert suggestion_for(name, 1, known) is None


def test_no_protected_name_is_ever_suggested(known: ComparisonNames) -> None:
    assert suggest(((name, 1) for name in protected_names(SHIPPED)), known) == ()


def test_hosts_of_one_domain_are_one_suggestion_with_all_they_were_asked(known: ComparisonNames) -> None:
    (found,) = suggest([("a.r0blox.com", 2), ("b.r0blox.com", 3)], known)
    assert (found.name, found.asked) == ("r0blox.com", 5)


# -- the queue


def suggestion(name: str, asked: int = 1) -> Suggestion:
    return Suggestion(name, "keyword", "unblocked", "circumvention-proxy", asked)


def test_what_was_dismissed_is_counted_and_never_suggested_again(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    assert queue.rows() == []
    assert not queue.path.exists(), "looking writes nothing"
    assert queue.add([suggestion("a.example", 2), suggestion("b.example")], NOW) == 2
    queue.decide("A.example.", "dismissed", "jo", "a lesson", NOW)
    assert queue.add([suggestion("a.example", 5)], NOW + dt.timedelta(days=1)) == 0
    assert [one.name for one in queue.rows()] == ["b.example"]
    (first, _) = queue.rows(None)
    assert (first.name, first.asked, first.state, first.reason, first.who) == (
        "a.example",
        7,
        "dismissed",
        "a lesson",
        "jo",
    )
    with pytest.raises(NoSuchSuggestion, match="lists suggestions"):
        queue.decide("c.example", "accepted", "jo", "", NOW)
    assert queue.path.stat().st_mode & 0o777 == 0o600


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    many = [suggestion(f"n{number}.example") for number in range(MOST_OPEN + 50)]
    assert queue.add(many, NOW) == MOST_OPEN
    assert queue.add(many, NOW) == 0
    queue.decide("n0.example", "accepted", "jo", "", NOW)
    assert queue.add(many, NOW) == 1


def test_a_damaged_queue_is_named_with_what_to_do(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    queue.path.write_bytes(b"this is not a database at all" * 50)
    with pytest.raises(QueueUnusable, match="remove the file"):
        queue.rows()


# -- the log


def test_names_of_the_log_that_were_open_become_suggestions_without_anybody_in_them(tmp_path: Path) -> None:
    text = f'[server]\nstate_dir = "{tmp_path / "state"}"\n[lists]\ndir = "{ROOT / "lists"}"\n'
    settings: Settings = parse(text, "schoolgate.toml", folder=tmp_path)
    at = NOW - dt.timedelta(hours=1)
    rows = [
        row(at, "www.r0blox.com"),
        row(at, "unblocked.example.com", action="deny", layer="category", category="games"),
        row(NOW - dt.timedelta(days=2), "instagrm.com"),
    ]
    write_log(settings.server.state_dir, rows, [])
    found, new = look(settings, NOW - dt.timedelta(days=1), NOW)
    assert ([one.name for one in found], new) == (["r0blox.com"], 1)
    (kept,) = Queue(settings.server.state_dir).rows()
    assert (kept.name, kept.resembles, kept.category) == ("r0blox.com", "roblox.com", "service:roblox")
    assert b"p-aaaa" not in Queue(settings.server.state_dir).path.read_bytes()
