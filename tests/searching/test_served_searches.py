"""nirank serve: what is answered, what is refused, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import searched_folder
from command_result import run_nirank
from starlette.testclient import TestClient

from nirank import BM25, RM3, RunFile, Searcher, load
from nirank.searching import application as application_module
from nirank.searching.application import make_application
from nirank.searching.requests import MAX_BODY, MAX_CHARACTERS
from nirank.searching.server import list_hosts, open_socket

URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    folder = tmp_path_factory.mktemp("served")
    searched_folder.write_collection(folder / "tiny")
    (folder / "run.txt").write_text("q1 Q0 d1 1 1.0 x\n")
    systems = {"BM25": BM25(), "RM3": BM25() >> RM3(), "File": RunFile(str(folder / "run.txt"))}
    return Searcher(load(folder / "tiny"), systems, store=folder / "store")


@contextmanager
def open_client(searcher: Any, seconds: float = 30.0, base: str = URL) -> Iterator[TestClient]:
    application: Any = make_application(searcher, seconds, list_hosts("127.0.0.1", 8000))
    with TestClient(application, base_url=base, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(searcher: Searcher) -> Iterator[TestClient]:
    with open_client(searcher) as opened:
        yield opened


def test_a_search_gives_what_the_searcher_gives(client: TestClient, searcher: Searcher) -> None:
    reply = client.post("/api/search", json={"system": "RM3", "query": "w1 w2", "k": 3, "metadata": {"year": 2000}})
    assert reply.status_code == 200, reply.text
    answer, expected = reply.json(), searcher.search("RM3", "w1 w2", 3)
    assert answer["scores"] == list(expected.scores)
    assert [document["id"] for document in answer["documents"]] == [document.id for document in expected.documents]
    document = client.get(f"/api/documents/{answer['documents'][0]['id']}").json()
    assert document["text"] == expected.documents[0].text
    (collection,) = client.get("/api/systems").json()["collections"]
    assert [(system["name"], system["refusal"] is None) for system in collection["systems"]] == [
        ("BM25", True),
        ("RM3", True),
        ("File", False),
    ]
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


ASKED = {"system": "BM25", "query": "w1"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, ASKED | {"system": "BM52"}, "did you mean 'BM25'"),
        (404, ASKED | {"collection": "x"}, "no collection 'x'"),
        (400, ASKED | {"system": "File"}, "cannot be asked"),
        (400, ASKED | {"query": " "}, "no text"),
        (400, ASKED | {"metadata": {"yaer": 3}}, "did you mean 'year'"),
        (422, ASKED | {"k": 0}, "k: Input should be greater than or equal to 1"),
        (422, ASKED | {"k": 101}, "less than or equal to 100"),
        (422, ASKED | {"k": "3"}, "valid integer"),
        (422, ASKED | {"query": "w" * (MAX_CHARACTERS + 1)}, "at most 100000 characters"),
        (422, ASKED | {"qeury": "x"}, "Extra inputs"),
        (422, {"query": "w1"}, "system: Field required"),
        (422, [], "Input should be"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(client: TestClient, status: int, body: Any, words: str) -> None:
    reply = client.post("/api/search", json=body)
    assert reply.status_code == status, reply.text
    assert words in reply.json()["error"]


def test_bodies_that_are_no_request_are_refused(client: TestClient) -> None:
    typed = {"content-type": "application/json"}
    for content in (b"", b"{", b"\xff\xfe", b'{"system": "BM25", "query": "\\ud800"}', b"[" * 100_000, b"NaN"):
        reply = client.post("/api/search", content=content, headers=typed)
        assert reply.status_code in (400, 422), (content[:20], reply.text)
        assert reply.json()["error"]
    plain = client.post("/api/search", content=json.dumps(ASKED), headers={"content-type": "text/plain"})
    assert plain.status_code == 422  # what a form of another site could send
    assert client.post("/api/search", content=b"x" * (MAX_BODY + 1), headers=typed).status_code == 413
    parts = (b"x" * 100_000 for _ in range(12))  # without a length
    assert client.post("/api/search", content=parts, headers=typed).status_code == 413
    assert client.get("/api/search").status_code == 405
    assert client.get("/nothing").json() == {"error": "not found"}
    assert client.get("/api/documents/../../etc/passwd").status_code == 404
    assert client.get("/docs").status_code == 404  # FastAPI's page loads from elsewhere


def test_only_this_machine_s_pages_ask(client: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    for headers, status in (
        ({"host": "evil.example:8000"}, 421),
        ({"host": "127.0.0.1:9"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        (cross, 403),
        ({"origin": URL}, 200),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
    ):
        reply = client.get("/health", headers=headers)
        assert reply.status_code == status, (headers, reply.text)
    assert list_hosts("0.0.0.0", 80) is None
    assert "localhost" in (list_hosts("127.0.0.1", 80) or ())


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/page.css", "/page.js", "/health"):
        reply = client.get(path)
        assert reply.status_code == 200
        assert "http" not in reply.text
        assert reply.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert reply.headers["x-content-type-options"] == "nosniff"
    assert "innerHTML" not in client.get("/page.js").text


class SlowSearcher:
    """A searcher whose searches wait until they may go on, or their time is over."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher, self.seconds = searcher, [0.0]
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.searcher, name)

    def search(self, *arguments: Any, seconds: float, **options: Any) -> Any:
        began = time.monotonic()
        self.has_begun.set()
        self.may_go_on.wait(seconds)
        self.seconds.append(time.monotonic() - began)
        return self.searcher.search(*arguments, seconds=max(seconds - self.seconds[-1], 0), **options)


