"""The word library: dated, versioned, in any language, tried on names it must not fit; and it only suggests."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pytest

from schoolgate.config import Settings, parse
from schoolgate.config.problems import InputRefused
from schoolgate.suggestions.comparison_names import read_comparison_names
from schoolgate.suggestions.keywords import Keyword, keyword_in, read_keywords
from schoolgate.suggestions.suggest import suggestion_for
from schoolgate.suggestions.word_library import (
    LibraryWord,
    WordRefused,
    add_word,
    all_keywords,
    false_hits,
    own_library,
    read_library,
    remove_word,
)

ROOT = Path(__file__).resolve().parents[3]
POPULAR = ROOT.parent / "shared/data/popular-100k.txt.gz"
NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "state").mkdir()
    trust = tmp_path / "trust.toml"
    trust.write_text(
        'version = 4\n[[word]]\nword = "puffbar"\ncategory = "alcohol-vaping"\nadded_at = 2026-09-01T08:00:00Z\n'
        'who = "trust"\nkind = "slang"\n',
        encoding="utf-8",
    )
    text = f'[server]\nstate_dir = "{tmp_path / "state"}"\n[lists]\ndir = "{ROOT / "lists"}"\nwords = ["{trust}"]\n'
    return parse(text, "schoolgate.toml", folder=tmp_path)


def word(text: str, category: str = "gambling", **fields: object) -> LibraryWord:
    return LibraryWord.model_validate(
        {"word": text, "category": category, "added_at": NOW, "who": "A. Person"} | fields
    )


def ace(text: str) -> str:
    return "xn--" + text.encode("punycode").decode()


def test_each_change_is_a_version_with_its_date_and_who(settings: Settings) -> None:
    add_word(settings, word("punting"), [], accepted=False)
    add_word(settings, word("zakłady", language="pl"), [], accepted=False)
    remove_word(settings, "punting", "B. Person", NOW + dt.timedelta(days=1))
    library = read_library(own_library(settings))
    assert library.version == 3
    assert [one.word for one in library.word] == ["zakłady"]
    assert [(one.version, one.what, one.word, one.who) for one in library.change] == [
        (1, "added", "punting", "A. Person"),
        (2, "added", "zakłady", "A. Person"),
        (3, "removed", "punting", "B. Person"),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zakłady", "moje-zakłady"),
        ("\u043a\u0430\u0437\u0438\u043d\u043e", "\u043a\u0430\u0437\u0438\u043d\u043e24"),
        ("赌场", "在线赌场"),
        ("kasyno", "best-kasyno"),
        ("STRASSE", "straße"),
    ],
)
def test_a_word_of_any_script_is_found_in_a_name_as_it_travels(text: str, name: str) -> None:
    keyword = Keyword(word=text, category="gambling")
    travels = name if name.isascii() else ace(name)
    assert keyword_in(travels, (keyword,)) == keyword
    assert keyword_in("harmless", (keyword,)) is None


def test_the_schools_words_the_trusts_and_ours_all_suggest_and_none_blocks(settings: Settings) -> None:
    add_word(settings, word("kasyno", language="pl"), [], accepted=False)
    known = read_comparison_names(settings)
    for name, resembles in (
        ("www.best-kasyno.example", "kasyno"), ("puffbar-shop.example", "puffbar"), ("my-casino.example", "casino"),
    ):  # fmt: skip
        found = suggestion_for(name, 1, known)
        assert found is not None
        assert (found.kind, found.resembles) == ("keyword", resembles)
    assert [one.file for one in all_keywords(settings) if one.word == "puffbar"] == [str(settings.lists.words[0])]


def test_a_word_that_fits_a_name_that_must_stay_open_is_refused(settings: Settings) -> None:
    with pytest.raises(WordRefused, match=r"childline.* --unless"):
        add_word(settings, word("childline"), [], accepted=True)
    assert not own_library(settings).exists()


def test_a_word_that_fits_popular_names_needs_a_person_to_say_so(settings: Settings) -> None:
    popular = ["www.alphabet-books.example.com", "lessons.example.com"]
    with pytest.raises(WordRefused, match=r"1 popular ones: www.alphabet-books.example.com; .* or --accept"):
        add_word(settings, word("books"), popular, accepted=False)
    add_word(settings, word("books", unless=("alphabet",)), popular, accepted=False)
    add_word(settings, word("lessons"), popular, accepted=True)
    assert len(read_library(own_library(settings)).word) == 2


@pytest.mark.parametrize("text", ["", "a", "two words", "x1", "b" * 31, "a.b"])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="word"):
        word(text)


def test_a_category_or_a_word_that_is_not_there_is_said_with_what_was_meant(settings: Settings) -> None:
    with pytest.raises(WordRefused, match="gambling"):
        add_word(settings, word("punting", "gambing"), [], accepted=False)
    with pytest.raises(WordRefused, match="not in the school"):
        remove_word(settings, "punting", "A. Person", NOW)


def test_a_damaged_library_is_named_and_not_left_out(settings: Settings) -> None:
    own_library(settings).write_text("version = -1\n", encoding="utf-8")
    with pytest.raises(InputRefused, match=r"words\.toml"):
        all_keywords(settings)


def test_our_own_words_fit_few_popular_names(settings: Settings) -> None:
    if not POPULAR.exists():
        pytest.skip("the popular names are not there")
    with gzip.open(POPULAR, "rt", encoding="utf-8") as file:
        popular = file.read().split()
    for one in read_keywords(ROOT / "lists"):
        assert false_hits(settings, one, popular).open_names == ()
