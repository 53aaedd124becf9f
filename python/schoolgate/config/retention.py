"""[retention]: how long the query log is kept, and how much of the disk it may take."""

from __future__ import annotations

from pydantic import Field, model_validator

from schoolgate.config.problems import complaint
from schoolgate.config.section import RELOAD, Section, Whole

# A pupil's queries are not needed for longer; a typing error must not keep them for ever.
MOST_DAYS = 3660


class Retention(Section):
    ordinary_days: Whole = Field(
        default=90,
        ge=1,
        le=MOST_DAYS,
        description="Days (UTC) that ordinary rows are kept, today not counted; then they are erased, and that is"
        " recorded. 90: a term, so that a concern raised late can still be followed up.",
        json_schema_extra=RELOAD,
    )
    safeguarding_days: Whole = Field(
        default=365,
        ge=1,
        le=MOST_DAYS,
        description="Days that rows of sealed lists, of alert categories and of circumvention are kept.",
        json_schema_extra=RELOAD,
    )
    rollups_days: Whole = Field(
        default=730,
        ge=1,
        le=MOST_DAYS,
        description="Days that counts by the hour are kept; they name no client and no site.",
        json_schema_extra=RELOAD,
    )
    max_gib: Whole = Field(
        default=20,
        ge=1,
        le=65536,
        description="The query log takes at most this much of the disk, in GiB. Over it, the oldest ordinary days go"
        " first, safeguarding rows last.",
        json_schema_extra=RELOAD,
    )
    min_free_mib: Whole = Field(
        default=1024,
        ge=0,
        le=1 << 26,
        description="The same happens when the disk has less than this free, in MiB.",
        json_schema_extra=RELOAD,
    )
    floor_days: Whole = Field(
        default=7,
        ge=1,
        le=MOST_DAYS,
        description="The newest days that are never erased for space; status says so when that is not enough.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _safeguarding_longest(self) -> Retention:
        if self.safeguarding_days < self.ordinary_days:
            raise complaint(
                "safeguarding_days is below ordinary_days", "keep safeguarding rows at least as long as ordinary ones"
            )
        return self
