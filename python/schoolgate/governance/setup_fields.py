"""What was set up when it was last agreed, and changes of it that no operation made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.governance.record_store import Fields


class Setup(Fields):
    """The one record of its kind: the digest of each part, as an operation or a person's acceptance left it.

    No `parts`: the setup was not compared yet. `coming`: digests that a setup agreed to, which a later start will find.
    """

    KIND: ClassVar[str] = "setup"
    parts: dict[str, str]
    at_us: int
    coming: Mapping[str, str] = Field(default_factory=dict)


class ChangedPart(BaseModel):
    """A part with its digests; "" where there was, or is, none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    before: str
    now: str


class Drift(Fields):
    """A change outside an operation. `reason`: why a person accepted it."""

    KIND: ClassVar[str] = "drift"
    parts: tuple[ChangedPart, ...]
    since_us: int
    accepted_by: str = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
