"""Certificates as they are read from files, and what the calendar says of them."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from schoolgate._core import CertificateUnusable
from schoolgate.doors.certificate import Certificate, expiry_problem, warning_step
from schoolgate.doors.certificate_file import LARGEST_FILE_OCTETS, read_certificate

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
UNTIL = NOW + dt.timedelta(days=90)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def written(folder: Path, authority: trustme.CA, *names: str) -> tuple[Path, Path]:
    pair = authority.issue_cert(*names, not_after=UNTIL)
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(one.bytes() for one in pair.cert_chain_pems))
    key.write_bytes(pair.private_key_pem.bytes())
    key.chmod(0o640)
    return chain, key


def test_names_addresses_and_days_are_those_of_the_first_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    found = read_certificate(*written(tmp_path, authority, "*.dns.example", "dns.example", "192.0.2.53"), NOW)
    assert found.name == "dns.example"
    assert found.names == ("*.dns.example", "dns.example")
    assert found.addresses == (ipaddress.ip_address("192.0.2.53"),)
    assert found.not_after == UNTIL
    assert found.days_left(NOW) == 90
    assert not found.is_key_open
    assert "PRIVATE" not in repr(found)


def test_a_name_that_is_none_is_left_out(tmp_path: Path) -> None:
    """Clients cannot be sent there; what else it names counts."""
    found = read_certificate(
        *odd(tmp_path, "dns..example", ".school.example", "a" * 64 + ".example", "dns.example"), NOW
    )
    assert found.names == ("dns.example",)


def odd(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate with names that no authority of ours would write."""
    private = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(UNTIL)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(private, hashes.SHA256())
    )
    chain, key = folder / "odd.pem", folder / "odd.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key.chmod(0o640)
    return chain, key


def test_a_key_that_everybody_can_read_is_noticed(tmp_path: Path, authority: trustme.CA) -> None:
    chain, key = written(tmp_path, authority, "dns.example")
    key.chmod(0o644)
    assert read_certificate(chain, key, NOW).is_key_open


@pytest.mark.parametrize(
    ("moment", "said"),
    [(UNTIL + dt.timedelta(seconds=1), "expired on"), (dt.datetime(1990, 1, 1, tzinfo=dt.UTC), "is valid from")],
)
def test_outside_its_days_it_is_refused(moment: dt.datetime, said: str, tmp_path: Path, authority: trustme.CA) -> None:
    with pytest.raises(CertificateUnusable, match=said):
        read_certificate(*written(tmp_path, authority, "dns.example"), moment)


def test_files_that_are_no_pair_are_refused_with_their_path(tmp_path: Path, authority: trustme.CA) -> None:
    chain, key = written(tmp_path, authority, "dns.example")
    with pytest.raises(CertificateUnusable, match=f"{key}: holds no certificate in PEM"):
        read_certificate(key, key, NOW)
    with pytest.raises(CertificateUnusable, match=r"absent: the key cannot be read \(No such file"):
        read_certificate(chain, tmp_path / "absent", NOW)
    chain.write_bytes(bytes(LARGEST_FILE_OCTETS + 1))
    with pytest.raises(CertificateUnusable, match="too large"):
        read_certificate(chain, key, NOW)
    no_name = written(tmp_path, authority, "someone@school.example")
    with pytest.raises(CertificateUnusable, match="names no host and no address"):
        read_certificate(*no_name, NOW)


def made(days: float) -> Certificate:
    return Certificate(b"", b"", ("dns.example",), (), NOW, NOW + dt.timedelta(days=days), is_key_open=False)


@pytest.mark.parametrize(
    ("days", "said", "step"),
    [
        (90, None, None), (22, None, None), (21.5, "in 21 days", 21), (7.5, "in 7 days", 7), (6.5, "in 6 days", 7),
        (1.5, "in 1 day,", 1), (0.5, "within a day", 1), (-0.5, "expired on", 1),
    ],
)  # fmt: skip
def test_an_end_that_comes_near_is_said_from_three_weeks_on(days: float, said: str | None, step: int | None) -> None:
    problem = expiry_problem(made(days), NOW)
    assert (problem is None) == (said is None)
    assert said is None or said in (problem or "")
    assert warning_step(made(days).days_left(NOW)) == step
