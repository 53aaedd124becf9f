"""DuckDB, held short: memory, threads, disk and files are bounded before the first statement, and stay so."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import duckdb

from schoolgate.querylog.log_query import SearchFailed

# The whole process stays under 512 MiB with this: DuckDB and Python themselves take about 100 MiB.
MEMORY_LIMIT = "352MiB"
# A search may take what an idle machine has, at a lower priority than the server; more threads gain little.
MOST_THREADS = 4
# A sort that does not fit in memory goes to the disk, which is the server's too.
MOST_SPILLED = "4GiB"
# The kernel's own limit, should DuckDB's accounting miss something.
MOST_DATA_OCTETS = 1 << 30


def connect(folder: Path, scratch: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that can reach files under `folder` and nothing else, no network, no extensions."""
    if set("*?[") & set(str(folder)):
        raise SearchFailed(f"{folder}: DuckDB cannot read a path with * ? or [; choose another server.state_dir")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": threads or min(MOST_THREADS, os.cpu_count() or 1),
        "temp_directory": str(scratch / "spilled"),
        "max_temp_directory_size": MOST_SPILLED,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(config=settings)
    quoted = str(folder).replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{quoted}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def bound_this_process() -> None:
    """For a process of its own; the resolver goes first."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA_OCTETS, MOST_DATA_OCTETS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold rows
