"""Zones answered from here: special names, the school's own records, and forward zones between them."""

from pathlib import Path

import pytest

from schoolgate.config import ConfigInvalid
from schoolgate.config.local import Local
from schoolgate.policy import PolicyRefused, Zone, local_zones, merge, special_zones

SPECIAL = tuple(
    Zone(name, "nxdomain", (), f"special name {name}")
    for name in (
        "internal",
        "home.arpa",
        "local",
        "onion",
        "use-application-dns.net",
        "10.in-addr.arpa",
        "d.f.ip6.arpa",
    )
)


def local(records: str, *files: Path) -> tuple[Zone, ...]:
    return local_zones(Local(records=records, zone_files=files), "schoolgate.toml")


def kinds(zones: tuple[Zone, ...]) -> dict[str, str]:
    return {zone.name: zone.kind for zone in zones}


def test_without_an_soa_only_the_written_names_are_answered_here() -> None:
    zones = local("a.example. A 192.0.2.1\na.example. A 192.0.2.2\n*.b.example. A 192.0.2.3\n")
    assert [(zone.name, len(zone.records)) for zone in zones] == [("a.example", 2), ("b.example", 1)]
    assert set(kinds(merge(SPECIAL, zones).zones).values()) == {"nxdomain", "transparent"}


def test_an_soa_makes_one_zone_and_strangers_in_its_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "local.zone"
    file.write_text("$ORIGIN s.example.\n@ SOA ns h 1 2 3 4 5\nwww A 192.0.2.1\n")
    (zone,) = local("", file)
    assert (zone.name, len(zone.records), zone.rule) == ("s.example", 2, f"local zone s.example in {file}")
    file.write_text(file.read_text() + "other.example. A 192.0.2.1\n")
    with pytest.raises(ConfigInvalid, match=r"local\.zone: line 4: other\.example is outside s\.example"):
        local("", file)


def test_problems_of_all_files_and_of_the_records_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.zone"
    file.write_text("x A 192.0.2.1\n")
    with pytest.raises(ConfigInvalid) as error:
        local("y. A nothing\nz. CNAME y.\nz. A 192.0.2.1\n", file, tmp_path / "absent.zone")
    places = {(Path(one.file.split(": ")[0]).name, one.path) for one in error.value.problems}
    assert places == {
        ("a.zone", "line 1"),
        ("absent.zone", ""),
        ("schoolgate.toml", "line 1"),
        ("schoolgate.toml", "line 2"),
    }


def test_the_schools_own_zones_come_before_private_special_names() -> None:
    own = local("home.arpa. A 192.0.2.1\nnas.internal. A 192.0.2.2\n9.0.0.10.in-addr.arpa. PTR nas.internal.\n")
    merged = kinds(merge(SPECIAL, own).zones)
    assert merged["home.arpa"] == "static"
    assert merged["nas.internal"] == "static"
    assert merged["internal"] == "nxdomain"
    assert merged["9.0.0.10.in-addr.arpa"] == "static"


@pytest.mark.parametrize("name", ["onion", "x.onion", "use-application-dns.net"])
def test_names_with_one_right_answer_cannot_be_taken(name: str) -> None:
    with pytest.raises(ConfigInvalid, match="has a fixed answer"):
        merge(SPECIAL, local(f"{name}. A 192.0.2.1"))
    with pytest.raises(ConfigInvalid, match="has a fixed answer"):
        merge(SPECIAL, (), [name])


def test_a_forward_zone_takes_away_the_special_zone_that_would_shadow_it() -> None:
    merged = merge(SPECIAL, (), ["ad.local", "10.in-addr.arpa", "ip6.arpa"])
    assert set(kinds(merged.zones)) == {"internal", "home.arpa", "onion", "use-application-dns.net"}
    assert ["ad.local" in one.message for one in merged.warnings] == [True], "other names below local leak now"
    assert "10.in-addr.arpa" in kinds(merge(SPECIAL, (), ["11.in-addr.arpa", "corp.example"]).zones)


def test_a_forward_zone_below_local_records_would_never_be_asked() -> None:
    with pytest.raises(ConfigInvalid, match="never be asked"):
        merge(SPECIAL, local("corp.example. SOA ns. h. 1 2 3 4 5"), ["ad.corp.example"])
    assert merge(SPECIAL, local("corp.example. A 192.0.2.1"), ["ad.corp.example"]).zones
    assert merge(SPECIAL, local("nas.corp.example. A 192.0.2.1"), ["corp.example"]).zones


def test_the_shipped_special_names_are_all_read() -> None:
    zones = {zone.name: zone for zone in special_zones(Path(__file__).parents[3] / "lists" / "special-names.toml")}
    assert zones["use-application-dns.net"].kind == "nxdomain"
    assert zones["resolver.arpa"].kind == "nodata"
    assert {record.rdata.hex() for record in zones["localhost"].records} >= {"7f000001", "00" * 15 + "01"}
    assert len(zones) > 30


def test_broken_special_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "special-names.toml"
    file.write_text('[[zone]]\nname = "a"\nkind = "static"\nwhy = "w"\nrecords = ["b. A 192.0.2.1", "a. A x"]\n')
    with pytest.raises(PolicyRefused) as error:
        special_zones(file)
    assert "b is outside a" in str(error.value)
    assert "line 2" in str(error.value)
