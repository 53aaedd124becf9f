"""A DNS server over HTTPS (HTTP/2) in an asyncio loop."""

from __future__ import annotations

import asyncio
from typing import Any

import h2.config
import h2.connection
import h2.events
from tests.stand_in.tls_upstream import TlsUpstream

DNS_MESSAGE = "application/dns-message"


class HttpsUpstream(TlsUpstream):
    """`status` and `media_type`: what it answers with. `requests`: the heads that came."""

    status = 200
    media_type = DNS_MESSAGE

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.requests: list[dict[str, str]] = []

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        writer.write(http.data_to_send())
        bodies: dict[int, bytes] = {}
        while octets := await reader.read(65536):
            for event in http.receive_data(octets):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests.append(dict(event.headers))
                    bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    await self._answer(http, event.stream_id, bodies.pop(event.stream_id))
            writer.write(http.data_to_send())
            await writer.drain()

    async def _answer(self, http: h2.connection.H2Connection, stream: int, query: bytes) -> None:
        async with self._came:
            self.queries.append(query)
            self._came.notify_all()
        if self.is_mute:
            return
        http.send_headers(stream, [(":status", str(self.status)), ("content-type", self.media_type)])
        http.send_data(stream, b"".join(self.says(query)), end_stream=True)
