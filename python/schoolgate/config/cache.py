"""[cache]: how much is remembered, and for how long."""

from __future__ import annotations

from pydantic import Field, model_validator

from schoolgate.config.problems import complaint
from schoolgate.config.section import RESTART, Section, Whole

WEEK_S = 7 * 86400


class Cache(Section):
    size_mib: Whole = Field(
        default=20, ge=1, le=65536, description="Memory for cached answers, in MiB.", json_schema_extra=RESTART
    )
    min_ttl_s: Whole = Field(
        default=0,
        ge=0,
        le=3600,
        description="Answers are kept at least this long, in seconds.",
        json_schema_extra=RESTART,
    )
    max_ttl_s: Whole = Field(
        default=86400,
        ge=1,
        le=WEEK_S,
        description="Answers are kept at most this long, in seconds.",
        json_schema_extra=RESTART,
    )
    max_negative_ttl_s: Whole = Field(
        default=3600,
        ge=1,
        le=WEEK_S,
        description="'No such name' is kept at most this long, in seconds (RFC 2308).",
        json_schema_extra=RESTART,
    )
    stale_for_s: Whole = Field(
        default=86400,
        ge=0,
        le=WEEK_S,
        description="While no forwarder answers, expired answers serve this much longer, in seconds (RFC 8767).",
        json_schema_extra=RESTART,
    )
    prefetch: bool = Field(
        default=True,
        description="Answers that are asked for in the last tenth of their TTL are fetched again before it ends, so"
        " that clients do not wait for a name that is in use.",
        json_schema_extra=RESTART,
    )

    @model_validator(mode="after")
    def _least_before_most(self) -> Cache:
        if self.min_ttl_s > self.max_ttl_s:
            raise complaint("min_ttl_s is above max_ttl_s", "make min_ttl_s the smaller one")
        return self
