"""Reads a certificate chain with its key, and looks at them before clients see them.

Whether the key is that of the certificate is checked where TLS is done, in Rust. Here: that there is a name a client
can check (RFC 9525: the common name is none), and that today lies within its days. Loaded only where a certificate is
named: it takes a library that no answer by plain DNS needs.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import stat
from pathlib import Path
from typing import Final

from cryptography import x509

from schoolgate._core import CertificateUnusable, normalise_name
from schoolgate.doors.certificate import Certificate, IPAddress

LARGEST_FILE_OCTETS: Final = 256 * 1024
_OTHERS = stat.S_IRWXO


def read_certificate(chain_path: Path, key_path: Path, now: dt.datetime) -> Certificate:
    """Reads a pair. Raises `CertificateUnusable` where a file cannot be read, or clients would refuse it `now`."""
    chain, _ = _read(chain_path, "the certificate")
    key, mode = _read(key_path, "the key")
    own = _own(chain, chain_path)
    names, addresses = _names(own)
    if not names and not addresses:
        raise CertificateUnusable(
            f"{chain_path}: names no host and no address; issue one with subject alternative names"
        )
    if now > own.not_valid_after_utc:
        raise CertificateUnusable(f"{chain_path}: expired on {own.not_valid_after_utc:%d %B %Y}; renew it")
    if now < own.not_valid_before_utc:
        raise CertificateUnusable(
            f"{chain_path}: is valid from {own.not_valid_before_utc:%d %B %Y} on; check the clock of this machine"
        )
    is_key_open = bool(mode & _OTHERS)
    return Certificate(chain, key, names, addresses, own.not_valid_before_utc, own.not_valid_after_utc, is_key_open)


def _read(path: Path, what: str) -> tuple[bytes, int]:
    """Content and mode."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(LARGEST_FILE_OCTETS + 1)
    except OSError as error:
        raise CertificateUnusable(f"{path}: {what} cannot be read ({error.strerror}); check path and rights") from error
    if len(content) > LARGEST_FILE_OCTETS:
        raise CertificateUnusable(f"{path}: is too large for {what}; name the right file")
    return content, mode


def _own(chain: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise CertificateUnusable(f"{path}: holds no certificate in PEM; name the file with the chain") from error


def _names(own: x509.Certificate) -> tuple[tuple[str, ...], tuple[IPAddress, ...]]:
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return (), ()
    addresses = found.get_values_for_type(x509.IPAddress)
    hosts = tuple(one for one in addresses if isinstance(one, (ipaddress.IPv4Address, ipaddress.IPv6Address)))
    return tuple(one for one in found.get_values_for_type(x509.DNSName) if _is_name(one)), hosts


def _is_name(text: str) -> bool:
    """Whether clients can be sent there. An administrator's `.school.example` is no name, and no reason to refuse."""
    try:
        normalise_name(text.removeprefix("*."))
    except ValueError:
        return False
    return True
