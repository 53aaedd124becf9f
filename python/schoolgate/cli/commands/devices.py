"""`devices list | show | name | group | lost | forget | sources`: prints what the operations return."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.cli.commands.tickets import when
from schoolgate.operations.devices.attributed import Attributed
from schoolgate.operations.devices.device_book import DeviceBook, DeviceEntry, KnownDevice, Sources
from schoolgate.operations.devices.grouped import DeviceGroup


def show_list(
    config: Path | None, text: str, group: str, which: str, most: int, skip: int, *, as_json: bool
) -> None:  # fmt: skip
    """By name."""
    found: DeviceBook = ask(config, "device.book", text=text, group=group, which=which, most=most, skip=skip)
    if as_json:
        say_json(asdict(found))
        return
    for problem in found.problems:
        note(problem, "yellow")
    if not found.devices:
        say("no device" + ("" if found.has_sources else "; [identity] in schoolgate.toml names no source of devices"))
        return
    rows = table("name", "device", "calls itself", "groups", "now", "")
    for one in found.devices:
        cells = (one.name, one.device, one.host_name or "", ", ".join(one.groups), ", ".join(one.addresses), marks(one))
        rows.add_row(*map(Text, cells))
    out.print(rows)
    left = found.matching - skip - len(found.devices)
    if left > 0:
        say(f"{left:,} more: --skip {skip + len(found.devices)}")


def show(config: Path | None, device: str, reason: str, *, as_json: bool) -> None:
    """One device."""
    found: DeviceEntry = ask(config, "device.entry", device=device, reason=reason)
    if as_json:
        say_json(asdict(found))
        return
    one = found.known
    say(one.name or "a device without a name", "bold")
    facts = {
        "device": one.device, "calls itself": one.host_name, "groups": ", ".join(one.groups),
        "address now": ", ".join(one.addresses), "by": one.source, "marks": marks(one),
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            say(f"{name}: {value}")
    if found.needs_reason:
        say("its name says who has it: --reason shows when it had which address, and is kept on record")
    if not found.spans:
        return
    rows = table("in the log", "from", "until", "by")
    for span in found.spans:
        rows.add_row(
            Text(span.client), when(span.since_us), "now" if span.is_open else when(span.until_us), span.source
        )
    out.print(rows)


def name_it(config: Path | None, device: str, text: str, *, is_person: bool) -> None:
    """Gives a name."""
    one: KnownDevice = ask(config, "device.name", device=device, name=text, names_person=is_person)
    say(f"{one.device} is {one.name}" if one.name else f"{one.device} has no name any more")


def group_it(config: Path | None, device: str, groups: list[str]) -> None:
    """Sets its groups."""
    one: KnownDevice = ask(config, "device.group", device=device, groups=groups)
    say(f"{one.name or one.device}: {', '.join(one.groups) or 'in no group'}")


def show_groups(config: Path | None, *, as_json: bool) -> None:
    """What each group means."""
    found: tuple[DeviceGroup, ...] = ask(config, "device.groups")
    if as_json:
        say_json([asdict(one) for one in found])
        return
    if not found:
        say("no group of devices; `schoolgate devices group DEVICE GROUP` makes one")
        return
    rows = table("group", "devices", "policy, where it only tightens")
    for one in found:
        rows.add_row(Text(one.name), f"{one.devices:,}", Text(one.policy or "none: a word for people"))
    out.print(rows)


def lose(config: Path | None, device: str, *, is_lost: bool) -> None:
    """Marks it."""
    one: KnownDevice = ask(config, "device.lose", device=device, is_lost=is_lost)
    say(f"{one.name or one.device} is marked as lost" if one.is_lost else f"{one.name or one.device} is not lost")


def forget(config: Path | None, device: str, reason: str) -> None:
    """Removes what is known of it."""
    gone: int = ask(config, "device.forget", device=device, reason=reason)
    say(f"forgotten, with {gone} times of an address; rows of the log stay and name no device")


def show_sources(config: Path | None, *, as_json: bool) -> None:
    """What says which device it is."""
    found: Sources = ask(config, "device.sources")
    counted: Attributed = ask(config, "device.attributed")
    if as_json:
        say_json(asdict(found) | {"attributed": [asdict(one) for one in counted.segments]})
        return
    if not found.is_wanted:
        say("no source: [identity] in schoolgate.toml names none, so no device gets a name; see docs/identity.md")
        return
    for problem in found.problems:
        note(problem, "yellow")
    rows = table("source", "kind", "read", "leases", "not understood")
    for one in found.sources:
        read = "never" if one.read_us is None else when(one.read_us)
        rows.add_row(Text(one.name), one.kind, read, f"{one.leases:,}", f"{one.odd:,}")
    out.print(rows)
    say(f"{found.bindings:,} addresses have a device; {found.disputed:,} are claimed by two, so by none")
    for part in counted.segments:
        share = 100 * part.with_device // part.rows
        said = f"; {part.advice}" if part.advice else ""
        say(f"{part.segment or 'no network'}: {share} % of {part.rows:,} questions have a device{said}")


def marks(one: KnownDevice) -> str:
    """What is to be known of it at a glance."""
    said = {"lost": one.is_lost, "names a person": one.names_person, "made its address up": one.is_randomised}
    return ", ".join(words for words, is_so in said.items() if is_so)
