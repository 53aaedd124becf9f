"""The encrypted doors of one server: given a certificate, opened, looked after.

DNS outlives them: a port that cannot be had or a certificate that cannot be used closes an encrypted door and is a
problem in `status`; plain DNS goes on. A certificate that is worse than the one in force is not put in force.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any, Final

import orjson

from schoolgate._core import CertificateUnusable, Doors, Plane
from schoolgate.config import Settings, SocketAddress
from schoolgate.doors.certificate import Certificate, expiry_problem, warning_step
from schoolgate.telemetry import Logger

LOOK_EVERY_S: Final = 60.0

_log = Logger("schoolgate.doors")
_FileMark = tuple[int, int, int] | None


class EncryptedDoors:
    """DNS over TLS and over HTTPS of one plane. Belongs to one event loop; `await start()`."""

    def __init__(self, plane: Plane, doors: Doors, settings: Settings) -> None:
        self.certificate: Certificate | None = None
        self.certificate_problem: str | None = None
        self._plane = plane
        self._settings = settings
        self._doors = doors
        self._are_open = False
        self._port_problem: str | None = None
        self._marks: tuple[_FileMark, _FileMark] | None = None
        self._warned: int | None = None

    @property
    def listening(self) -> dict[str, list[str]]:
        """By door: where it answers, with the real port where 0 was asked for."""
        found: dict[str, list[str]] = {"dot": [], "doh": []}
        for door, host, port in self._doors.listening() if self._are_open else ():
            if door in found:
                found[door].append(str(SocketAddress(host, port)))
        return found

    async def start(self, now: dt.datetime) -> None:
        """Lets clients in at the doors that the settings name. Raises nothing: what fails is in `problems`."""
        if not self._are_wanted:
            return
        if (problem := self._doors.encrypted_problem()) is not None:
            self._port_problem = f"encrypted DNS is closed: {problem}"
            return
        self._are_open = True
        try:
            await self.look(now)
        except Exception as error:  # whatever it is, plain DNS answers
            _log.error("doors_defect", exc_info=error)
            self._port_problem = f"encrypted DNS is closed because of a defect: {error}"
            self._are_open = False
        self._doors.admit_encrypted(self._are_open)

    async def install(self, settings: Settings, now: dt.datetime) -> None:
        """The certificate of new settings; addresses wait for a restart."""
        self._settings = settings
        self._marks = None
        await self.look(now)

    async def look(self, now: dt.datetime) -> None:
        """Reads the certificate again if its files have changed, and warns before it expires."""
        tls = self._settings.tls
        if not self._are_open:
            return
        if tls.certificate is None or tls.key is None:
            self.certificate_problem = "encrypted DNS has no certificate: set [tls] certificate and key"
            return
        try:
            await asyncio.to_thread(self._read_if_changed, tls.certificate, tls.key, now)
        except Exception as error:  # whatever a certificate holds, DNS goes on, and the next one is looked at
            _log.error("certificate_defect", exc_info=error)
            self._refused(f"it met a defect: {error}")
        self._warn(now)

    def _read_if_changed(self, chain: Path, key: Path, now: dt.datetime) -> None:
        marks = (_mark(chain), _mark(key))
        if marks == self._marks and self.certificate_problem is None:
            return
        self._marks = marks
        from schoolgate.doors.certificate_file import read_certificate

        try:
            found = read_certificate(chain, key, now)
            self._doors.install_certificate(found.chain, found.key)
        except CertificateUnusable as error:
            self._refused(str(error))
            return
        if self.certificate is None or found.chain != self.certificate.chain:
            _log.info("certificate_installed", names=list(found.names), until=f"{found.not_after:%Y-%m-%d}")
            self._warned = None
        self.certificate, self.certificate_problem = found, None
        self._designate(found)

    def _refused(self, why: str) -> None:
        is_other = self.certificate is not None
        then = "the last good one stays in force" if is_other else "encrypted DNS is not answered"
        problem = f"the TLS certificate cannot be used, {then}: {why}"
        if problem != self.certificate_problem:
            _log.error("certificate_refused", problem=problem)
        self.certificate_problem = problem

    def _designate(self, certificate: Certificate) -> None:
        """Clients that look for encrypted doors (DDR, RFC 9462) are shown these."""
        where: dict[str, list[tuple[str, int]]] = {"dot": [], "doh": [], "tcp": []}
        for door, host, port in self._doors.listening():
            where[door].append((host, port))
        addresses = [str(one) for one in certificate.addresses] if certificate.name is not None else []
        self._plane.designate(certificate.name or ".", addresses, where["dot"], where["doh"])

    def _warn(self, now: dt.datetime) -> None:
        if self.certificate is None:
            return
        step = warning_step(self.certificate.days_left(now))
        if step is not None and step != self._warned:
            _log.warning("certificate_expires", problem=expiry_problem(self.certificate, now))
        self._warned = step

    def problems(self, now: dt.datetime) -> list[str]:
        """What an operator should look at, worst first."""
        found = [one for one in (self._port_problem, self.certificate_problem) if one is not None]
        if self.certificate is not None:
            expiry = expiry_problem(self.certificate, now)
            found += [expiry] if expiry is not None else []
            if self.certificate.is_key_open:
                found.append(f"every user of this machine can read {self._settings.tls.key}; run `chmod o-rwx` on it")
        if not self._are_open and self._port_problem is None and self._are_wanted:
            found.append("encrypted DNS opens at the next restart")
        return found

    def status(self, now: dt.datetime) -> dict[str, Any] | None:
        """Addresses, certificate and counters as JSON values; None where the doors are closed."""
        if not self._are_open:
            return None
        counted = orjson.loads(self._doors.stats())
        return {
            "events": counted["encrypted"],
            "open": counted["encrypted_open"],
            "waiting": counted["encrypted_waiting"],
            "threads": counted["threads"],
            "threads_alive": counted["threads_alive"],
            "has_certificate": counted["has_certificate"],
            "listening": self.listening,
            "certificate": _shown(self.certificate, now),
        }

    @property
    def _are_wanted(self) -> bool:
        return bool(self._settings.dot_addresses or self._settings.doh_addresses)


def _shown(certificate: Certificate | None, now: dt.datetime) -> dict[str, Any] | None:
    if certificate is None:
        return None
    return {
        "names": list(certificate.names),
        "addresses": [str(one) for one in certificate.addresses],
        "not_after": certificate.not_after.isoformat(timespec="seconds"),
        "days_left": certificate.days_left(now),
        "left_s": int((certificate.not_after - now).total_seconds()),
    }


def _mark(path: Path) -> _FileMark:
    """What changes when a file is written or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
