"""`schoolgate run` starts other processes beside the server, again when they end, and ends them with itself."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from schoolgate.telemetry import Logger

# Seconds before the first, second ... new start; a process that cannot start must not take the server's time.
START_AGAIN_S = (1.0, 2.0, 5.0, 15.0, 60.0)
# A run as long as this was a good one.
GOOD_RUN_S = 120.0
ENDS_WITHIN_S = 10.0

_log = Logger("schoolgate")


async def keep_process(command: str, config: Path | None, log_level: str) -> None:
    """`schoolgate COMMAND`, until cancelled. Said once when it keeps failing; its own log goes to the same standard
    error."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        process = await _start(command, config, log_level)
        if process is not None:
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                await _end(process)
                raise
            failures = 0 if loop.time() - began >= GOOD_RUN_S else failures
            if failures == 0:
                _log.error(
                    f"the {command} process ended and is started again; queries are answered all the same", code=code
                )
        wait_s = START_AGAIN_S[min(failures, len(START_AGAIN_S) - 1)]
        failures += 1
        await asyncio.sleep(wait_s)


async def _start(command: str, config: Path | None, log_level: str) -> asyncio.subprocess.Process | None:
    """Its standard input is a pipe from us: the kernel closes it when we are killed, and the process ends too."""
    arguments = ["-m", "schoolgate", command, "--until-stdin-ends", "--log-level", log_level]
    arguments += ["--config", str(config)] if config is not None else []
    try:
        # In a session of its own: Ctrl-C is for us, and we end it in our order.
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        _log.error(f"the {command} process cannot be started", reason=str(error))
        return None


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), ENDS_WITHIN_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
