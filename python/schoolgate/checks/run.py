"""The checks put together, from what is on the disk: for the command line, and for the monitor once a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from schoolgate.checks.deciding import Judge
from schoolgate.checks.forwarders import ForwardersFound, check_forwarders
from schoolgate.checks.needed import PLATFORM_KIND, needed_names
from schoolgate.checks.reachability import Check, Reachability
from schoolgate.checks.resolving import Resolved, resolve_all
from schoolgate.checks.safesearch import SafeSearchCheck, check_safesearch, targets_of
from schoolgate.config import Settings, SocketAddress, config_label
from schoolgate.config.addresses import parse_socket_address
from schoolgate.control import call_if_running
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy import load_catalogue
from schoolgate.policy.active_policy import active_or_first, compile_active_policy, read_ground, read_policy
from schoolgate.resolver import forwarding
from schoolgate.sealed import SealedStore

# What is going on, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


def running_service(settings: Settings) -> SocketAddress | None:
    """Where the service of these settings answers this machine; None when it does not run."""
    status = call_if_running(settings.server.control_socket, "status")
    if status is None:
        return None
    first = parse_socket_address(status["listening"]["udp"][0])
    if not first.is_wildcard:
        return first
    return SocketAddress("::1" if ":" in first.host else "127.0.0.1", first.port)


def a_forwarder(settings: Settings) -> SocketAddress | None:
    """Whom the service of these settings would ask; None where it would ask no forwarder."""
    servers = forwarding.default_servers(settings, settings.server.listen)
    return servers[0] if servers else None


def quietly(_what: str, _done: int, _of: int) -> None:
    """Takes steps of a check and shows none."""


def reachability(
    config: Path | None, settings: Settings, server: SocketAddress | None, now: dt.datetime, tell: Progress = quietly
) -> Reachability:
    """Decides, and asks `server`, the service or a forwarder, where there is one. Blocks for up to minutes. Raises
    `SchoolgateError`."""
    ground = read_ground(settings, config_label(config))
    number, text, file = active_or_first(settings)
    active_policy = compile_active_policy(read_policy(text, file, ground), ground, number, now)
    snapshot = SnapshotStore(settings.server.state_dir).open_best().snapshot
    sealed = SealedStore(settings.server.state_dir).open_all(settings)
    judge = Judge(active_policy.compiled.description, snapshot, sealed.sealed if sealed is not None else None)
    needed = needed_names(settings)
    check = Check(judge, needed, {one.id: one.role for one in ground.catalogue.categories.values()})
    check.decide(lambda done: tell("deciding", done, len(needed)))
    resolved: tuple[Resolved, ...] = ()
    if server is not None:
        names = [one.name for one in needed]
        resolved = resolve_all(names, server, lambda done: tell("asking", done, len(needed)))
        resolved = _with_chains(resolved, forwarding.default_servers(settings, settings.server.listen))
        check.follow(resolved)
    hosts = {one.name for one in needed if one.kind != PLATFORM_KIND}
    return Reachability(
        at=now,
        policy_revision=number,
        lists_serial=snapshot.serial,
        names=len(needed),
        policies=tuple(map(str, judge.policies)),
        decisions=check.decisions,
        over_blocked=tuple(check.over_blocked),
        on_purpose=tuple(check.on_purpose),
        asked=len(resolved) if server is not None else None,
        unresolvable=tuple(one for one in resolved if one.outcome == "unresolvable" and one.name in hosts),
        refused=sum(one.outcome == "refused" for one in resolved),
        without_address=tuple(one.name for one in resolved if one.outcome == "no address" and one.name in hosts),
    )


def _with_chains(resolved: tuple[Resolved, ...], forwarders: tuple[SocketAddress, ...]) -> tuple[Resolved, ...]:
    """Where a denied name leads is not in its answer; a forwarder tells, so that every policy can be judged by it."""
    denied = [one.name for one in resolved if one.outcome == "denied"]
    if not denied or not forwarders:
        return resolved
    targets = {one.name: one.targets for one in resolve_all(denied, forwarders[0], lambda _: None)}
    return tuple(replace(one, targets=targets.get(one.name, one.targets)) for one in resolved)


def safesearch(settings: Settings, now: dt.datetime) -> SafeSearchCheck:
    """Asks the forwarders of the settings for every target. Blocks. Raises `SchoolgateError`."""
    servers = forwarding.default_servers(settings, settings.server.listen)
    return check_safesearch(targets_of(load_catalogue(settings.lists.dir)), servers, now)


def forwarders(settings: Settings, now: dt.datetime) -> ForwardersFound:
    """Asks every forwarder of the settings a few questions. Blocks for up to a minute."""
    servers = (*forwarding.default_servers(settings, settings.server.listen), *settings.forwarders.plain_fallback)
    zones = [(one.zone, server) for one in settings.forward_zones for server in one.servers]
    must_validate = settings.forwarders.dnssec == "sidecar"
    return check_forwarders([*(("", server) for server in servers), *zones], now, must_validate=must_validate)
