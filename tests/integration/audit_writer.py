"""A process that writes to an audit log, as tests of two writers, kills and full disks need it.

`python -m tests.integration.audit_writer WHERE COUNT [hold]` appends COUNT entries, one transaction each, and prints
each number once it is committed. `hold`: takes the lock, prints `held`, and keeps it until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.errors import StoreProblem
from schoolgate.storage.store import Store


async def write(where: Path | str, count: int, is_holding: bool) -> None:
    async with await Store.open(where, now_us=time.time_ns() // 1000, is_owner=True) as store:
        for at in range(count):
            async with store.change() as change:
                # Long enough that a disk of a few MiB fills up.
                detail = {"at": at, "text": "x" * 3000}
                made = await append(change, Event(time.time_ns() // 1000, "local:writer", "test", detail=detail))
                if is_holding:
                    print("held", flush=True)
                    await asyncio.to_thread(sys.stdin.read)
            print(made.number, flush=True)


def main() -> int:
    given = sys.argv[1]
    where = given if given.startswith("postgresql") else Path(given)
    try:
        asyncio.run(write(where, int(sys.argv[2]), "hold" in sys.argv))
    except StoreProblem as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
