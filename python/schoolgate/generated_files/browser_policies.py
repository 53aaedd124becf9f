"""Policies of browsers as JSON: DNS over HTTPS off, so that the browser asks what the device asks, or to our door."""

from __future__ import annotations

import json
from typing import Any


def chromium_policy(url: str | None) -> str:
    """Of Chrome and Edge, which have the same names. `url`: of our door; None switches DNS over HTTPS off."""
    if url is None:
        return _text({"DnsOverHttpsMode": "off"})
    return _text({"DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": f"{url}{{?dns}}"})


def firefox_policy(url: str | None) -> str:
    """Of Firefox: policies.json."""
    over_https: dict[str, Any] = {"Enabled": url is not None, "Locked": True}
    if url is not None:
        over_https |= {"ProviderURL": url, "Fallback": False}
    return _text({"policies": {"DNSOverHTTPS": over_https}})


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