def test_a_search_that_takes_too_long_is_ended(searcher: Searcher) -> None:
    slow = SlowSearcher(searcher)
    with open_client(slow, seconds=0.3) as client:
        began = time.monotonic()
        reply = client.post("/api/search", json=ASKED)
        assert reply.status_code == 504
        assert "ended after 0.3 s" in reply.json()["error"]
        assert time.monotonic() - began < 5
        slow.may_go_on.set()
        assert client.post("/api/search", json=ASKED).status_code == 200  # the thread is free again


def test_no_more_than_some_searches_wait(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_module, "MAX_WAITING", 3)
    slow = SlowSearcher(searcher)
    with open_client(slow) as client, ThreadPoolExecutor(12) as pool:
        replies = [pool.submit(client.post, "/api/search", json=ASKED)]
        assert slow.has_begun.wait(10)
        replies += [pool.submit(client.post, "/api/search", json=ASKED) for _ in range(11)]
        while sum(reply.done() for reply in replies) < 8:
            time.sleep(0.01)
        assert client.get("/health").json()["waiting"] == 3
        refused = [reply.result() for reply in replies if reply.done()]
        assert {reply.status_code for reply in refused} == {503}
        assert {reply.headers["retry-after"] for reply in refused} == {"1"}
        slow.may_go_on.set()
        statuses = sorted(reply.result().status_code for reply in replies)
    assert statuses == [200] * 4 + [503] * 8


def test_a_signal_ends_the_server_cleanly(tmp_path: Path) -> None:
    searched_folder.write_collection(tmp_path / "tiny")
    config = searched_folder.write_config(tmp_path, "  BM25: bm25")
    command = [sys.executable, "-m", "nirank.cli.main", "serve", str(config), "--quiet"]
    numbers = (signal.SIGINT, signal.SIGTERM)
    servers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in numbers
    ]
    for server, number in zip(servers, numbers, strict=True):
        with server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert httpx.post(f"{url}api/search", json=ASKED, timeout=30).json()["found"] > 0
            server.send_signal(number)
            out, error = server.communicate(timeout=20)
        assert server.returncode == 0, error
        assert "Traceback" not in error
        assert out == ""


def test_what_cannot_be_served_is_the_user_s_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched_folder.write_collection(tmp_path / "tiny")
    config = searched_folder.write_config(tmp_path, "  BM25: bm25")
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        run_nirank("serve", config, "--port", port).assert_mistake("cannot be used", "--port")
    run_nirank("serve", config, "--host", "no.such.host.invalid").assert_mistake("cannot be used", "--host")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    run_nirank("serve", config).assert_mistake("needs uvicorn: pip install 'nirank[serve]'")
    monkeypatch.undo()
    run_nirank("serve", config, "BM52").assert_mistake("did you mean 'BM25'")
