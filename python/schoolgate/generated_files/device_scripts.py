"""Scripts for Windows and Android devices: encrypted DNS to our door, or none."""

from __future__ import annotations

from collections.abc import Iterable

from schoolgate.config.doors import DOT_PORT
from schoolgate.generated_files.own_servers import Addresses, OwnDoor

_CLIENT = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\DNSClient"
# Of the policy "Configure DNS over HTTPS (DoH) name resolution".
_PROHIBITED, _REQUIRED = 1, 3
_ZERO_TRUST = (
    "Zero Trust DNS of Windows 11 Enterprise and Education allows connections only to addresses that such a server",
    "gave. It needs the encrypted door above, and exceptions for what uses no DNS. Begin in its audit mode.",
    'Microsoft\'s "Deploying Zero Trust DNS" has the commands. This script does not switch it on.',
)


def windows_script(addresses: Addresses, door: OwnDoor | None) -> str:
    """PowerShell, to be run as administrator. Without `door`: no DNS over HTTPS at all."""
    over_https = door is not None and door.url is not None
    lines = [
        *_comments(("DNS of the school's Windows devices. Run it as administrator, or by device management.",)),
        "$ErrorActionPreference = 'Stop'",
        "$servers = " + ", ".join(f"'{one}'" for one in addresses.every),
        f"$policy = '{_CLIENT}'",
        "if (-not (Test-Path $policy)) { New-Item -Path $policy -Force | Out-Null }",
    ]
    if over_https and door is not None:
        lines += [
            f"$template = '{door.url}{{?dns}}'",
            "foreach ($server in $servers) {",
            "  Get-DnsClientDohServerAddress | Where-Object ServerAddress -eq $server |"
            " Remove-DnsClientDohServerAddress",
            "  Add-DnsClientDohServerAddress -ServerAddress $server -DohTemplate $template"
            " -AllowFallbackToUdp $false -AutoUpgrade $true",
            "}",
            *_comments(("3: required. A device then resolves nothing in networks without such a server.",)),
        ]
    else:
        lines += _comments(("1: prohibited. The device asks its DHCP server's DNS in clear, which is schoolgate.",))
    value = _REQUIRED if over_https else _PROHIBITED
    lines += [f"Set-ItemProperty -Path $policy -Name DoHPolicy -Type DWord -Value {value}", "Clear-DnsClientCache"]
    if over_https:
        lines += ["", *_comments(_ZERO_TRUST)]
    return "\r\n".join(lines) + "\r\n"


def android_script(door: OwnDoor | None) -> str:
    """Commands of adb; what they set is what device management calls private DNS.

    Private DNS is DNS over TLS at port 853. Without such a door it is switched off."""
    is_open = door is not None and door.tls_port == DOT_PORT
    head = ["#!/bin/sh", *_comments(("Private DNS of an Android device that is connected by adb.",))]
    if door is None or not is_open:
        why = "No door of DNS over TLS at port 853: off, so that the device asks in clear what DHCP names."
        return "\n".join([*head, *_comments((why,)), "set -e", _adb("put global private_dns_mode off"), ""])
    said = (
        "In device management: private DNS, mode host name, with the name below.",
        "The device then resolves by this name alone, in every network: it must be reachable wherever the device goes.",
    )
    lines = [_adb(f"put global private_dns_specifier {door.name}"), _adb("put global private_dns_mode hostname")]
    return "\n".join([*head, *_comments(said), "set -e", *lines, ""])


def _adb(what: str) -> str:
    return f"adb shell settings {what}"


def _comments(lines: Iterable[str]) -> list[str]:
    return [f"# {line}" for line in lines]
