"""That a person whose duty it is has read a report: signed once, never taken back."""

from __future__ import annotations

from typing import ClassVar

from schoolgate.governance.record_store import Fields

READ = "read"


class ReportReading(Fields):
    """The record's subject is the report, by the name under which it is kept. `role`: the duty in which it was read."""

    KIND: ClassVar[str] = "report_reading"

    report: str
    person: str
    role: str
