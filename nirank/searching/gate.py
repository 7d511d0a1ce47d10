"""The gate before the application: who may ask, how much may be sent, and what browsers are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_SECONDS = 10.0  # in which a request must have arrived
_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """Lets through what this server's own page and local programs ask; the rest gets a sentence and a status.

    hosts     that a request may name, with port; None: any (the server was opened to other machines)
    max_body  bytes of a request
    """

    def __init__(self, application: Application, hosts: frozenset[str] | None, max_body: int) -> None:
        self.application, self.hosts, self.max_body = application, hosts, max_body

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                added = [
                    (name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in names
                ]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refuse(headers)
        if refusal is not None:
            await _send_failure(send_with_headers, *refusal)
            return
        try:
            body = await asyncio.wait_for(self._read(receive), _SECONDS)
        except TimeoutError:
            await _send_failure(send_with_headers, 408, f"the request did not arrive within {_SECONDS:g} s")
            return
        if body is None:
            await _send_failure(send_with_headers, 413, f"a request of at most {self.max_body:,} bytes was expected")
            return
        await self.application(scope, _Replay(body, receive), send_with_headers)

    def _refuse(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Return status and sentence for names made to point here (DNS rebinding), other sites' pages, long bodies."""
        host = headers.get("host", "").lower()
        if self.hosts is not None and host not in self.hosts:
            return 421, f"this server is at {min(self.hosts)} only"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host:
            return 403, "requests of other sites are not answered"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "requests of other sites are not answered"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_body:
            return 413, f"a request of at most {self.max_body:,} bytes was expected"
        return None

    async def _read(self, receive: Receive) -> bytes | None:
        """Return a request's body; None where it is too long. A client that went away has sent what came."""
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.max_body:
                return None
            if message["type"] != "http.request" or not message.get("more_body", False):
                return bytes(body)


class _Replay:
    """Gives a body that was read, and then what the server says next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _send_failure(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
