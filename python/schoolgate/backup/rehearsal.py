"""A server of its own, started from restored files: on a free port of the loopback interface, unprivileged, asked once.

Its settings are those sections of the backup that decide and answer; what listens or sends elsewhere is left out.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import tomlkit

from schoolgate.backup.errors import BackupProblem
from schoolgate.backup.manifest import ELSEWHERE, STATE, Manifest
from schoolgate.config import SocketAddress, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.control import NotRunning, call
from schoolgate.lists.canary_file import read_canaries
from schoolgate.policy.active_policy import active_or_first
from schoolgate.resolver.stub_resolver import ask, extended_codes

FILE = "rehearsal.toml"
# What a decision, an answer and the query log come from. A section that is not here stays out: it may listen or send.
SECTIONS = frozenset(
    ["cache", "forwarders", "forward_zones", "local", "tcp", "lists", "policy", "sealed", "query_log", "retention"]
)
# Compiling the lists of a large school from their last good feeds.
READY_WITHIN_S = 900.0
END_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1
_TYPE_A = 1
_REFUSED = 5
# RFC 8914: Blocked, Censored, Filtered.
_DENIED = {15, 16, 17}
_SERVE = ("-m", "schoolgate", "serve", "--config")


class RehearsalFailed(BackupProblem):
    """A server does not come up from this backup, or does not answer as its policy says."""


@dataclass(frozen=True)
class Answered:
    """The name that was asked, and what came of it in words. `is_outside`: this machine is no client of the policy."""

    name: str
    said: str
    is_outside: bool


def settings_for(place: Path, manifest: Manifest) -> Path:
    """Writes the settings for the server, once; returns their path. Raises `RehearsalFailed` where they are no TOML."""
    config = Path(manifest.config) if manifest.config is not None else Path("/schoolgate.toml")
    folder = place / ELSEWHERE / config.relative_to(config.anchor).parent
    path = folder / FILE
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    original = folder / config.name
    try:
        document = tomlkit.parse(original.read_text(encoding="utf-8") if original.exists() else "")
    except (tomlkit.exceptions.ParseError, UnicodeDecodeError) as error:
        raise RehearsalFailed(f"the settings in the backup are no TOML ({error}); mend {config}, back up again") from (
            error
        )
    _moved(document, place, Path(manifest.state_dir))
    kept: dict[str, Any] = {name: value for name, value in document.unwrap().items() if name in SECTIONS}
    if isinstance(kept.get("lists"), dict):
        kept["lists"].pop("dir", None)
    path.write_text(tomlkit.dumps(kept | {"server": _own_server(place)}), encoding="utf-8")
    return path


def _own_server(place: Path) -> dict[str, Any]:
    # The path of a socket is short (unix(7)), that of a temporary directory may be long.
    return {
        "listen": ["127.0.0.1:0"],
        "workers": 1,
        "state_dir": str(place / STATE),
        "control_socket": str(place / "control.sock"),
        "operations_socket": str(place / "operations.sock"),
    }


def _moved(node: Any, place: Path, old_state: Path) -> None:
    """Absolute paths that were in the backup lead to their restored files."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        if isinstance(value, (dict, list)):
            _moved(value, place, old_state)
        elif isinstance(value, str) and value.startswith("/"):
            path = Path(str(value))
            inside = path.relative_to(old_state) if path.is_relative_to(old_state) else None
            there = place / STATE / inside if inside is not None else place / ELSEWHERE / path.relative_to("/")
            if there.exists():
                node[key] = str(there)


class RehearsalServer:
    """`with RehearsalServer(config) as server: ...`. Raises `RehearsalFailed` where it does not start."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._settings = load(config)
        self._log = config.with_name("rehearsal.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._address: SocketAddress | None = None

    def __enter__(self) -> RehearsalServer:
        kept = {key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *_SERVE, str(self._config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kept
            )
        try:
            self._address = self._listening(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask_what_is_denied(self) -> Answered:
        """Asks, by UDP, for the first test name that the policy denies to this machine. Raises `RehearsalFailed`."""
        assert self._address is not None
        client = self._address.host
        name, is_outside = self._denied_name(client)
        reply = ask(name, _TYPE_A, self._address)
        code, reasons = int(reply.record.header.rcode), {code for code, _ in extended_codes(reply.record)}
        if is_outside:
            if code != _REFUSED:
                raise RehearsalFailed(f"{name} was answered to a client outside the policy's networks (code {code})")
            said = "denied to clients of the school by its decision; this machine is in none of its networks: REFUSED"
            return Answered(name, f"{name}: {said}", is_outside=True)
        if not reasons & _DENIED:
            raise RehearsalFailed(f"{name} must be denied, and the answer (code {code}) does not say that it is")
        return Answered(name, f"{name}: denied in {reply.took_ms:.0f} ms", is_outside=False)

    def _denied_name(self, client: str) -> tuple[str, bool]:
        """A name that is denied to `client`; where that is outside the school, to a client of a segment."""
        names = sorted((one.name for one in read_canaries(self._settings.lists.dir).listed), key=_is_of_others)
        if not names:
            raise RehearsalFailed("there is no test name in lists/canaries.toml to ask for")
        is_outside = self._decision(names[0], client) is None
        clients = _school_clients(self._settings) if is_outside else [client]
        for one in clients:
            for name in names:
                decision = self._decision(name, one)
                if decision is not None and decision["effect"] == "deny":
                    return name, is_outside
        raise RehearsalFailed("the policy of this backup denies no test name to anybody; look at `schoolgate check`")

    def _decision(self, name: str, client: str) -> dict[str, Any] | None:
        assert self._address is not None
        host, port = self._address.host, self._address.port
        socket = self._settings.server.control_socket
        found = call(socket, "explain", name=name, type=_TYPE_A, client=client, local=host, local_port=port)
        decision: dict[str, Any] | None = found["decision"]
        return decision

    def _listening(self, process: subprocess.Popen[bytes]) -> SocketAddress:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(NotRunning):
                status = call(self._settings.server.control_socket, "status")
                return parse_socket_address(status["listening"]["udp"][0])
            if process.poll() is not None:
                raise RehearsalFailed(f"a server does not start from this backup: {self._said()}")
            time.sleep(LOOK_EVERY_S)
        raise RehearsalFailed(f"a server does not come up from this backup within {READY_WITHIN_S:g} s")

    def _said(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "; ".join(lines[-3:])[:600] or "it says nothing"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_of_others(name: str) -> bool:
    """Names of ours are asked for first: the others are real sites."""
    return not name.endswith(".example.com")


def _school_clients(settings: Any) -> list[str]:
    """An address of each network that a segment has."""
    import ipaddress
    import tomllib

    _, text, _ = active_or_first(settings)
    found: list[str] = []
    for segment in tomllib.loads(text).get("segments", {}).values():
        for prefix in segment.get("prefixes", []):
            with contextlib.suppress(ValueError):
                network = ipaddress.ip_network(str(prefix), strict=False)
                found.append(str(network[min(1, network.num_addresses - 1)]))
    return found
