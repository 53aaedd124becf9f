"""A real validating resolver on this machine: Unbound as deploy/ sets it up, with signed zones of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.query
from tests.waiting import PATIENT_S, until

CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "dnssec" / "unbound.conf"
PROGRAMS: Final = ("unbound", "unbound-checkconf", "ldns-keygen", "ldns-signzone")
SIGNED, BOGUS, PLAIN = "signed.example", "bogus.example", "plain.example"
ADDRESS, FORGED = "192.0.2.7", "192.0.2.66"
_ZONE: Final = """$ORIGIN {zone}.
$TTL 300
@ SOA ns.{zone}. host.{zone}. 1 3600 600 86400 60
@ NS ns.{zone}.
ns A 192.0.2.53
www A {address}
alias CNAME www
"""


def program(name: str) -> str | None:
    """Where it is; daemons are not on everybody's path."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")


def are_there() -> bool:
    return all(program(one) for one in PROGRAMS)


class ValidatingResolver:
    """`with ValidatingResolver(folder) as resolver`: asked at 127.0.0.1, `port`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ValidatingResolver:
        (self._folder / "anchors").write_text("", encoding="ascii")
        zones = [self._signed(SIGNED), self._forged(self._signed(BOGUS)), self._zone(PLAIN)]
        configuration = self._folder / "unbound.conf"
        configuration.write_text(self._configuration(zones), encoding="utf-8")
        _run(self._folder, "unbound-checkconf", str(configuration))
        command = [program("unbound") or "", "-d", "-c", str(configuration)]
        with (self._folder / "unbound.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers, lambda: (self._folder / "unbound.log").read_text(encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENT_S)

    def _answers(self) -> bool:
        try:
            query = dns.message.make_query(f"www.{PLAIN}", "A")
            return bool(dns.query.udp(query, "127.0.0.1", timeout=1.0, port=self.port).answer)
        except (dns.exception.Timeout, OSError):
            return False

    def _configuration(self, zones: list[Path]) -> str:
        delivered = CONFIGURATION.read_text(encoding="utf-8")
        assert "127.0.0.1@5335" in delivered
        text = delivered.replace("127.0.0.1@5335", f"127.0.0.1@{self.port}")
        text += (
            f'server:\n  do-daemonize: no\n  username: ""\n  chroot: ""\n  directory: "{self._folder}"\n  pidfile: ""\n'
        )
        text += f'  use-syslog: no\n  num-threads: 1\n  trust-anchor-file: "{self._folder / "anchors"}"\n'
        for path in zones:
            zone = path.name.removesuffix(".zone").removesuffix(".zone.signed")
            text += f'auth-zone:\n  name: "{zone}"\n  zonefile: "{path}"\n  for-downstream: no\n  for-upstream: yes\n'
        return text

    def _zone(self, zone: str) -> Path:
        path = self._folder / f"{zone}.zone"
        path.write_text(_ZONE.format(zone=zone, address=ADDRESS), encoding="ascii")
        return path

    def _signed(self, zone: str) -> Path:
        path = self._zone(zone)
        key = _run(self._folder, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone).strip()
        _run(self._folder, "ldns-signzone", path.name, key)
        with (self._folder / "anchors").open("a", encoding="ascii") as anchors:
            anchors.write((self._folder / f"{key}.ds").read_text(encoding="ascii"))
        return path.with_name(f"{path.name}.signed")

    def _forged(self, signed: Path) -> Path:
        """Another address under the old signature."""
        text = signed.read_text(encoding="ascii")
        assert ADDRESS in text
        signed.write_text(text.replace(ADDRESS, FORGED), encoding="ascii")
        return signed


def _run(folder: Path, name: str, *arguments: str) -> str:
    ended = subprocess.run(
        [program(name) or name, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENT_S, check=True
    )
    return ended.stdout
