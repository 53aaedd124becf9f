"""Who is asked: from the settings to the resolver's routes, with the machine's own resolvers for "system"."""

from __future__ import annotations

from pathlib import Path

from schoolgate.config import Settings, SocketAddress, system_resolvers, with_system
from schoolgate.resolver.forwarder_directory import RESOLV_CONF, ForwarderDirectory
from schoolgate.resolver.forwarders import ForwarderSet, NoForwarders, Routes
from schoolgate.resolver.resolution import Patience

# A client gives up at about 4 s; an answer that says why must be there before (EDE 22, 23).
LONGEST_RESOLUTION_S = 3.8


def default_servers(settings: Settings, listening: tuple[SocketAddress, ...]) -> tuple[SocketAddress, ...]:
    """The forwarders for the internet; empty when "system" stands for none (yet)."""
    return with_system(settings.forwarders.servers, listening, _resolv_conf(listening))


def _resolv_conf(listening: tuple[SocketAddress, ...]) -> Path:
    """systemd's own file lists the real servers behind its stub; the other is for all machines without it."""
    return next((path for path in RESOLV_CONF if system_resolvers(listening, path)), RESOLV_CONF[-1])


def routes(settings: Settings, servers: tuple[SocketAddress, ...], directory: ForwarderDirectory) -> Routes:
    """Routes to `servers` and to those of each forwarded zone."""
    wanted = settings.forwarders
    is_in_order = wanted.strategy == "first-healthy"
    default: ForwarderSet = (
        directory.forwarder_set(
            servers,
            fallback=wanted.plain_fallback,
            is_in_order=is_in_order,
            asks_ad=wanted.dnssec != "off",
            named=wanted.servers,
        )
        if servers
        else NoForwarders()
    )
    zones = {
        one.zone: directory.forwarder_set(
            one.servers, zone=one.zone, is_in_order=is_in_order, asks_ad=one.dnssec != "off"
        )
        for one in settings.forward_zones
    }
    return Routes(default, zones)


def patience(settings: Settings) -> Patience:
    """How long a forwarder is waited for."""
    return Patience(
        tries=settings.forwarders.tries,
        timeout_s=settings.forwarders.timeout_ms / 1000,
        total_s=LONGEST_RESOLUTION_S,
    )
