"""[identity]: sources that make sense, each with a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.config import ConfigInvalid, load


def read(folder: Path, text: str) -> object:
    path = folder / "schoolgate.toml"
    path.write_text(f'[server]\nstate_dir = "{folder / "state"}"\n{text}')
    return load(path)


def test_there_is_no_source_by_itself(tmp_path: Path) -> None:
    assert read(tmp_path, "").identity.sources == ()  # type: ignore[attr-defined]


def test_sources_are_called_by_name_or_kind(tmp_path: Path) -> None:
    text = '[[identity.sources]]\nkind = "kea"\npath = "leases.csv"\n[[identity.sources]]\nkind = "neighbours"\n'
    sources = read(tmp_path, text).identity.sources  # type: ignore[attr-defined]
    assert [one.called for one in sources] == ["kea", "neighbours"]
    assert sources[0].path == tmp_path / "leases.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "kea"', "needs a path"),
        ('kind = "neighbours"\npath = "/x"', "neighbours have no path"),
        ('kind = "windows"\npath = "/x"', "kind"),
        ('kind = "kea"\npath = "/x"\nname = "<b>"', "name"),
        ('kind = "kea"\npath = "/x"\n[[identity.sources]]\nkind = "kea"\npath = "/y"', "two sources are called"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        read(tmp_path, f"[[identity.sources]]\n{text}\n")
