"""`check forwarders`: what a forwarder that does not validate is told, by a server of the test's own."""

from __future__ import annotations

import datetime as dt

import pytest
from dnslib import DNSRecord

from schoolgate.checks.forwarders import check_forwarders
from schoolgate.config import SocketAddress
from schoolgate.resolver.stub_resolver import Reply

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
SERVER = SocketAddress("127.0.0.1", 5335)


@pytest.mark.parametrize(("validates", "must_validate"), [(True, True), (False, True), (False, False)])
def test_a_sidecar_that_does_not_validate_is_said(validates: bool, must_validate: bool) -> None:
    def ask(name: str, qtype: int, server: SocketAddress, **_: object) -> Reply:
        record = DNSRecord.question(name).reply()
        record.header.ad = int(validates)
        record.header.rcode = 3 if name.endswith(".com") else 0
        return Reply(record, 64, 1.0, "UDP")

    found = check_forwarders([("", SERVER), ("corp.example", SERVER)], NOW, must_validate=must_validate, ask=ask)
    assert [one.validates for one in found.forwarders] == [validates, None]
    said = [one for one in found.sentences() if "does not validate DNSSEC" in one]
    assert len(said) == int(must_validate and not validates)
