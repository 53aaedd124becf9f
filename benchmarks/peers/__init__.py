"""The other servers, each as its own documentation advises for one core and one large list.

The configurations are the template files in this folder, so that anyone can object. What is the same for all: one
thread, the stand-in as the only forwarder, no DNSSEC validation (the stand-in does not sign), no query log, a cache
that holds the popular names where the server lets it. Listed names and everything below them are NXDOMAIN.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from shutil import which
from string import Template

from benchmarks.servers import Ground, Server

_HERE = Path(__file__).resolve().parent
_MORE_PATHS = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/bin")


def program(name: str) -> str | None:
    """Where a program is, the directories of servers included."""
    return which(name) or next((f"{place}/{name}" for place in _MORE_PATHS if Path(f"{place}/{name}").exists()), None)


def _needs(*names: str, package: str) -> str | None:
    missing = [name for name in names if program(name) is None]
    return f"{', '.join(missing)} is not installed (Debian: {package})" if missing else None


def _first_line(*command: str) -> str:
    path = program(command[0])
    if path is None:
        return ""
    run = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False)
    lines = [line for line in (run.stdout + run.stderr).splitlines() if any(char.isdigit() for char in line)]
    # Some write it to their log, with the time in front.
    return re.sub(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d ", "", lines[0].strip())[:80] if lines else ""


def _configure(ground: Ground, template: str, target: str) -> Path:
    ground.directory.mkdir(parents=True, exist_ok=True)
    text = Template((_HERE / template).read_text(encoding="utf-8"))
    path = ground.directory / target
    values = {"port": ground.port, "upstream_port": ground.upstream_port, "directory": ground.directory}
    path.write_text(text.substitute(values), encoding="utf-8")
    return path


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)


def _write_rpz(path: Path, names: list[str]) -> None:
    """A response policy zone: NXDOMAIN for each name, and for what lies below it."""
    head = ["$TTL 3600", "@ IN SOA localhost. admin.localhost. 1 3600 600 86400 3600", "@ IN NS localhost."]
    _write(path, (*head, *(f"{name} CNAME .\n*.{name} CNAME ." for name in names)))


def _dnsmasq(ground: Ground) -> list[str]:
    config = _configure(ground, "dnsmasq.conf", "dnsmasq.conf")
    _write(ground.directory / "listed.conf", (f"address=/{name}/" for name in ground.listed))
    return [str(program("dnsmasq")), "--keep-in-foreground", f"--conf-file={config}"]


def _unbound(ground: Ground) -> list[str]:
    config = _configure(ground, "unbound.conf", "unbound.conf")
    zones = (f'local-zone: "{name}." always_nxdomain' for name in ground.listed)
    _write(ground.directory / "listed.conf", ("server:", *zones))
    return [str(program("unbound")), "-d", "-p", "-c", str(config)]


def _unbound_rpz(ground: Ground) -> list[str]:
    config = _configure(ground, "unbound-rpz.conf", "unbound.conf")
    _write_rpz(ground.directory / "listed.rpz", ground.listed)
    return [str(program("unbound")), "-d", "-p", "-c", str(config)]


def _recursor(ground: Ground) -> list[str]:
    _configure(ground, "recursor.conf", "recursor.conf")
    _configure(ground, "recursor.lua", "recursor.lua")
    _write_rpz(ground.directory / "listed.rpz", ground.listed)
    return [str(program("pdns_recursor")), f"--config-dir={ground.directory}"]


def _bind(ground: Ground) -> list[str]:
    config = _configure(ground, "named.conf", "named.conf")
    _write_rpz(ground.directory / "listed.rpz", ground.listed)
    return [str(program("named")), "-f", "-n", "1", "-c", str(config)]


def _knot(ground: Ground) -> list[str]:
    config = _configure(ground, "kresd.conf", "kresd.conf")
    _write_rpz(ground.directory / "listed.rpz", ground.listed)
    return [str(program("kresd")), "-n", "-q", "-c", str(config), str(ground.directory)]


def _dnsdist(ground: Ground) -> list[str]:
    config = _configure(ground, "dnsdist.conf", "dnsdist.conf")
    _write_cdb(ground.directory / "listed.cdb", ground.listed)
    return [str(program("dnsdist")), "--supervised", "--disable-syslog", "-C", str(config)]


def _write_cdb(path: Path, names: list[str]) -> None:
    """Names in wire format, the quicker of the two keys that dnsdist offers."""
    records = bytearray()
    for name in names:
        labels = (label.encode("ascii") for label in name.lower().split("."))
        wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        records += b"+%d,1:%s->1\n" % (len(wire), wire)
    command = [str(program("cdb")), "-c", "-t", "-", str(path)]
    subprocess.run(command, input=bytes(records) + b"\n", check=True, capture_output=True)


def _blocky(ground: Ground) -> list[str]:
    config = _configure(ground, "blocky.yml", "blocky.yml")
    _write(ground.directory / "listed.txt", (f"*.{name}" for name in ground.listed))
    return [str(program("blocky")), "serve", "--config", str(config)]


def _adguard(ground: Ground) -> list[str]:
    config = _configure(ground, "adguardhome.yaml", "AdGuardHome.yaml")
    _write(ground.directory / "listed.txt", (f"||{name}^" for name in ground.listed))
    return [str(program("AdGuardHome")), "--no-check-update", "-c", str(config), "-w", str(ground.directory)]


def _ftl_absent() -> str:
    return (
        "pihole-FTL takes its list only from a database that its own installation makes; compared by dnsmasq, its core"
    )


PEERS = (
    Server("dnsmasq", "dnsmasq", _dnsmasq, lambda: _needs("dnsmasq", package="dnsmasq-base"),
           lambda: _first_line("dnsmasq", "--version"), 60.0, "address=/name/; its cache holds 10,000 names at most"),
    Server("unbound", "unbound, local-zone", _unbound, lambda: _needs("unbound", package="unbound"),
           lambda: _first_line("unbound", "-V")),
    Server("unbound-rpz", "unbound, RPZ", _unbound_rpz, lambda: _needs("unbound", package="unbound"),
           lambda: _first_line("unbound", "-V")),
    Server("pdns-recursor", "pdns-recursor, RPZ", _recursor, lambda: _needs("pdns_recursor", package="pdns-recursor"),
           lambda: _first_line("pdns_recursor", "--version")),
    Server("dnsdist", "dnsdist, CDB", _dnsdist, lambda: _needs("dnsdist", "cdb", package="dnsdist tinycdb"),
           lambda: _first_line("dnsdist", "--version"), notes="a load balancer with a packet cache, not a resolver"),
    Server("bind", "BIND, RPZ", _bind, lambda: _needs("named", package="bind9"),
           lambda: _first_line("named", "-v"), 300.0),
    Server("knot-resolver", "knot-resolver, RPZ", _knot, lambda: _needs("kresd", package="knot-resolver"),
           lambda: _first_line("kresd", "--version"), 300.0),
    Server("blocky", "blocky", _blocky, lambda: _needs("blocky", package="none; from its own releases"),
           lambda: _first_line("blocky", "version"), 300.0, environment={"GOMAXPROCS": "1"}),
    Server("adguardhome", "AdGuard Home", _adguard,
           lambda: _needs("AdGuardHome", package="none; from its own releases"),
           lambda: _first_line("AdGuardHome", "--version"), 300.0, environment={"GOMAXPROCS": "1"}),
    Server("pihole-ftl", "pihole-FTL", _dnsmasq, _ftl_absent),
)  # fmt: skip
