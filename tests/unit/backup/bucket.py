"""An S3-compatible store in this process: as much of its protocol as a backup uses, with the refusals of a real one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from types import TracebackType
from xml.sax.saxutils import escape

from aiohttp import web

BUCKET = "backups"


class Bucket:
    """`objects` by key. Switches: `refuses_all`, `is_locked` (no deletion), `is_full`, `cuts` (stores half)."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refuses_all = self.is_locked = self.is_full = self.cuts = False
        self.asked: list[tuple[str, str]] = []
        self.unsigned = 0
        self._parts: dict[str, dict[int, bytes]] = {}
        self.port = 0

    # -- requests -------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        self.asked.append((request.method, request.path_qs))
        self.unsigned += "AWS4-HMAC-SHA256 Credential=KEYID/" not in request.headers.get("Authorization", "")
        body = await request.read()
        if self.refuses_all:
            return _error(403, "AccessDenied")
        if request.match_info["bucket"] != BUCKET:
            return _error(404, "NoSuchBucket")
        match request.method:
            case "PUT":
                return self._put(request, key, body)
            case "POST":
                return self._post(request, key, body)
            case "DELETE":
                return self._delete(key)
            case _ if not key:
                return self._list(request.query.get("prefix", ""))
            case _ if key not in self.objects:
                return _error(404, "NoSuchKey")
        return web.Response(body=self.objects[key], headers={"ETag": '"x"', "Last-Modified": _THEN})

    def _put(self, request: web.Request, key: str, body: bytes) -> web.Response:
        stated = request.headers.get("x-amz-checksum-sha256")
        if stated is not None and base64.b64decode(stated) != hashlib.sha256(body).digest():
            return _error(400, "BadDigest")
        if self.is_full:
            return _error(507, "InsufficientStorage")
        if "partNumber" in request.query:
            self._parts[request.query["uploadId"]][int(request.query["partNumber"])] = body
            return web.Response(headers={"ETag": f'"{request.query["partNumber"]}"'})
        if request.headers.get("If-None-Match") == "*" and key in self.objects:
            return _error(412, "PreconditionFailed")
        self.objects[key] = body[: len(body) // 2] if self.cuts else body
        return web.Response(headers={"ETag": '"x"'})

    def _post(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if "uploads" in request.query:
            self._parts[key] = {}
            return _xml(
                f"<InitiateMultipartUploadResult><UploadId>{escape(key)}</UploadId></InitiateMultipartUploadResult>"
            )
        if "uploadId" in request.query:
            parts = self._parts.pop(request.query["uploadId"])
            self.objects[key] = b"".join(parts[number] for number in sorted(parts))
            return _xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        wanted = body.decode().split("<Key>")[1].split("</Key>")[0]
        if self.is_locked:
            error = f"<Error><Key>{wanted}</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
            return _xml(f"<DeleteResult>{error}</DeleteResult>")
        self.objects.pop(wanted, None)
        return _xml(f"<DeleteResult><Deleted><Key>{wanted}</Key></Deleted></DeleteResult>")

    def _delete(self, key: str) -> web.Response:
        if self.is_locked:
            return _error(403, "AccessDenied")
        self.objects.pop(key, None)
        return web.Response(status=204)

    def _list(self, prefix: str) -> web.Response:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-23T02:30:00.000Z</LastModified>"
            f'<ETag>"x"</ETag><Size>{len(octets)}</Size></Contents>'
            for key, octets in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return _xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>")

    # -- the server -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Bucket:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{bucket}{slash:/?}{key:.*}", self.handle)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_THEN = "Mon, 23 Nov 2026 02:30:00 GMT"


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
