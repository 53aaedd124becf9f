"""No start without the last good sealed lists; a running server never takes older ones."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sealed.conftest import NOW, Import

from schoolgate.config import ConfigInvalid, Settings
from schoolgate.sealed import SealedMissing, SealedOlder, SealedStore

Make = Callable[..., Settings]


def test_without_any_list_there_is_none(store: SealedStore, settings: Make) -> None:
    assert store.open_all(settings()) is None


@pytest.mark.parametrize("sealed", ["required = true", 'suppliers = ["iwf"]'])
def test_a_list_that_is_asked_for_must_be_there(store: SealedStore, settings: Make, sealed: str) -> None:
    with pytest.raises(SealedMissing, match="schoolgate sealed import"):
        store.open_all(settings(sealed))


def test_settings_say_what_is_wrong_with_them(settings: Make) -> None:
    with pytest.raises(ConfigInvalid, match=r"sealed\.suppliers"):
        settings('suppliers = ["../x"]')
    with pytest.raises(ConfigInvalid, match=r"sealed\.required"):
        settings("required = 1")


def test_a_list_once_imported_must_be_there_whatever_the_settings_say(
    store: SealedStore, settings: Make, take: Import, state: Path
) -> None:
    take("bad.example\n")
    take("worse.example\n", supplier="ctiru")
    opened = store.open_all(settings())
    assert opened is not None
    assert opened.serials == {"iwf": 1, "ctiru": 2}
    kept = store.path("iwf").read_bytes()
    store.path("iwf").unlink()
    with pytest.raises(SealedMissing, match=r"sealed list of iwf is missing.*import"):
        store.open_all(settings())
    store.path("iwf").write_bytes(kept)
    shutil.rmtree(state / "sealed")
    with pytest.raises(SealedMissing, match=r"(?s)iwf is missing.*does not start") as error:
        store.open_all(settings("required = false"))
    assert "ctiru" in str(error.value)


def test_the_record_of_what_must_be_there_cannot_be_emptied(store: SealedStore, settings: Make, take: Import) -> None:
    take("bad.example\n")
    for text in ("", "{}", "[]", '{"suppliers": []}'):
        store.manifest.write_text(text)
        with pytest.raises(SealedMissing, match="which sealed lists there must be"):
            store.open_all(settings())
    store.manifest.unlink()
    assert store.open_all(settings()) is not None, "the file itself still says that it must be there"


def test_a_damaged_list_gives_way_to_the_one_before_and_is_spoken_of(
    store: SealedStore, settings: Make, take: Import
) -> None:
    take("bad.example\n")
    take("bad.example\nnew.example\n")
    store.path("iwf").write_bytes(store.path("iwf").read_bytes()[:-1] + b"x")
    opened = store.open_all(settings())
    assert opened is not None
    assert opened.serials == {"iwf": 1}
    assert any("damaged" in problem for problem in opened.problems)
    assert any("serial 2 was imported" in problem for problem in opened.problems)
    store.previous("iwf").write_bytes(b"")
    with pytest.raises(SealedMissing):
        store.open_all(settings())


def test_a_list_that_was_taken_away_does_not_give_way(store: SealedStore, settings: Make, take: Import) -> None:
    take("bad.example\n")
    take("bad.example\nnew.example\n")
    store.path("iwf").unlink()
    with pytest.raises(SealedMissing):
        store.open_all(settings())


def test_the_list_of_one_supplier_cannot_stand_for_anothers(store: SealedStore, settings: Make, take: Import) -> None:
    take("bad.example\n")
    take("harmless.example\n", supplier="ours")
    shutil.copy(store.path("ours"), store.path("iwf"))
    with pytest.raises(SealedMissing, match="is the list of ours"):
        store.open_all(settings())


def test_keys_that_are_gone_or_of_another_make_the_list_unusable(
    store: SealedStore, settings: Make, take: Import
) -> None:
    take("bad.example\n")
    key = store.keys.read_bytes()
    store.keys.unlink()
    with pytest.raises(SealedMissing):
        store.open_all(settings())
    store.keys.write_bytes(key)
    store.keys.chmod(0o644)
    with pytest.raises(SealedMissing, match="may be read by others"):
        store.open_all(settings())
    store.keys.chmod(0o600)
    assert store.open_all(settings()) is not None


def test_a_running_server_takes_newer_lists_and_never_older_ones(
    store: SealedStore, settings: Make, take: Import
) -> None:
    take("bad.example\n")
    first = store.path("iwf").read_bytes()
    take("bad.example\nnew.example\n")
    before = store.open_all(settings())
    store.path("iwf").write_bytes(first)
    with pytest.raises(SealedOlder, match="serial 2 is in force and the disk has serial 1"):
        store.open_not_older(settings(), before)
    take("bad.example\nnew.example\n", now=NOW + dt.timedelta(days=1))
    newer = store.open_not_older(settings(), before)
    assert newer is not None
    assert newer.serials == {"iwf": 3}
    shutil.rmtree(store.folder)
    store.manifest.unlink()
    with pytest.raises(SealedOlder, match="the disk has none"):
        store.open_not_older(settings(), newer)
