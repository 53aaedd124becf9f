"""Compiling, as a program of its own: `python -m schoolgate.lists.compile_process` reads a job from standard input.

Millions of names take memory and time; in a process of their own they take neither from the resolver, and a list that
makes the compiler fail ends this process and no other.
"""

from __future__ import annotations

import contextlib
import os
import sys

import orjson

from schoolgate._core import ListFile, compile_snapshot
from schoolgate.errors import SchoolgateError

# The resolver goes first.
NICENESS = 10


def main() -> int:
    """Job: {"inputs": [{arguments of `ListFile`}, ...], "out": path, "serial": int, "protected": [name, ...]}.

    The report goes to stdout."""
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICENESS)
    job = orjson.loads(sys.stdin.buffer.read())
    inputs = [ListFile(**one) for one in job["inputs"]]
    try:
        report = compile_snapshot(inputs, job["out"], job["serial"], protected=job["protected"])
    except SchoolgateError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
