"""The stand-in server over UDP and TCP, in a test's own loop or as a program.

As a program:

    python -m tests.stand_in.upstream --listen 127.0.0.1:5399          every behaviour of `answers`
    python -m tests.stand_in.upstream --listen 127.0.0.1:5399 --fast   UDP only, for load
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final, NamedTuple, cast

if __package__ in (None, ""):  # run as a plain script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.stand_in import answers, fast

SEEN_MAX: Final = 100_000


class Seen(NamedTuple):
    """One query as it arrived."""

    transport: str
    source_port: int
    ident: int
    question: answers.Question


class StandIn:
    """Switches for a test: `is_dead` says nothing, `delay_s` slows all, `is_flapping` answers every second query for
    a first label, `rcode` answers all with that code, `splits_stream` sends TCP replies octet by octet. `left_alone`
    counts the queries that get no reply."""

    def __init__(self) -> None:
        self.is_dead = False
        self.is_flapping = False
        self.delay_s = 0.0
        self.rcode = 0
        self.splits_stream = False
        self.closes_stream = False
        self.seen: list[Seen] = []
        self.left_alone = 0
        self.address = ""
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on the same port over UDP and TCP."""
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve_stream, address, port)
        self.address, self.port = self._tcp.sockets[0].getsockname()[:2]
        sock = fast.udp_socket(address, self.port)
        sock.setblocking(False)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=sock)

    async def stop(self) -> None:
        """Close the sockets: from now on the machine answers with ICMP and RST."""
        if self._udp is not None:
            self._udp.close()
        for writer in list(self._writers):
            writer.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()
        await asyncio.sleep(0)

    def asked(self, first: str) -> int:
        """How many queries came whose first label is `first`."""
        return sum(one.question.first == first.encode() for one in self.seen)

    def replies(self, query: bytes, source_port: int, *, is_stream: bool) -> tuple[float, list[bytes]]:
        """(delay in seconds, replies in order) for one query; none when it is to be left alone."""
        question = answers.question_of(query)
        if question is None:
            return 0.0, []
        if len(self.seen) < SEEN_MAX:
            transport = "tcp" if is_stream else "udp"
            self.seen.append(Seen(transport, source_port, int.from_bytes(query[:2]), question))
        if self.is_dead or question.first == b"drop" or (self.is_flapping and self.asked(question.first.decode()) % 2):
            self.left_alone += 1
            return 0.0, []
        if self.rcode:
            return self.delay_s, [answers.reply(query, question, rcode=self.rcode)]
        delay_s = self.delay_s
        if question.first.startswith(b"slow-") and question.first[5:].isdigit():
            delay_s += int(question.first[5:]) / 1000
        honest = answers.answer(query, question, is_stream=is_stream)
        if question.first == b"liar" and not is_stream:
            return delay_s, [*answers.lies(query, question), honest]
        return delay_s, [honest]

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                query = await reader.readexactly(length)
                delay_s, found = self.replies(query, writer.get_extra_info("peername")[1], is_stream=True)
                if self.closes_stream:
                    return
                if delay_s:
                    await asyncio.sleep(delay_s)
                for one in found:
                    await self._write(writer, len(one).to_bytes(2) + one)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        step = 1 if self.splits_stream else len(octets)
        for start in range(0, len(octets), step):
            writer.write(octets[start : start + step])
            await writer.drain()
            if self.splits_stream and start < 4:
                await asyncio.sleep(0)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        delay_s, found = self._stand_in.replies(data, addr[1], is_stream=False)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._send, found, addr)
        else:
            self._send(found, addr)

    def _send(self, found: list[bytes], addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            for one in found:
                self._transport.sendto(one, addr)


async def serve(address: str, port: int) -> None:
    """Serve until the task is cancelled."""
    stand_in = StandIn()
    await stand_in.start(address, port)
    print(f"stand-in upstream on {stand_in.address} port {stand_in.port}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await stand_in.stop()


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="A stand-in upstream DNS server that answers any name.")
    parser.add_argument("--listen", default="127.0.0.1:5399", help="address:port")
    parser.add_argument("--fast", action="store_true", help="UDP only, one record for any name, as quick as possible")
    chosen = parser.parse_args()
    address, _, port = chosen.listen.rpartition(":")
    try:
        if chosen.fast:
            sock = fast.udp_socket(address.strip("[]"), int(port))
            print(f"stand-in upstream on {address} port {sock.getsockname()[1]}", flush=True)
            fast.serve(sock)
        else:
            asyncio.run(serve(address.strip("[]"), int(port)))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
