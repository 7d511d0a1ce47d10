"""Queries from a server that is well-behaved, busy, slow or broken."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_server import ModelServer, Reply, chat
from planned import Planned

from nirank.algebra.context import Context
from nirank.algebra.judged import Judged
from nirank.algebra.node import Job, Node
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, StageError
from nirank.inference import chat as requests_to_chat
from nirank.store import LocalStore
from nirank.synthesis.endpoint_generator import INSTRUCTION, EndpointGenerator
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.generation import compile_queries
from nirank.synthesis.generator import Writing
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs

DOCS = [f"document number {i}" for i in range(9)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(requests_to_chat, "_PAUSE_S", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = ModelServer(lambda body: chat(f"about {find_document(body)}"))
    yield running
    running.close()


def find_document(body: dict[str, Any]) -> str:
    text: str = (
        body["messages"][-1]["content"] if "messages" in body else body["prompt"].removesuffix("\nRelevant Query:")
    )
    return text.rpartition("Document: ")[2]


def write(
    server: ModelServer, docs: list[str] = DOCS, ctx: Context | None = None, **options: Any
) -> list[list[Writing]]:
    generator = EndpointGenerator(server.url, "m", **options)
    return list(generator.write_queries(docs, {}, ctx or Context()))


def test_each_document_gets_its_query_in_order(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    ctx = Context()
    writings = write(server, ctx=ctx)
    assert writings == [[Writing(f"about {doc}", tokens=4)] for doc in DOCS]
    first = server.requests[0]
    assert (first["path"], first["model"], first["temperature"], first["max_tokens"], first["key"]) == (
        "/v1/chat/completions", "m", 0, 64, "Bearer secret",
    )  # fmt: skip
    assert first["messages"] == [{"role": "user", "content": f"{INSTRUCTION}\n\nDocument: {find_document(first)}"}]
    assert ctx.counts == {"endpoint_requests": 9, "prompt_tokens": 63}
    assert "secret" not in repr(ctx) and server.url not in repr(ctx)


def test_examples_are_earlier_turns_or_stand_in_the_text_to_complete(server: ModelServer) -> None:
    examples = FewShot(pairs=(("one two three four", "first"),))
    write(server, ["a b c d e"], examples=examples, words=3)
    assert [turn["content"].rpartition("\n")[2] for turn in server.requests[0]["messages"]] == [
        "Document: one two three", "first", "Document: a b c",
    ]  # fmt: skip
    server.answer = lambda body: Reply({"choices": [{"text": " it", "logprobs": {"token_logprobs": [-1, -2.0]}}]})
    ((writing,),) = write(server, ["a b c d e"], examples=examples, words=3, prompt="plain", logprobs=True)
    assert writing == Writing(" it", -1.5, 2)
    request = server.requests[-1]
    assert request["path"] == "/v1/completions" and request["logprobs"] == 1 and "\nDocument:" in request["stop"]
    assert request["prompt"] == (
        "Example 1:\nDocument: one two three\nRelevant Query: first\n\nExample 2:\nDocument: a b c\nRelevant Query:"
    )


def test_identity_is_the_model_and_what_it_is_asked_never_where_or_how_fast(server: ModelServer) -> None:
    plain = EndpointGenerator("http://a/v1", "m")
    same = EndpointGenerator(
        "https://b/v1", "m", key_env="KEY", timeout_s=1, retries=0, requests_per_minute=9, concurrency=1
    )
    assert plain.describe_identity() == same.describe_identity()
    assert "http" not in json.dumps(plain.describe_identity())
    assert repr(plain) == repr(same) == "EndpointGenerator(model='m')"
    pairs = FewShot(pairs=(("a", "b"),))
    for options in ({"words": 3}, {"temperature": 0.5}, {"seed": 1}, {"logprobs": True}, {"examples": pairs}):
        assert EndpointGenerator("http://a/v1", "m", **options).describe_identity() != plain.describe_identity()


def test_every_request_has_a_seed_of_its_own_that_does_not_depend_on_the_others(server: ModelServer) -> None:
    write(server, per_doc=2, temperature=0.7)
    seeds = {(find_document(body), body["seed"]) for body in server.requests}
    assert len(seeds) == len({seed for _, seed in seeds}) == 18
    assert all(0 <= seed < 1 << 31 for _, seed in seeds)
    server.requests.clear()
    write(server, DOCS[:2], per_doc=2, temperature=0.7)
    assert {(find_document(body), body["seed"]) for body in server.requests} < seeds
    server.requests.clear()
    write(server, DOCS[:2], per_doc=2, temperature=0.7, seed=1)
    assert not {(find_document(body), body["seed"]) for body in server.requests} & seeds


def test_a_busy_or_failing_server_is_asked_again(server: ModelServer) -> None:
    replies = iter(
        [
            Reply(status=429, headers={"Retry-After": "0"}), Reply(status=500), Reply(status=503),
            Reply(b'{"choices": ', missing=40), chat("at last"),
        ]
    )  # fmt: skip
    server.answer = lambda body: next(replies)
    assert write(server, DOCS[:1], retries=4) == [[Writing("at last", tokens=2)]]
    assert len(server.requests) == 5


def test_a_server_is_left_alone_as_long_as_it_asks(server: ModelServer) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "1"}), chat("at last")])
    server.answer = lambda body: next(replies)
    began = time.monotonic()
    assert write(server, DOCS[:1]) == [[Writing("at last", tokens=2)]]
    assert time.monotonic() - began >= 1


def test_a_server_that_asks_for_hours_is_not_waited_for(server: ModelServer) -> None:
    server.answer = lambda body: Reply(status=429, headers={"Retry-After": "7200"})
    with pytest.raises(StageError, match="HTTP 429 .*to be asked again in 7200 s"):
        write(server, DOCS[:1])
    assert len(server.requests) == 1


def test_what_was_written_before_a_failure_is_kept_and_the_rest_is_asked_later(
    server: ModelServer, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    server.answer = lambda body: (
        Reply(status=401) if find_document(body).endswith("4") else chat(f"about {find_document(body)}")
    )
    with pytest.raises(StageError, match="HTTP 401"):
        write(server, ctx=Context(open_memo=store.open_memo), concurrency=2)
    asked = [find_document(body) for body in server.requests]
    assert len(set(asked)) == len(asked) <= 9
    server.requests.clear()
    server.answer = lambda body: chat(f"about {find_document(body)}")
    assert [row[0].text for row in write(server, ctx=Context(open_memo=store.open_memo))] == [
        f"about {d}" for d in DOCS
    ]
    again = {find_document(body) for body in server.requests}
    assert again & set(asked) == {"document number 4"} and again | set(asked) == set(DOCS), "nothing is asked twice"


def test_a_slow_server_fails_in_time(server: ModelServer) -> None:
    server.answer = lambda body: Reply({}, after_s=0.6)
    with pytest.raises(StageError, match="timed out"):
        write(server, DOCS[:1], timeout_s=0.1, retries=1)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>"), Reply({}), Reply({"choices": []}), Reply({"choices": [{"message": None}]}), Reply([1]),
        Reply(b"[" * 90_000), Reply({"choices": [{"text": "of another kind"}]}),
    ],
)  # fmt: skip
def test_a_document_whose_answer_cannot_be_read_stays_without_a_query(
    reply: Reply, server: ModelServer, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    server.answer = lambda body: reply if find_document(body).endswith("4") else chat("fine")
    ctx = Context(open_memo=store.open_memo)
    writings = write(server, ctx=ctx, retries=1)
    assert [row[0] for row in writings] == [
        Writing("", reason="malformed answer") if doc.endswith("4") else Writing("fine", tokens=1) for doc in DOCS
    ]
    assert ctx.counts["malformed_answers"] == 1
    server.answer = lambda body: chat("later")
    later = write(server, ctx=Context(open_memo=store.open_memo))
    assert [row[0].text for row in later] == ["later" if doc.endswith("4") else "fine" for doc in DOCS]


def test_a_server_of_another_kind_is_found_out_soon(server: ModelServer) -> None:
    server.answer = lambda body: Reply(b"<html>")
    with pytest.raises(StageError, match="cannot be asked"):
        write(server, [f"d{i}" for i in range(500)], retries=0)
    assert len(server.requests) < 40


def test_structured_answers(server: ModelServer) -> None:
    answers = {"a": '{"query": "it"}', "b": "it", "c": '{"query": 3}', "d": '{"query": "\\ud800x"}', "e": '{"query": '}
    server.answer = lambda body: chat(answers[find_document(body)])
    writings = write(server, list(answers), structured=True, examples=FewShot(pairs=(("x", "y"),)))
    assert [row[0].text for row in writings] == ["it", "", "", "?x", ""]
    assert [row[0].reason for row in writings] == ["", "malformed answer", "malformed answer", "", "malformed answer"]
    request = server.requests[0]
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["query"]
    assert request["messages"][1] == {"role": "assistant", "content": '{"query": "y"}'}


def test_log_probabilities_where_the_server_gives_them(server: ModelServer) -> None:
    listed = {"content": [{"token": "a", "logprob": -0.25}, {"token": "b", "logprob": -0.75}]}
    server.answer = lambda body: chat("a b", logprobs=listed if find_document(body) == "x" else None)
    assert [row[0].logprob for row in write(server, ["x", "y"], logprobs=True)] == [-0.5, None]
    assert all(body["logprobs"] is True for body in server.requests)


def test_answers_that_are_cut_off_are_counted(server: ModelServer) -> None:
    server.answer = lambda body: chat("a long", finish="length")
    ctx = Context()
    assert write(server, DOCS[:2], ctx=ctx) == [[Writing("a long", tokens=2)]] * 2
    assert ctx.counts["answers_cut_off"] == 2


@pytest.mark.parametrize("concurrency", [1, 4])
def test_so_many_requests_are_under_way_at_once(concurrency: int, server: ModelServer) -> None:
    server.answer = lambda body: Reply(chat(f"about {find_document(body)}").body, after_s=0.03)
    writings = write(server, [f"d{i}" for i in range(16)], concurrency=concurrency)
    assert [row[0].text for row in writings] == [f"about d{i}" for i in range(16)]
    assert server.most_under_way == concurrency


def test_requests_begin_no_faster_than_asked_for(server: ModelServer) -> None:
    began = time.monotonic()
    write(server, DOCS[:6], requests_per_minute=1200, concurrency=6)
    assert time.monotonic() - began >= 5 * 0.05


def test_drawn_examples_reach_the_model(server: ModelServer, tmp_path: Path) -> None:
    docs = {f"d{i}": f"text {i}" for i in range(8)}
    queries = {f"q{i}": f"question {i}" for i in range(8)}
    training = Collection.of(docs, queries, {f"q{i}": {f"d{i}": 1} for i in range(8)})
    evaluated = Collection.of(docs, {"e": "else"}, {"e": {"d0": 1}})
    planned = Planned.of(evaluated, tmp_path, evaluated)
    planned.sources.collections._opened[(id(evaluated), "train")] = training
    selected = Node(f"{__name__}:select_first", 1, {}, (("docs", planned.sides.docs),))
    examples = FewShot(queries=Judged(split="train"), n=2)
    node = compile_queries(EndpointGenerator(server.url, "m", examples=examples), selected, planned.sides)
    assert [role for role, _ in node.inputs] == ["selected", "docs", "few_shot"]
    table = QueryTable.open(planned.run(node))
    assert list(table.raw) == ["about text 0", "about text 1"] and table.tokens.tolist() == [3, 3]
    turns = server.requests[0]["messages"]
    for question, answer in zip(turns[:4:2], turns[1:4:2], strict=True):
        assert question["content"].split()[-1] == answer["content"].split()[-1], "each with its document"
        assert answer["content"].startswith("question ")
    (supervision,) = planned.sources.supervision
    assert supervision.use == "trained"
    assert set(supervision.questions) == {turn["content"] for turn in turns[1:4:2]}
    assert server.url not in json.dumps(planned.describe(node))


def select_first(job: Job) -> None:
    SelectedDocs(np.array([0, 1]), np.array([0, 0]), np.array([8])).save(job.folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "ftp://x"}, "expected an address such as http"),
        ({"model": ""}, "model is empty"),
        ({"per_doc": 2}, "all queries of a document are the same"),
        ({"prompt": "plain", "structured": True}, "asked of chat models"),
        ({"prompt": "plain", "instruction": "x"}, "has no instruction"),
        ({"concurrency": 0}, "concurrency must be 1 or more"),
        ({"requests_per_minute": 0}, "must be above 0"),
        ({"temperature": 3}, "from 0 to 2"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EndpointGenerator(**{"url": "http://x", "model": "m", **options})
