"""A school behind a forwarder that lies, with a sealed list, a local zone and a forwarded zone."""

from __future__ import annotations

from pathlib import Path

from tests.integration.bypass_routes import POLICY
from tests.integration.bypass_upstream import SEALED
from tests.integration.serving import Serving

SETTINGS = """
[cache]
stale_for_s = 3600
[local]
records = "printer.lan.example. 300 IN A 10.0.0.9"
[[forward_zones]]
zone = "corp.example"
servers = ["127.0.0.1:{port}"]
"""


def started(folder: Path, upstream_port: int) -> Serving:
    """The school, serving; the caller stops it."""
    school = Serving(folder, upstream_port, settings=SETTINGS.format(port=upstream_port), policy=POLICY)
    source = school.folder / "from-supplier"
    source.write_text(f"{SEALED}\n", encoding="utf-8")
    run = school.cli("sealed", "import", source, "--supplier", "iwf")
    assert run.returncode == 0, run.stderr
    school.start()
    return school
