"""A configuration profile for iPhones, iPads and Macs: encrypted DNS at the school, no private relay."""

from __future__ import annotations

import plistlib
import uuid
from typing import Any, Final

from schoolgate.generated_files.own_servers import Addresses, OwnDoor

# The same door gives the same numbers: a device then takes a new profile for the old one's next version.
_NUMBERS: Final = uuid.UUID("5b0c4f6e-6c1b-4c0a-9c9e-2d1a3f7b8e11")


def profile(door: OwnDoor, addresses: Addresses, *, is_everywhere: bool) -> str:
    """As XML. `is_everywhere`: away from school too, where the door must then be reachable; else only in networks whose
    DNS server is schoolgate."""
    inner = [_dns(door, addresses, is_everywhere=is_everywhere), _restrictions(door)]
    whole = _payload(door, "Configuration", "profile", "schoolgate") | {
        "PayloadContent": inner,
        "PayloadDescription": "Sends DNS to the school's filter.",
        "PayloadScope": "System",
    }
    return plistlib.dumps(whole, sort_keys=True).decode()


def _dns(door: OwnDoor, addresses: Addresses, *, is_everywhere: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {"ServerAddresses": list(addresses.every)}
    if door.url is not None:
        settings |= {"DNSProtocol": "HTTPS", "ServerURL": door.url}
    else:
        settings |= {"DNSProtocol": "TLS", "ServerName": door.name}
    made = _payload(door, "com.apple.dnsSettings.managed", "dns", "DNS of the school")
    made |= {"DNSSettings": settings, "ProhibitDisablement": True}
    if not is_everywhere:
        here = {"Action": "Connect", "DNSServerAddressMatch": list(addresses.every)}
        made["OnDemandRules"] = [here, {"Action": "Disconnect"}]
    return made


def _restrictions(door: OwnDoor) -> dict[str, Any]:
    made = _payload(door, "com.apple.applicationaccess", "restrictions", "No private relay")
    return made | {"allowCloudPrivateRelay": False}


def _payload(door: OwnDoor, kind: str, part: str, shown: str) -> dict[str, Any]:
    identifier = f"schoolgate.{door.name}.{part}"
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(_NUMBERS, identifier)).upper(),
        "PayloadDisplayName": shown,
    }
