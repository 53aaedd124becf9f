"""[query_log]: whether queries are recorded, and how clients are named there. What is kept how long is [retention]."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from schoolgate.config.section import RESTART, Section, Whole

MIB = 1 << 20


class QueryLog(Section):
    enabled: Annotated[bool, Strict()] = Field(
        default=True,
        description="Record every query, below state_dir/log. How much of it is chosen by segment, in the policy.",
        json_schema_extra=RESTART,
    )
    pseudonyms: Annotated[bool, Strict()] = Field(
        default=True,
        description="Store clients as pseudonyms, which only the keys in state_dir/log (pseudonym.json,"
        " pseudonym-keys) turn back into addresses. false: store addresses.",
        json_schema_extra=RESTART,
    )
    pseudonym_key_days: Whole = Field(
        default=90,
        ge=1,
        le=3660,
        description="A new key after this many days. The old one is kept as long as there are rows under it: see"
        " [retention].",
        json_schema_extra=RESTART,
    )
    max_wal_mib: Whole = Field(
        default=1024,
        ge=192,
        le=1 << 20,
        description="Rows that wait to be taken in by the monitor, in MiB. Beyond this the oldest are removed, and"
        " counted.",
        json_schema_extra=RESTART,
    )
