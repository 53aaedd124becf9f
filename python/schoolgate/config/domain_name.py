"""A domain name in the form the whole of schoolgate compares: lower case, A-labels, no dot at the end.

People paste anything: addresses of pages, wildcards, names in any script. What can be understood is normalised (UTS-46
and IDNA 2008, by the `idna` package); what cannot is refused with the form that was probably meant.
"""

from __future__ import annotations

import ipaddress
import re

from schoolgate.config.problems import complaint, shown

# RFC 1035 section 2.3.4, in octets; 253 is 255 less the length octets at both ends of the text form.
LONGEST_NAME = 253
LONGEST_LABEL = 63

# Underscores are no host names but are DNS names (RFC 8552), and real lists hold labels with hyphens at their ends.
_LABEL = re.compile(r"[a-z0-9_-]+")


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


def _refuse_other_things(name: str) -> None:
    if not name or name == ".":
        raise complaint(f"{shown(name)} is not a name", "write a domain name, such as example.org")
    if "/" in name:
        host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", name.lower()).split("/")[0].rpartition("@")[2].split(":")[0]
        raise complaint(f"{shown(name)} is an address of a page", f"DNS sees only the name: write {shown(host)}")
    if name.startswith(("*.", ".")):
        bare = name.lstrip("*.")
        raise complaint(f"{shown(name)} is not a name", f"write {shown(bare)}: names below it are included")
    if _is_ip_address(name):
        raise complaint(f"{shown(name)} is an IP address", "write a domain name; a firewall blocks addresses")


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
