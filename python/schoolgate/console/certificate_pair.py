"""The console's certificate chain and key, as files that an ACME client renews. TLS 1.2 at least."""

from __future__ import annotations

import ssl
from pathlib import Path

from schoolgate.config.web_listener import WebListener
from schoolgate.console.errors import ConsoleUnusable


class CertificatePair:
    """A TLS context, and the files that it was read from."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `ConsoleUnusable`."""
        self._certificate = certificate
        self._key = key
        self._seen = self._stamps()
        self.context = self._read()

    @classmethod
    def of(cls, site: WebListener) -> CertificatePair | None:
        """That of the settings, where these name one. Raises `ConsoleUnusable`."""
        if site.certificate is None or site.key is None:
            return None
        return cls(site.certificate, site.key)

    def reload_if_changed(self) -> bool:
        """Puts changed files in force for new connections. Raises `ConsoleUnusable`, once, where they cannot be used;
        then what was in force stays."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        # Proved apart first: a context keeps half of what it could not load.
        self._read()
        self.context.load_cert_chain(self._certificate, self._key, password=_no_passphrase)
        return True

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_passphrase)
        except (OSError, ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise ConsoleUnusable(
                f"{self._certificate} and {self._key}: cannot be used ({reason}); check that they are a pair in PEM,"
                " and that the console's user may read them"
            ) from error
        return context

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_stamp, (self._certificate, self._key)))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")
