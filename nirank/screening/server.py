"""The page on loopback: requests in, pages and files out. What they mean is the business of the pages."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nirank.errors import ConfigError
from nirank.screening.pages import Reply, ReviewPages

log = logging.getLogger("nirank")

ADDRESS = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HTTP_PORT = 80  # which browsers leave out
_MAX_BODY = 1 << 16  # bytes of a form
_MAX_WAIT_S = 30.0  # for a client that says nothing


class ScreenServer(ThreadingHTTPServer):
    """Serves one review on this machine only."""

    daemon_threads = True

    def __init__(self, pages: ReviewPages, port: int) -> None:
        self.pages = pages
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"--port: {port} cannot be used ({getattr(error, 'strerror', None) or error}); name another, or none"
            ) from None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser that was sent here by nobody else names as host."""
        port = self.server_address[1]
        with_port = {f"{name}:{port}" for name in _LOOPBACK}
        return frozenset(with_port | set(_LOOPBACK)) if port == _HTTP_PORT else frozenset(with_port)


class _Handler(BaseHTTPRequestHandler):
    server: ScreenServer
    timeout = _MAX_WAIT_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nirank", ""

    def do_GET(self) -> None:
        if self._is_from_here():
            path, parameters = self._split()
            self._reply(lambda: self.server.pages.get(path, parameters, self._nonce))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if not self._is_from_here():
            return
        form = self._read_form()
        if form is None:
            return
        if not hmac.compare_digest(form.get("key", "").encode(), self.server.pages.key.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "this form was not made by this review; open the page again")
            return
        self._reply(lambda: self.server.pages.post(self._split()[0], form, self._nonce))

    def _reply(self, answer: Callable[[], Reply]) -> None:
        """Send a reply; where there is none (a full disk, a fault of nirank), say that nothing was kept."""
        try:
            reply = answer()
        except Exception as error:
            log.warning("%s %s failed: %s", self.command, self.path, error, exc_info=True)
            sentence = f"this could not be done, and nothing was changed ({type(error).__name__}: {error})"
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
            return
        self._send(reply)

    def _is_from_here(self) -> bool:
        """Refuse names that were made to point here (DNS rebinding), and forms of other sites."""
        self._nonce = secrets.token_urlsafe(16)
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self.close_connection = True
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this review is at {self.server.url} only")
            return False
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self.server.hosts:
            self.close_connection = True  # the form is not read, and must not be taken for the next request
            self._refuse(HTTPStatus.FORBIDDEN, "requests of other sites are not answered")
            return False
        fetched = (
            self.headers.get("Sec-Fetch-Site") == "cross-site" and self.headers.get("Sec-Fetch-Mode") != "navigate"
        )
        if fetched:  # an address of this review in another site's page; it would take records for invented reviewers
            self.close_connection = True
            self._refuse(HTTPStatus.FORBIDDEN, "requests of other sites are not answered")
            return False
        return True

    def _split(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, _parse(parts.query)

    def _read_form(self) -> dict[str, str] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a form of at most 64 KiB was expected")
            return None
        return _parse(self.rfile.read(int(length)).decode("utf-8", "replace"))

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._send(self.server.pages.refuse(status, sentence, self._nonce))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in self._list_headers(reply).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _list_headers(self, reply: Reply) -> Mapping[str, str]:
        policy = (
            f"default-src 'none'; style-src 'nonce-{self._nonce}'; script-src 'nonce-{self._nonce}';"
            " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
            **reply.headers,
        }

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):  # a client that went away
            super().handle()

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug(format, *arguments)


def _parse(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=32, errors="replace"))
    except ValueError:
        return {}
