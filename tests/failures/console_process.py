"""A real `schoolgate console` beside a real `schoolgate control`: started, asked as a browser asks, ended."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import trustme
from tests.failures.control_process import Control
from tests.program.forked import Forked
from tests.waiting import PATIENT_S, until

NAME = "localhost"
_READY = re.compile(r'"address":"(https?)://[^/]*:(\d+)/"')
_COOKIE = re.compile(r"([^=;]+)=([^;]*)")


@dataclass
class Answer:
    """What the console answered."""

    status: int
    headers: Mapping[str, str]
    text: str


class ConsoleProcess:
    """One console with a certificate of its own, which asks `control`."""

    def __init__(self, control: Control, settings: str = "", *, is_tls: bool = True, is_quick: bool = False) -> None:
        # Not where the memory of a console is measured.
        self.is_quick = is_quick
        self.folder = control.folder
        self.config = control.config
        self.log = control.folder / "console-log"
        self.certificate, self.key = control.folder / "console.pem", control.folder / "console.key"
        self.is_tls = is_tls
        self.port = 0
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.authority = trustme.CA()
        self._context: ssl.SSLContext | None = None
        self.issue()
        tls = f'certificate = "{self.certificate}"\nkey = "{self.key}"\n' if is_tls else ""
        with self.config.open("a", encoding="utf-8") as config:
            config.write(f"[console]\nport = 0\n{tls}{settings}")

    def issue(self, *names: str) -> None:
        """A new certificate, put in its place as an ACME client does."""
        made = self.authority.issue_cert(*(names or (NAME, "127.0.0.1")))
        for path, octets in (
            (self.key, made.private_key_pem.bytes()),
            (self.certificate, b"".join(one.bytes() for one in made.cert_chain_pems)),
        ):
            new = path.with_suffix(".new")
            new.write_bytes(octets)
            new.replace(path)

    def start(self) -> None:
        """Starts it and waits until it says where it is."""
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            line = ["console", "--config", str(self.config)]
            if self.is_quick:
                self.process = Forked(line, log, log, os.environ)
            else:
                command = [sys.executable, "-m", "schoolgate", *line]
                self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.port = int(until(lambda: _READY.search(self.said()), self.said, process=self.process)[2])

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    @property
    def address(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{NAME}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """That of a client that trusts our authority."""
        if self._context is None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self.authority.configure_trust(self._context)
        return self._context

    def connection(self, timeout_s: float = PATIENT_S) -> http.client.HTTPConnection:
        if self.is_tls:
            return http.client.HTTPSConnection(NAME, self.port, timeout=timeout_s, context=self.context())
        return http.client.HTTPConnection(NAME, self.port, timeout=timeout_s)

    def resident_kib(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        os.kill(self.process.pid, number)
        return self.process.wait(PATIENT_S)


@dataclass
class Browser:
    """Cookies and forms, no JavaScript."""

    console: ConsoleProcess
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        return self._ask("POST", path, urlencode(form or {}), headers)

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        sent = {"Sec-Fetch-Site": "same-origin", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = self.console.connection()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                self._keep(value)
        return Answer(response.status, dict(response.getheaders()), text)

    def _keep(self, header: str) -> None:
        found = _COOKIE.match(header)
        assert found is not None
        name, value = found[1], json.loads(found[2]) if found[2].startswith('"') else found[2]
        if value:
            self.cookies[name] = value
        else:
            self.cookies.pop(name, None)
