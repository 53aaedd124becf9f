"""Zones answered from here and never forwarded: special-use names, and the school's own records, which come first.

Records with an SOA make a zone of their own: names it does not hold do not exist. Without an SOA only the names that
are written are answered from here (a transparent zone); other names go on to the forwarders, but never those below a
special-use name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.load import read_text
from schoolgate.config.local import Local
from schoolgate.config.problems import ConfigInvalid, Problem
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.listed import SpecialNames
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.zone_text import Record, by_owner, parse_zone_text

Kind = Literal["static", "transparent", "nodata", "nxdomain"]
_SOA, _CNAME = 6, 5

# Special names that a school may give records or a forwarder of its own: private names (`local` for Active
# Directories of old) and reverse zones. All others have one right answer everywhere: a canary with another answer
# turns a browser's own encrypted DNS on, `localhost` elsewhere sends secrets over the wire, `onion` forwarded is a
# leak (RFC 6761, RFC 7686).
_GIVEN_AWAY = frozenset({"internal", "home.arpa", "local", "test"})
_REVERSE = (".in-addr.arpa", ".ip6.arpa")
_RFC8880_REVERSE = frozenset({"170.0.0.192.in-addr.arpa", "171.0.0.192.in-addr.arpa"})


@dataclass(frozen=True)
class Zone:
    """One zone; `rule` is what `explain` says about it. `keeps`: the category that it keeps closed, so that a policy
    which allows the category goes without the zone."""

    name: str
    kind: Kind
    records: tuple[Record, ...] = ()
    rule: str = ""
    keeps: str | None = None


def special_zones(path: Path) -> tuple[Zone, ...]:
    """The zones of lists/special-names.toml."""
    file = str(path)
    raw, problems = parse_toml(read_text(path), file)
    reading = read(SpecialNames, raw, file)
    problems += reading.problems
    zones: list[Zone] = []
    for index, one in enumerate(reading.value.zone if reading.value else ()):
        records, wrong = parse_zone_text("\n".join(one.records), f"{file}: zone[{index}].records")
        problems += wrong + tuple(_outside(records, [one.name], file))
        rule = f"special name {one.name}: {one.why}"
        zones.append(Zone(one.name, one.kind, tuple(sorted(records)), rule, one.category))
    if problems:
        raise PolicyRefused(problems)
    return tuple(zones)


def local_zones(local: Local, file: str) -> tuple[Zone, ...]:
    """The zones of `[local]`; `file` is the settings file that holds `records`. All problems of all files at once."""
    texts: list[tuple[str, str]] = [(f"{file}: local.records", local.records)]
    problems: list[Problem] = []
    for path in local.zone_files:
        try:
            texts.append((str(path), read_text(path)))
        except ConfigInvalid as error:
            problems += error.problems
    found: dict[str, list[Record]] = {}
    rules: dict[str, str] = {}
    authorities: set[str] = set()
    for source, text in texts:
        records, wrong = parse_zone_text(text, source)
        apexes = sorted({record.name for record in records if record.rtype == _SOA})
        authorities.update(apexes)
        problems += [*wrong, *_outside(records, apexes, source), *_cname_and_more(records, source)]
        for record in records:
            apex = _apex(record.name, apexes) or _own_apex(record.name)
            found.setdefault(apex, []).append(record)
            rules.setdefault(apex, f"local zone {apex} in {source}")
    if problems:
        raise ConfigInvalid(problems)
    return tuple(
        Zone(apex, "static" if apex in authorities else "transparent", tuple(sorted(set(records))), rules[apex])
        for apex, records in sorted(found.items())
    )


def _own_apex(owner: str) -> str:
    return owner.removeprefix("*.")


def _apex(owner: str, apexes: Iterable[str]) -> str | None:
    return max((apex for apex in apexes if within(owner, apex)), key=len, default=None)


def within(name: str, zone: str) -> bool:
    """Whether `name` is `zone` or below it."""
    return name == zone or zone == "" or name.endswith("." + zone)


def _outside(records: tuple[Record, ...], apexes: list[str], file: str) -> Iterator[Problem]:
    for record in records:
        if apexes and _apex(record.name, apexes) is None:
            message = f"{record.name} is outside {', '.join(apexes)}"
            yield Problem(file, f"line {record.line}", message, "move it to a file without an SOA, or correct the name")


def _cname_and_more(records: tuple[Record, ...], file: str) -> Iterator[Problem]:
    for owner, own in by_owner(records):
        aliases = [record for record in own if record.rtype == _CNAME]
        if aliases and len(set(own)) > 1:
            message = f"{owner} has a CNAME and other records"
            yield Problem(file, f"line {aliases[-1].line}", message, "a CNAME stands alone (RFC 1034 section 3.6.2)")


@dataclass(frozen=True)
class MergedZones:
    """All zones of a table, and warnings about them."""

    zones: tuple[Zone, ...]
    warnings: tuple[Problem, ...] = ()


def merge(
    special: Iterable[Zone], local: Iterable[Zone], forward_zones: Iterable[str] = (), file: str = "schoolgate.toml"
) -> MergedZones:
    """The school's own zones and forwarders come first; those special names that no one may take are refused."""
    forwards = tuple(forward_zones)
    local = tuple(local)
    kept: dict[str, Zone] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for zone in special:
        if not _may_be_taken(zone.name):
            problems += _taken(zone, local, forwards, file)
            kept[zone.name] = zone
            continue
        shadowed = [forward for forward in forwards if _shadows(zone.name, forward)]
        if not shadowed:
            kept[zone.name] = zone
        elif shadowed[0] != zone.name and within(shadowed[0], zone.name):
            message = f"other names below {zone.name} now go to the forwarders, because {shadowed[0]} is forwarded"
            warnings.append(Problem(file, "forward_zones", message, "forward the whole of it if its server knows it"))
    problems += _forwarded_too(local, forwards, file)
    if problems:
        raise ConfigInvalid(problems)
    kept.update({zone.name: _closed_below(zone, tuple(kept.values())) for zone in local})
    return MergedZones(tuple(kept[name] for name in sorted(kept)), tuple(warnings))


