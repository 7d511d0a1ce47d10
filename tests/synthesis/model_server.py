"""A server on the loopback interface that speaks the protocol of OpenAI's endpoints, well and badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends: `body` as JSON, or bytes as they are; after some seconds; `missing` bytes never come."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    missing: int = 0


def chat(text: str, **more: Any) -> Reply:
    choice = {"message": {"content": text}, "finish_reason": more.pop("finish", "stop"), **more}
    return Reply({"choices": [choice], "usage": {"completion_tokens": len(text.split()), "prompt_tokens": 7}})


class ModelServer:
    """Answers each request by `answer`; notes the requests, and how many were under way at once."""

    def __init__(self, answer: Callable[[dict[str, Any]], Reply]) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.under_way = self.most_under_way = 0
        lock, server = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    server.under_way += 1
                    server.most_under_way = max(server.most_under_way, server.under_way)
                    server.requests.append({**body, "path": self.path, "key": self.headers["Authorization"]})
                reply = server.answer(body)
                time.sleep(reply.after_s)
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                with lock:
                    server.under_way -= 1
                with suppress(OSError):
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data) + reply.missing))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
