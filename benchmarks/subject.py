"""schoolgate itself, as a school runs it: `schoolgate serve` with a configuration file, one worker on one core."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import schoolgate
from benchmarks.servers import Ground, Server

# A category whose names the shipped starter lists hardly know: what is denied is the list under measurement.
CATEGORY = "gambling"
_CONFIG = """\
[server]
listen = ["127.0.0.1:{port}"]
workers = {workers}
state_dir = "state"

[cache]
size_mib = {cache_mib}

[forwarders]
servers = ["127.0.0.1:{upstream_port}"]

[lists]
extra = [{{ path = "listed.txt", category = "{category}", match = "suffix" }}]

[query_log]
enabled = {is_recording}

[policy]
file = "policy.toml"
"""
# As shipped.
CACHE_MIB = 20
_POLICY = """\
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/8", "::1/128"]
strictest = "pupil"

[policies.pupil]
action = "nxdomain"
categories = {{ {category} = "deny" }}

"""
_SEGMENT = """\
[segments.{segment}]
prefixes = ["{network}"]
policy = "{policy}"
# One address stands for a whole school here. The limiter runs, and does not bite.
rate_limit = {{ qps = 1000000, burst = 1000000 }}
"""


def segment(identity: str, network: str, policy: str) -> str:
    """A segment as TOML."""
    return _SEGMENT.format(segment=identity, network=network, policy=policy)


def prepare(
    ground: Ground,
    *,
    workers: int = 1,
    cache_mib: int = CACHE_MIB,
    policy: str | None = None,
    is_recording: bool = True,
) -> list[str]:
    """Writes configuration, policy and list, and builds the lists, as an installation does before the first start."""
    where = ground.directory
    where.mkdir(parents=True, exist_ok=True)
    # The policy of an earlier run would still be in force.
    shutil.rmtree(where / "state", ignore_errors=True)
    (where / "schoolgate.toml").write_text(
        _CONFIG.format(
            port=ground.port,
            upstream_port=ground.upstream_port,
            category=CATEGORY,
            workers=workers,
            cache_mib=cache_mib,
            is_recording=str(is_recording).lower(),
        ),
        encoding="utf-8",
    )
    usual = _POLICY.format(category=CATEGORY) + segment("pupils", "127.0.0.0/8", "pupil")
    (where / "policy.toml").write_text(policy or usual, encoding="utf-8")
    write_list(where / "listed.txt", ground.listed)
    build_lists(where)
    _compile_modules()
    return [sys.executable, "-m", "schoolgate", "serve", "--config", str(where / "schoolgate.toml")]


def write_list(path: Path, names: list[str]) -> None:
    path.write_text("\n".join(names) + "\n", encoding="ascii")


def build_lists(where: Path) -> None:
    """`schoolgate lists build`."""
    (where / "state").mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-m", "schoolgate", "lists", "build", "--config", str(where / "schoolgate.toml")]
    run = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, env=dict(os.environ))
    if run.returncode != 0:
        raise RuntimeError(f"lists build: {run.stdout}{run.stderr}")


def _compile_modules() -> None:
    """Byte code of our modules, as pip makes it at every installation. A checkout has none where Python is told not to
    write it, and each start would be a compile of everything."""
    compileall.compile_dir(Path(schoolgate.__file__).parent, quiet=1)


def version() -> str:
    from schoolgate import _core

    return str(_core.__version__)


SCHOOLGATE = Server("schoolgate", "schoolgate", prepare, version=version)


def publish(state_dir: Path, candidate: Path, serial: int) -> None:
    """Puts a compiled list in force as `schoolgate lists build` does after its compile; returns when it is."""
    from schoolgate.control import call
    from schoolgate.lists.snapshots import SnapshotStore

    SnapshotStore(state_dir).publish(candidate, serial)
    call(state_dir / "control.sock", "lists-changed", timeout_s=60.0)


def compiled_list(names: list[str], directory: Path, serial: int) -> dict[str, object]:
    """Compiles names to `<serial>.new` in a directory, in a process of its own; the compiler's report."""
    text = directory / f"{serial}.txt"
    write_list(text, names)
    job = {
        "inputs": [(str(text), "benchmark", CATEGORY, "suffix")],
        "out": str(directory / f"{serial}.new"),
        "serial": serial,
        "protected": [],
    }
    command = [sys.executable, "-m", "schoolgate.lists.compile_process"]
    run = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=True)
    report: dict[str, object] = json.loads(run.stdout)
    return report
