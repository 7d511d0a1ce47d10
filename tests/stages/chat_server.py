"""A small chat endpoint on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], Any]


class Server:
    """Answers every request with what `answer` makes of the prompt; remembers the requests."""

    def __init__(self) -> None:
        self.answer: Answer = lambda prompt: ""
        self.requests: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({**body, "key": self.headers["Authorization"], "path": self.path})
                answer = server.answer(body["messages"][-1]["content"])
                status = answer if isinstance(answer, int) else 200
                text = answer if isinstance(answer, str) else "[]"
                reply = {"choices": [{"message": {"content": text}}]} if status == 200 else {}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
