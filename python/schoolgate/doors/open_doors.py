"""Opens the doors for clients that come by a connection, before there is an event loop: TCP answers when UDP does.

Loaded before the first answer, so it takes nothing that is not loaded anyway.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from schoolgate._core import Doors, Plane
from schoolgate.config import Settings


def open_doors(plane: Plane, settings: Settings) -> Doors:
    """Listeners of TCP where the plane answers UDP, and of encrypted DNS. Raises `PlaneError` for those of TCP; what
    keeps the others shut is in `Doors.encrypted_problem`."""
    return Doors(plane, door_settings(settings, plane.listening()))


def door_settings(settings: Settings, listening: Iterable[tuple[str, int]]) -> bytes:
    """The settings of all doors, as the core reads them."""
    tcp, doors = settings.tcp, settings.doors
    return orjson.dumps(
        {
            "tcp": {
                "listen": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in listening],
                "connections": tcp.max_connections,
                "connections_per_client": tcp.max_connections_per_client,
                "idle_s": tcp.idle_s,
                "pipelined": tcp.max_pipelined,
            },
            "encrypted": {
                "dot": [str(one) for one in settings.dot_addresses],
                "doh": [str(one) for one in settings.doh_addresses],
                "connections": doors.max_connections,
                "connections_per_client": doors.max_connections_per_client,
            },
        }
    )
