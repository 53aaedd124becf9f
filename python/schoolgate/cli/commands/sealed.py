"""`sealed import`, `status`, `selftest` and `rotate`. There is no command that shows or removes an entry."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from pathlib import Path
from typing import Any

from schoolgate._core import SEALED_SELF_TEST_NAME
from schoolgate.cli.commands.terminal import age, note, say, say_json, table
from schoolgate.cli.commands.terminal import out as terminal
from schoolgate.config import Settings, SocketAddress, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.control import call
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import user_name as who
from schoolgate.querylog.pseudonym import keys_of_log, known_as
from schoolgate.sealed import (
    ImportReport,
    OpenedSealed,
    SealedStore,
    SelfTestFailed,
    failing_feeds,
    import_list,
    sealed_status,
    state_of,
    worst,
)
from schoolgate.sealed.selftest import by_datagram
from schoolgate.sealed.selftest_rows import AnnouncedRow, announce
from schoolgate.storage import state_dir

INSTALL_TIMEOUT_S = 120.0
SOME_FAILED = 3


class ImportedNotInForce(SchoolgateError):
    """A list was imported, and the running service does not use it."""


class NoSealedList(SchoolgateError):
    """No sealed list was ever imported here."""


def import_sealed(
    config: Path | None, file: Path, supplier: str, form: str, column: str | None, accept_shrink: bool = False
) -> None:
    """Imports, and has the running service take it."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    report = import_list(
        settings.server.state_dir,
        file,
        supplier=supplier,
        form=form,
        column=column,
        who=who(),
        now=_now(),
        accept_shrink=accept_shrink,
    )
    _tell(report)
    note(f"{file} is still plain text: remove it now, as your contract with {supplier} says")
    _install(settings, report.facts.serial)


def update(config: Path | None) -> int:
    """Fetches and imports what suppliers publish; returns the exit code."""
    settings = load(config)
    if not settings.sealed.feeds:
        say("no sealed list is fetched; name them in schoolgate.toml: [[sealed.feeds]]")
        return 0
    state_dir.prepare(settings.server.state_dir)
    return fetch_feeds(settings)


def fetch_feeds(settings: Settings, quiet: bool = False) -> int:
    """Every feed of the settings; 3 where one failed. What failed stays as it was, with its true age. `quiet`: standard
    output is a program's."""
    from schoolgate.sealed.supplier_feeds import SealedFetching

    fetching = SealedFetching(settings.server.state_dir, who(), settings.lists.proxy)
    outcomes = [fetching.fetch(feed, _now()) for feed in settings.sealed.feeds]
    for one in outcomes:
        if one.report is not None and not quiet:
            _tell(one.report)
        elif one.failure is not None:
            note(f"sealed list of {one.supplier} not renewed; the last good one stays: {one.failure}", "bold red")
    serials = [one.report.facts.serial for one in outcomes if one.report is not None]
    if serials:
        _install(settings, max(serials), quiet)
    return SOME_FAILED if any(one.failure is not None for one in outcomes) else 0


def _tell(report: ImportReport) -> None:
    facts, supplier = report.facts, report.facts.supplier
    say(f"sealed list of {supplier}, serial {facts.serial}: {facts.enforced} of {report.entries} entries are enforced")
    if facts.digests:
        note(f"  {facts.digests} are digests: enforced where the supplier digested the bare name of a site", "yellow")
    if facts.url_level:
        note(f"  {facts.url_level} name a part of a site, which DNS cannot see: they need a proxy that can", "yellow")
    for reason, count in sorted(report.skipped.items()):
        note(f"  {count} skipped: {reason}", "yellow")


