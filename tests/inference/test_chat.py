"""What an endpoint is told, and what it may answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nirank.errors import ConfigError, StageError
from nirank.inference import chat
from nirank.inference.chat import Endpoint, ask, check_url

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], tuple[str, list[Any]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that answer as they are told; each notes the headers of what it is asked."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> tuple[str, list[Any]]:
        requests: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                requests.append(dict(self.headers))
                answer(self)

            def do_GET(self) -> None:
                requests.append(dict(self.headers))

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1", requests

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def ask_server(url: str, **options: Any) -> str:
    return ask(Endpoint(url, "m", "NIRANK_TEST_KEY", retries=0, **options), [{"role": "user", "content": "?"}], 5)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(
    code: int, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIRANK_TEST_KEY", "a-secret-key")
    other_url, other_requests = serve(lambda handler: None)

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Location", other_url)
        handler.end_headers()

    url, requests = serve(redirect)
    with pytest.raises(StageError) as error:
        ask_server(url)
    assert requests[0]["Authorization"] == "Bearer a-secret-key"
    assert other_requests == [] and "a-secret-key" not in str(error.value)
    assert str(code) in str(error.value)


def test_an_answer_has_an_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_MAX_ANSWER_BYTES", 100_000)

    def answer_without_end(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(10):
                handler.wfile.write(b" " * 50_000)

    with pytest.raises(StageError, match="the answer is longer than"):
        ask_server(serve(answer_without_end)[0])

    def answer_deeply_nested(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"[" * 90_000)

    with pytest.raises(StageError, match="cannot be asked"):
        ask_server(serve(answer_deeply_nested)[0])


@pytest.mark.parametrize("url", ["http://", "http://host:port/v1", "ftp://host", "host/v1", "http://[::1/v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="expected an address"):
        check_url(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        check_url("http://me:hunter2@host/v1")
    assert "hunter2" not in str(error.value)