def _closed_below(zone: Zone, special: Iterable[Zone]) -> Zone:
    """Below a special-use name nothing is asked of a forwarder, so there the zone has the last word."""
    if zone.kind == "transparent" and any(within(zone.name, one.name) for one in special):
        return replace(zone, kind="static")
    return zone


def _may_be_taken(name: str) -> bool:
    return name in _GIVEN_AWAY or (name.endswith(_REVERSE) and name not in _RFC8880_REVERSE)


def _shadows(special: str, forward: str) -> bool:
    """Whether the special zone would answer in place of the forwarder. A forwarded in-addr.arpa holds private space."""
    return within(forward, special) or (special.endswith(_REVERSE) and within(special, forward))


def _taken(special: Zone, local: Iterable[Zone], forwards: Iterable[str], file: str) -> Iterator[Problem]:
    wanted = [("local", zone.name) for zone in local] + [("forward_zones", name) for name in forwards]
    for path, name in wanted:
        if within(name, special.name):
            yield Problem(file, path, f"{name} has a fixed answer ({special.rule})", "use another name")


def _forwarded_too(local: Iterable[Zone], forwards: tuple[str, ...], file: str) -> Iterator[Problem]:
    for zone in local:
        if zone.kind == "static" and any(within(forward, zone.name) for forward in forwards):
            message = f"{zone.name} is answered here, so its forward zone would never be asked"
            yield Problem(file, "forward_zones", message, "remove the local records or the forward zone")


def described(zone: Zone) -> dict[str, Any]:
    """The zone as the engine reads it."""
    records = [
        {"name": one.name, "type": one.rtype, "ttl_s": one.ttl_s, "rdata": one.rdata.hex()}
        for one in sorted(zone.records)
    ]
    head = {"zone": parse_domain_name(zone.name), "kind": zone.kind}
    return head | {"records": records} if zone.kind in ("static", "transparent") else head
