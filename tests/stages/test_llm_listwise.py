"""List-wise re-ranking against a small server of our own, well-behaved and not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import Server
from hypothesis import given
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.inference import chat
from nirank.stages.bm25 import BM25
from nirank.stages.llm_listwise import LLMListwise, parse_permutation
from nirank.store import LocalStore
from nirank.testing import check_stage


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(chat, "_PAUSE_S", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def order_by_number(prompt: str) -> str:
    """Order passages by the number that they hold, the greatest first."""
    passages = re.findall(r"^\[(\d+)\] .*?(\d+)$", prompt, re.MULTILINE)
    return " > ".join(f"[{at}]" for at, _ in sorted(passages, key=lambda line: -int(line[1])))


N = 25
DOCS = {f"d{i:02}": "wine " * (N - i) + f"item {i}" for i in range(N)}


def run(server: Server, tmp_path: Path, **options: Any) -> tuple[list[str], dict[str, Any]]:
    collection = Collection.of(DOCS, {"q": "wine"}, {"q": {"d24": 1}})
    system = BM25(k1=9, b=0) >> LLMListwise(server.url, "m", **options)
    result = Experiment(collection, {"S": system}, ["RR"], store=LocalStore(tmp_path)).run()
    (row,) = result.rows
    return (list(result.ranking("S").to_dict()["q"]) if row.status == "ok" else []), row


def test_windows_bring_the_best_to_the_front(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server.answer = order_by_number
    ranking, row = run(server, tmp_path, window=10, step=5)
    assert ranking[:5] == ["d24", "d23", "d22", "d21", "d20"], "carried forward, step by step"
    assert sorted(ranking) == sorted(DOCS)
    assert row.counts["llm_requests"] == len(server.requests) == 4
    assert (row.cost.parameters, row.cost.devices) == (None, ("endpoint",)), "nobody knows"
    first = server.requests[0]
    assert (first["path"], first["model"], first["temperature"], first["key"]) == (
        "/v1/chat/completions", "m", 0, "Bearer secret",
    )  # fmt: skip
    assert "secret" not in repr(row)


def test_the_last_window_stands_at_the_front_wherever_the_steps_end(server: Server, tmp_path: Path) -> None:
    server.answer = order_by_number
    ranking, _ = run(server, tmp_path, window=10, step=4)
    assert len(server.requests) == 5, "from 15, 11, 7, 3 and 0"
    assert ranking[:6] == ["d24", "d23", "d22", "d21", "d20", "d19"]


def test_below_the_depth_nothing_changes(server: Server, tmp_path: Path) -> None:
    server.answer = order_by_number
    ranking, _ = run(server, tmp_path, depth=4)
    assert ranking == ["d03", "d02", "d01", "d00", *(f"d{i:02}" for i in range(4, N))]


@pytest.mark.parametrize(
    ("answer", "counter"),
    [("", "malformed_answers"), ("I cannot.", "malformed_answers"), ("[3]", "partial_answers"),
     ("[3] > [3] > [99] > [2]", "partial_answers")],
)  # fmt: skip
def test_odd_answers_keep_every_candidate(answer: str, counter: str, server: Server, tmp_path: Path) -> None:
    server.answer = lambda prompt: answer
    ranking, row = run(server, tmp_path, depth=5, window=5, step=2)
    assert sorted(ranking) == sorted(DOCS)
    assert row.counts[counter] == 1
    assert ranking[0] == ("d02" if "3" in answer else "d00")


def test_a_server_that_is_busy_is_asked_again_and_one_that_fails_fails_the_row(server: Server, tmp_path: Path) -> None:
    answers = iter([503, 429, "[2] > [1]"])
    server.answer = lambda prompt: next(answers)
    ranking, _ = run(server, tmp_path / "a", depth=2, window=2, step=1)
    assert ranking[:2] == ["d01", "d00"]
    server.answer = lambda prompt: 401
    _, row = run(server, tmp_path / "b", depth=2, window=2, step=1)
    assert row.status == "failed" and "HTTP 401" in row.error


def test_it_obeys(server: Server) -> None:
    server.answer = lambda prompt: "[2] > [1]"
    check_stage(LLMListwise(server.url, "m"))


@given(st.text(alphabet="[]>0123456789 ,ab", max_size=40), st.integers(1, 12))
def test_any_answer_gives_a_permutation(answer: str, n: int) -> None:
    assert sorted(parse_permutation(answer, n, Context())) == list(range(n))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "ftp://x"}, "expected an address such as http"),
        ({"model": ""}, "model is empty"),
        ({"step": 20}, "expected 1 <= step < window"),
        ({"depth": 1}, "depth must be 2 or more"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LLMListwise(**{"url": "http://x", "model": "m", **options})


def test_the_address_is_in_no_label():
    stage = LLMListwise("http://secret.example:8000/v1", "org/name", depth=20)
    assert stage.title == "LLMListwise('org/name', depth=20)"
    assert "secret" not in (BM25() >> stage).title
