"""The table of all metrics, written from the code, so that no document can name one that is not there."""

from __future__ import annotations

from schoolgate.metrics.families import FAMILIES

_HEAD = """# Metrics

Written by `make metrics-document` from `python/schoolgate/metrics/families.py`; a test fails when it is out of date.

Switch the endpoint on in `schoolgate.toml`, and restart:

    [metrics]
    listen = "127.0.0.1:9153"

It answers `GET /metrics` with everything below, at most once a second anew. Off by default. Without it, `schoolgate
status --metrics` prints the same, for node_exporter's textfile collector. There is no client and no name in it.

[alerts.yml](alerts.yml): alerting rules. [dashboard.json](dashboard.json): a board for Grafana.

| metric | kind | labels | what it is |
|---|---|---|---|
"""


def document() -> str:
    """Markdown."""
    rows = (
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels) or '-'} | {one.help} |"
        for one in FAMILIES
    )
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(document(), end="")
