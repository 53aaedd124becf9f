"""A domain name in a message: written so that no program makes a link of it that a reader could click on."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z0-9_.*-]")
LONGEST_SHOWN = 120


def defang(name: str) -> str:
    """`www.example.com` as `www[.]example[.]com`. Whatever is no letter, digit or hyphen is escaped, so that nothing in
    a name can end a line, a header or a piece of markup."""
    kept = "".join(one if _PLAIN.fullmatch(one) else f"\\{ord(one)}" for one in name.lower()[:LONGEST_SHOWN])
    return kept.replace(".", "[.]") + ("..." if len(name) > LONGEST_SHOWN else "")
