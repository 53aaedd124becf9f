"""What `status` tells, as Prometheus text (exposition format 0.0.4): for the endpoint, and for `status --metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schoolgate.metrics.families import FAMILIES, MOST_SAMPLES, Family, StatusReport

CONTENT_TYPE = CONTENT_TYPE_LATEST


class StatusCollector(Collector):
    """One status, as metrics."""

    def __init__(self, report: StatusReport) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """Families without a sample are left out."""
        for family in FAMILIES:
            samples = list(islice(family.read(self._report), MOST_SAMPLES))
            if samples:
                metric = _metric(family)
                for labels, value in samples:
                    metric.add_metric(labels, value)
                yield metric


def _metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    if family.kind == "counter":
        return CounterMetricFamily(family.name.removesuffix("_total"), family.help, labels=family.labels)
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def exposition(report: StatusReport) -> str:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(report))
    return generate_latest(registry).decode("utf-8")
