"""Under which texts the log knows a client, and who a pseudonym is.

A pseudonym is the address under a secret key. When the key is rotated the old one is gone, and nobody can say any more
whom the older pseudonyms stood for: that is what rotation is for.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from schoolgate._core import log_pseudonym
from schoolgate.privacy.pseudonyms import PseudonymKey, read_key
from schoolgate.querylog.log_query import BadQuery

_PSEUDONYM = re.compile(r"p-[a-z2-7]{26}")


def key_of_log(path: Path) -> PseudonymKey | None:
    """The key in use now, or None where clients are kept as addresses. Raises `BadQuery`."""
    try:
        key = read_key(path)
    except OSError as error:
        raise BadQuery(f"{path}: {error.strerror}; search by pseudonym, as the log shows it") from error
    if key is None and path.exists():
        raise BadQuery(f"{path}: the key of the pseudonyms cannot be read; search by pseudonym, as the log shows it")
    return key


def is_pseudonym(text: str) -> bool:
    """Whether a text has the form of one."""
    return _PSEUDONYM.fullmatch(text) is not None


def known_as(client: str, key: PseudonymKey | None) -> list[str]:
    """The texts under which the log may hold a client: as it is, and by its pseudonym. Raises `BadQuery`."""
    text = client.strip().lower()
    if is_pseudonym(text):
        return [text]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadQuery(
            f"{client!r} is no client; write an address such as 192.0.2.10, or a pseudonym as the log shows it"
        ) from None
    plain = str(getattr(address, "ipv4_mapped", None) or address)
    # Rows from before pseudonyms were switched on hold the address.
    return [plain] if key is None else [log_pseudonym(key.key, plain), plain]
