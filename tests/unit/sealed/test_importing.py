"""An import keeps hashes and counts; what is wrong with it leaves what was in force."""

from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pytest
from tests.unit.sealed.conftest import NOW, Import

from schoolgate._core import PolicyTable, SealedList, SealFailed, Snapshot, explain
from schoolgate.sealed import SealedShrunk, SealedStore
from schoolgate.sealed.importing import NoSupplier

TABLE = PolicyTable.compile(
    orjson.dumps(
        {
            "serial": 1,
            "policies": [{"id": "p", "action": "nxdomain", "unknown": "allow"}],
            "segments": [],
            "strictest": "p",
            "allowed_clients": ["192.0.2.0/24"],
        }
    )
)


def layer_of(sealed: SealedList, name: str) -> str:
    explained = explain(Snapshot.empty(), TABLE, name, 1, "192.0.2.1", "192.0.2.53", 53, sealed)
    return str(orjson.loads(explained)["decision"]["layer"])


def opened(store: SealedStore, *suppliers: str) -> SealedList:
    return SealedList.open([store.path(one) for one in suppliers], store.keys)


def test_counts_say_what_dns_can_enforce_and_what_it_cannot(take: Import, store: SealedStore) -> None:
    report = take("bad.example\nhttps://worse.example/\nshared.example/page\nhttp://192.0.2.1/\n\n# note\n")
    assert (report.entries, report.facts.enforced, report.facts.url_level) == (4, 2, 1)
    assert report.skipped == {"address": 1}
    sealed = opened(store, "iwf")
    assert layer_of(sealed, "www.bad.example") == layer_of(sealed, "worse.example") == "sealed"
    assert layer_of(sealed, "shared.example") == "allow"


@pytest.mark.parametrize(
    ("form", "column", "text"),
    [
        ("csv", "Site", "No,Site\n1,bad.example\n"),
        ("csv", "2", "1;bad.example;x\n"),
        ("hashes", None, "0ae0f4d5ffb9f83ad0bce5b1b9a1bf3f\n"),
    ],
)
def test_every_format_leads_to_the_same_denial(
    take: Import, store: SealedStore, form: str, column: str | None, text: str
) -> None:
    import hashlib

    text = text.replace("0ae0f4d5ffb9f83ad0bce5b1b9a1bf3f", hashlib.sha256(b"bad.example").hexdigest())
    assert take(text, form=form, column=column).facts.enforced == 1
    assert layer_of(opened(store, "iwf"), "a.bad.example") == "sealed"


def test_an_explanation_of_a_sealed_name_names_nothing(take: Import, store: SealedStore) -> None:
    take("unmistakable.example\n")
    said = explain(
        Snapshot.empty(), TABLE, "unmistakable.example", 1, "192.0.2.1", "192.0.2.53", 53, opened(store, "iwf")
    )
    assert b"unmistakable" not in said
    assert orjson.loads(said)["decision"]["rule"] == "sealed list, serial 1"


def test_a_file_with_nothing_to_enforce_changes_nothing(take: Import, store: SealedStore) -> None:
    take("bad.example\n")
    before = store.path("iwf").read_bytes()
    for text in ("", "# nothing\n", "shared.example/page\n", "<html>\n"):
        with pytest.raises(SealFailed, match="no entry that DNS can enforce"):
            take(text)
    assert store.path("iwf").read_bytes() == before
    assert not list(store.folder.glob("*.candidate*"))


def test_a_list_of_less_than_half_waits_for_somebody_to_say_so(take: Import, store: SealedStore) -> None:
    take("".join(f"bad{number}.example\n" for number in range(10)))
    with pytest.raises(SealedShrunk, match=r"4 entries .* 10"):
        take("".join(f"bad{number}.example\n" for number in range(4)))
    assert layer_of(opened(store, "iwf"), "bad9.example") == "sealed"
    take("".join(f"bad{number}.example\n" for number in range(4)), accept_shrink=True)
    records = [orjson.loads(line) for line in store.imports.read_bytes().splitlines()]
    assert [(one["enforced"], one["before"], one["accepted_shrink"]) for one in records] == [
        (10, None, False),
        (4, 10, True),
    ]
    assert records[0]["who"] == "a tester"
    assert records[0]["at"] == NOW.isoformat()


@pytest.mark.parametrize("supplier", ["", "../x", "IWF", "a/b", "x" * 33])
def test_a_supplier_is_a_plain_word(take: Import, supplier: str) -> None:
    with pytest.raises(NoSupplier):
        take("bad.example\n", supplier=supplier)


def test_everything_is_for_its_owner_alone(take: Import, store: SealedStore) -> None:
    take("bad.example\n")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    for path in store.folder.iterdir():
        if path.name != "import.lock":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_key_lives_until_no_list_needs_it(take: Import, store: SealedStore) -> None:
    first = take("bad.example\n").facts.key_id
    take("worse.example\n", supplier="ctiru")
    second = store.rotate()
    assert second != first
    assert keys_of(store) == [second, first], "nothing is unreadable before the next import"
    assert layer_of(opened(store, "iwf", "ctiru"), "bad.example") == "sealed"
    assert take("bad.example\n").facts.key_id == second
    assert keys_of(store) == [second, first], "the other supplier's list still needs the old one"
    take("worse.example\n", supplier="ctiru")
    assert keys_of(store) == [second]
    sealed = opened(store, "iwf", "ctiru")
    assert layer_of(sealed, "bad.example") == layer_of(sealed, "worse.example") == "sealed"


def keys_of(store: SealedStore) -> list[str]:
    return [line.split()[0] for line in store.keys.read_text().splitlines()]


def test_serials_rise_over_all_suppliers(take: Import) -> None:
    serials = [take("bad.example\n", supplier=one).facts.serial for one in ("iwf", "ctiru", "iwf")]
    assert serials == [1, 2, 3]


def test_no_plain_text_is_left_anywhere(take: Import, state: Path) -> None:
    take("unmistakable-one.example\nunmistakable-two.example/path\nunmistakable three\n")
    with pytest.raises(SealFailed):
        take("unmistakable four\n")
    for path in state.rglob("*"):
        if path.is_file():
            assert b"unmistakable" not in path.read_bytes(), path