def _install(settings: Settings, serial: int, quiet: bool = False) -> None:
    done = "the running service decides by it now"
    try:
        call(settings.server.control_socket, "sealed-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        done = "no service runs here; it starts with this list"
    except (ControlUnreachable, CommandRefused) as error:
        raise ImportedNotInForce(
            f"serial {serial} is imported, but the running service does not use it: {error}"
        ) from error
    if not quiet:
        say(done)


def status(config: Path | None, as_json: bool) -> None:
    """Age and counts of each list, and whether the running service uses them."""
    settings = load(config)
    opened = _opened(settings)
    now = _now()
    running = _running(settings)
    states = [state_of(one.imported_at, now) for one in opened.facts]
    if as_json:
        say_json(sealed_status(opened, now) | {"running": running, "required": settings.sealed.required})
        return
    say(f"sealed lists serial {opened.sealed.serial}: {worst(states)}", "bold")
    rows = table("supplier", "serial", "state", "age", "enforced", "parts of sites", "no name")
    for one, state in zip(opened.facts, states, strict=True):
        counts = (one.enforced, one.url_level, one.skipped)
        old = age((now - one.imported_at).total_seconds())
        rows.add_row(one.supplier, str(one.serial), str(state), old, *map(str, counts))
    terminal.print(rows)
    if running is None:
        say("no service runs here")
    else:
        say(f"in force: {', '.join(f'{name} {serial}' for name, serial in sorted(running.items())) or 'nothing'}")
        if running != opened.serials:
            note("the running service uses other serials than the disk has; run `schoolgate reload`", "bold red")
    for problem in (*opened.problems, *failing_feeds(settings.server.state_dir)):
        note(f"look at this: {problem}", "bold red")
    if not settings.sealed.required:
        note("set sealed.required = true, so that a state directory from before the import is noticed", "yellow")


def selftest(config: Path | None) -> None:
    """Asks for the self-test name as a client of each network and by a datagram, and records what came. Raises
    `SelfTestFailed`."""
    settings = load(config)
    store = SealedStore(settings.server.state_dir)
    _opened(settings)
    reply = call(settings.server.control_socket, "sealed-selftest", timeout_s=INSTALL_TIMEOUT_S)
    address = _reached_at(reply["listening"][0])
    problem = None
    try:
        by_network = by_datagram(address, lambda own: _announce(settings, own))
    except SelfTestFailed as error:
        by_network, problem = False, str(error)
    segments: list[dict[str, Any]] = reply["segments"]
    passed = by_network and bool(segments) and all(one["denied"] for one in segments)
    record = {"at": _now().isoformat(timespec="seconds"), "who": who(), "passed": passed, "serials": reply["serials"]}
    record |= {"name": SEALED_SELF_TEST_NAME, "by_network": by_network, "address": str(address), "segments": segments}
    store.note(store.selftests, record)
    for one in segments:
        verdict = "denied" if one["denied"] else "NOT DENIED"
        why = one["reason"] or one["rule"]
        say(f"  {verdict:10} network {one['segment']}, policy {one['policy']}: {why}")
    say(f"  {'denied' if by_network else 'NOT DENIED':10} asked over the network at {address}")
    say(f"recorded in {store.selftests}")
    if not passed:
        raise SelfTestFailed(
            "\n".join(filter(None, (problem, "the self-test failed: restart the server, and import the list again")))
        )


def _announce(settings: Settings, own: str) -> None:
    """That the next question of this machine is the self-test's, by whatever text the log knows it."""
    state = settings.server.state_dir
    clients = tuple(known_as(own, keys_of_log(state / "log").keys))
    try:
        announce(state, [AnnouncedRow(secrets.token_hex(8), clients, "udp", time.time_ns() // 1000)])
    except OSError as error:
        raise SelfTestFailed(f"the self-test cannot be announced ({error.strerror}); nothing was asked") from error


def rotate(config: Path | None) -> None:
    """A new key, which the next import of each list uses; the old one is forgotten when no list needs it."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    key = SealedStore(settings.server.state_dir).rotate()
    say(f"key {key} is made; import the list of each supplier again, and the old key is forgotten")


def _opened(settings: Settings) -> OpenedSealed:
    state_dir.refuse_strangers(settings.server.state_dir)
    opened = SealedStore(settings.server.state_dir).open_all(settings)
    if opened is None:
        raise NoSealedList(
            "no sealed list was imported here; import one with `schoolgate sealed import FILE --supplier NAME`"
        )
    return opened


def _running(settings: Settings) -> dict[str, int] | None:
    try:
        status_report = call(settings.server.control_socket, "status")
    except (ControlUnreachable, CommandRefused):
        return None
    sealed = status_report.get("sealed")
    return {one["supplier"]: one["serial"] for one in sealed["suppliers"]} if sealed is not None else {}


def _reached_at(listening: str) -> SocketAddress:
    """Where this machine reaches its own service."""
    address = parse_socket_address(listening)
    if not address.is_wildcard:
        return address
    return SocketAddress("::1" if ":" in address.host else "127.0.0.1", address.port)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
