"""A domain name in the form the whole of schoolgate compares: lower case, A-labels, no dot at the end.

People paste anything: addresses of pages, wildcards, names in any script. What can be understood is normalised (UTS-46
and IDNA 2008, by the `idna` package); what cannot is refused with the form that was probably meant.
"""

from __future__ import annotations

import ipaddress
import re

from pydantic_core import PydanticCustomError

from schoolgate.config.problems import complaint, message_and_remedy, shown
from schoolgate.errors import SchoolgateError

# RFC 1035 section 2.3.4, in octets; 253 is 255 less the length octets at both ends of the text form.
LONGEST_NAME = 253
LONGEST_LABEL = 63

# Underscores are no host names but are DNS names (RFC 8552), and real lists hold labels with hyphens at their ends.
_LABEL = re.compile(r"[a-z0-9_-]+")
# What people copy from a browser or a mail: a scheme, who signs in, a port, a path, each of which may be missing.
_MARK = re.compile(r"[/:?#@]")
_ADDRESS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+-]*:(?=//|[^0-9]))?(?://)?(?:[^/?#]*@)?"
    r"(?P<host>\[[^]/?#@]*\]|[^:/?#@\[\]]*)(?::[0-9]*)?(?:[/?#].*)?",
    re.DOTALL,
)


def parse_domain_name(text: str) -> str:
    """The normal form of `text`; raises a `complaint` when it is no domain name."""
    name = text.strip()
    _refuse_other_things(name)
    name = name.lower() if name.isascii() else _to_ascii(name)
    name = name.removesuffix(".")
    if len(name) > LONGEST_NAME:
        raise complaint(f"{shown(name)} is longer than {LONGEST_NAME} characters", "write a shorter name")
    for label in name.split("."):
        _check_label(label, name)
    return name


class NotAName(SchoolgateError):
    """A text that a person asked about is no domain name; the message offers one."""


def asked_name(text: str) -> str:
    """A name to ask about: with A-labels, otherwise as written; `.` is the root. Raises `NotAName` for addresses,
    wildcards, IP addresses and for what has no form in ASCII."""
    name = text.strip()
    if name == ".":
        return name
    try:
        _refuse_other_things(name)
        return name if name.isascii() else _to_ascii(name)
    except PydanticCustomError as error:
        raise NotAName("; ".join(message_and_remedy(error))) from None


def refuse_address(text: str) -> None:
    """Raises a `complaint` that offers the name, where `text` is an address of a page, a mailbox or a port."""
    host = _host_of_address(text)
    if host is None:
        return
    remedy = f"DNS sees only the name: write {shown(host)}" if host else "write a domain name, such as example.org"
    raise complaint(f"{shown(text)} is an address, not a name", remedy)


def _host_of_address(text: str) -> str | None:
    """The host in `https://user@host:443/page` or a part of such an address; None where `text` is none."""
    if not _MARK.search(text):
        return None
    found = _ADDRESS.fullmatch(text.lower())
    if found is None or found["host"] == text.lower():
        return None
    # RFC 2317 names such as 0/25.2.0.192.in-addr.arpa hold a slash.
    if text.lower().removesuffix(".").endswith(".arpa") and not found["scheme"] and "@" not in text:
        return None
    return found["host"].strip("[]").removesuffix(".")


def _refuse_other_things(name: str) -> None:
    if not name or name == ".":
        raise complaint(f"{shown(name)} is not a name", "write a domain name, such as example.org")
    if _is_ip_address(name):
        raise complaint(f"{shown(name)} is an IP address", "write a domain name; a firewall blocks addresses")
    refuse_address(name)
    if name.startswith(("*.", ".")):
        bare = name.lstrip("*.")
        raise complaint(f"{shown(name)} is not a name", f"write {shown(bare)}: names below it are included")


def _is_ip_address(name: str) -> bool:
    bare = name.strip("[]")
    # One of IPv4 ends with a digit, one of IPv6 has colons; to find that out the long way is most of what a name takes.
    if ":" not in bare and not bare[-1:].isdigit():
        return False
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


def _to_ascii(name: str) -> str:
    # Its tables are large, and few schools have such a name.
    import idna

    try:
        return idna.encode(name, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        reason = str(error).rstrip(".")
        raise complaint(f"{shown(name)} is not an international name: {reason}", "write its xn-- form") from None


def _check_label(label: str, name: str) -> None:
    if not label:
        raise complaint(f"{shown(name)} has an empty part", "write single dots between the parts")
    if len(label) > LONGEST_LABEL:
        raise complaint(f"{shown(label)} is longer than {LONGEST_LABEL} characters", "write a shorter name")
    if not _LABEL.fullmatch(label):
        odd = next(character for character in label if not _LABEL.fullmatch(character))
        raise complaint(f"{shown(name)} holds {odd!r}", "use letters, digits, hyphens and dots")
    if label.startswith("xn--") and not _is_punycode(label[4:]):
        raise complaint(f"{shown(name)} holds {shown(label)}, which stands for nothing", "check the xn-- part")


def _is_punycode(text: str) -> bool:
    try:
        decoded = text.encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return False
    return not decoded.isascii()
