"""Numbers that detectors compare rows of the query log with: DNS types and response codes, units of time."""

from __future__ import annotations

A, NS, CNAME, NULL, TXT, AAAA, SVCB, HTTPS = 1, 2, 5, 10, 16, 28, 64, 65
NXDOMAIN = 3
WITHHELD = "(withheld)"
US = 1_000_000
