"""A name in a policy's own lists: `example.org` stands for itself and all below it, `=example.org` for itself only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainValidator

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, shown

Match = Literal["suffix", "exact"]


@dataclass(frozen=True, order=True)
class NameRule:
    """Which names an entry of an own list means; `name` is in normal form."""

    name: str
    match: Match = "suffix"

    def __str__(self) -> str:
        return f"={self.name}" if self.match == "exact" else self.name

    def covers(self, name: str) -> bool:
        """Whether `name`, in normal form, is meant."""
        return name == self.name or (self.match == "suffix" and name.endswith("." + self.name))


def parse_name_rule(value: object) -> NameRule:
    """Raises a `complaint` for what is no name."""
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a name", 'write it as text, such as "example.org"')
    text = value.strip()
    if text.startswith("="):
        return NameRule(parse_domain_name(text[1:]), "exact")
    return NameRule(parse_domain_name(text))


NameRuleField = Annotated[NameRule, PlainValidator(parse_name_rule)]
