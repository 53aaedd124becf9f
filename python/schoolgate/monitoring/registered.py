"""What the monitor does besides watching, in one list: reports, daily checks, keeping the log."""

from __future__ import annotations

from schoolgate.monitoring.check_jobs import check_jobs
from schoolgate.monitoring.jobs import Job
from schoolgate.monitoring.keeping import keeping_jobs
from schoolgate.monitoring.place import Place
from schoolgate.monitoring.report_jobs import report_jobs
from schoolgate.monitoring.suggestion_jobs import suggestion_jobs


def jobs(place: Place) -> list[Job]:
    """Each with its own rhythm; one that fails stops no other."""
    return [*keeping_jobs(place), *check_jobs(place), *report_jobs(place), *suggestion_jobs(place)]
