"""Languages of the public pages: each is whole, and one is chosen by the switch, else by the browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.console.errors import ConsoleUnusable
from schoolgate.console.public.language import FOLDER, Languages, differences

LANGUAGES = Languages.load().known


def test_each_language_has_every_sentence_and_its_own() -> None:
    english = LANGUAGES["en"]
    assert len(LANGUAGES) == len(list(FOLDER.glob("*.toml")))
    for language in LANGUAGES.values():
        assert differences(english, language) == set()
        assert all(one.strip() == one and one for one in language.text.values()), language.code
        if language is not english:
            same = {key for key, one in language.text.items() if one == english.text[key]}
            assert len(same) <= 3, (language.code, same)
            assert language.text["change"] != english.text["change"]


@pytest.mark.parametrize(
    ("asked", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr;q=1.0, en;q=0.1", "en"),
        ("", "xx, *;q=0.5", "en"),
        ("nowhere", "q=;;;,,,\x00", "en"),
        ("", "en;q=0", "en"),
        ("", "cy-GB,en;q=0.5", "cy"),
        ("", "en;q=0.5, AR;q=0.8", "ar"),
        ("pl", "cy", "pl"),
    ],
)
def test_the_switch_comes_before_the_browser(asked: str, accepted: str, code: str) -> None:
    assert Languages(LANGUAGES).chosen(asked, accepted).code == code


def test_a_language_that_is_not_whole_is_named(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    welsh = (tmp_path / "cy.toml").read_text(encoding="utf-8")
    for wrong, key in (
        (welsh.replace("guest_2 =", "guest_3 ="), "guest_2, guest_3"),
        (welsh.replace("{kind}", "{king}"), "reason_kind"),
    ):
        (tmp_path / "cy.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises(ConsoleUnusable, match=f"cy: {key}"):
            Languages.load(tmp_path)
    (tmp_path / "cy.toml").write_text("code = ", encoding="utf-8")
    with pytest.raises(ConsoleUnusable, match="cannot be read"):
        Languages.load(tmp_path)
