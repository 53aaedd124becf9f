"""What the monitor does besides watching, in one list: reports, the digest, daily checks, keeping the log."""

from __future__ import annotations

from schoolgate.jobs.attribution import attribution_jobs
from schoolgate.jobs.checks import check_jobs
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.digest import digest_jobs
from schoolgate.jobs.log_keeping import keeping_jobs
from schoolgate.jobs.reports import report_jobs
from schoolgate.jobs.runner import Job
from schoolgate.jobs.segment_alerts import segment_alert_jobs
from schoolgate.jobs.suggestions import suggestion_jobs


def jobs(place: JobContext) -> list[Job]:
    """Each with its own rhythm; one that fails stops no other."""
    return [
        *keeping_jobs(place),
        *attribution_jobs(place),
        *check_jobs(place),
        *segment_alert_jobs(place),
        *report_jobs(place),
        *digest_jobs(place),
        *suggestion_jobs(place),
    ]
