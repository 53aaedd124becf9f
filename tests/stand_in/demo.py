"""`make demo`: the whole path on one machine and no network. A stand-in answers every name that a forwarder would.

The real server runs with the embedded default; only its forwarder is the stand-in.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.stand_in.upstream import StandIn


async def _demo() -> int:
    stand_in = StandIn()
    await stand_in.start()
    with tempfile.TemporaryDirectory(prefix="schoolgate-demo-") as folder:
        config = Path(folder) / "schoolgate.toml"
        config.write_text(f'[forwarders]\nservers = ["127.0.0.1:{stand_in.port}"]\n')
        print(f"stand-in upstream on 127.0.0.1 port {stand_in.port}: it answers any name, from documentation addresses")
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schoolgate", "run", "--config", str(config), env=os.environ
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.terminate)
        try:
            return await server.wait()
        except asyncio.CancelledError:
            server.terminate()
            return await server.wait()
        finally:
            await stand_in.stop()


def main() -> int:
    """Runs until interrupted; the exit code is the server's."""
    try:
        return asyncio.run(_demo())
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
