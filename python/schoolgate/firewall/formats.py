"""The export as text, by the firewall it is for. The same lists and options give the same octets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from schoolgate.firewall.csv_table import csv_table
from schoolgate.firewall.ipset import ipset
from schoolgate.firewall.nftables import nftables
from schoolgate.firewall.opnsense import opnsense
from schoolgate.firewall.resolvers import Resolvers
from schoolgate.firewall.rule_set import CANNOT_STOP, RULES, Place


class Format(StrEnum):
    """What it is written for."""

    nftables = "nftables"
    ipset = "ipset"
    opnsense = "opnsense"
    csv = "csv"

    @property
    def has_comments(self) -> bool:
        """Whether the text can say by itself what it cannot stop."""
        return self in (Format.nftables, Format.ipset)


_WRITERS: Mapping[Format, Callable[[Resolvers, Place], str]] = {
    Format.nftables: nftables,
    Format.ipset: ipset,
    Format.opnsense: opnsense,
    Format.csv: csv_table,
}


def exported(form: Format, resolvers: Resolvers, place: Place) -> str:
    return _WRITERS[form](resolvers, place)


def beside(form: Format, place: Place) -> tuple[str, ...]:
    """What a person must know that the text itself cannot carry."""
    said = () if form.has_comments else (*RULES, *CANNOT_STOP)
    hint = "CHANGE the interfaces and the address of schoolgate: --interface NAME --resolver ADDRESS"
    return (*said, hint) if place.is_example else said
