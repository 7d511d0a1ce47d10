"""Queries that were written before are looked up, whatever is asked for beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nirank.algebra.context import Context
from nirank.inference.device import ShardResult
from nirank.store import LocalStore
from nirank.synthesis.generator import Writing
from nirank.synthesis.writing_memo import Request, to_rows, write_missing


class Writer:
    """Writes a query of each text and number, some of them long, and notes what it was asked for."""

    def __init__(self, failing: str = "", dying: str = "") -> None:
        self.shards: list[list[Request]] = []
        self.failing, self.dying = failing, dying

    def __call__(self, shards: Iterable[list[Request]]) -> Iterable[ShardResult]:
        for shard in shards:
            if any(request.doc == self.dying for request in shard):
                raise KeyboardInterrupt
            self.shards.append(shard)
            yield ShardResult(to_rows([self.write(request) for request in shard]), 0.0)

    def write(self, request: Request) -> Writing:
        if request.doc == self.failing:
            return Writing("", reason="malformed answer")
        text = f"{request.doc}ü" * (1 + 300 * (request.number % 2))
        return Writing(text, -0.5 if request.number else None, len(text))

    @property
    def asked(self) -> list[Request]:
        return [request for shard in self.shards for request in shard]


def write(writer: Writer, docs: list[str], per_doc: int, store: LocalStore, shard: int = 3) -> list[list[Writing]]:
    ctx = Context(open_memo=store.open_memo)
    writings = list(write_missing(docs, per_doc, {"by": "test"}, writer, shard, ctx))
    assert ctx.memo_use["found"] + ctx.memo_use["computed"] == len(set(docs)) * per_doc
    return writings


def test_what_is_written_once_is_found_again_and_only_what_is_missing_is_written(tmp_path: Path) -> None:
    store, docs = LocalStore(tmp_path), [f"document {i}" for i in range(7)]
    first = Writer()
    written = write(first, docs, 2, store)
    assert written == [[first.write(Request(doc, number)) for number in (0, 1)] for doc in docs]
    assert len(first.asked) == 14
    again = Writer()
    assert write(again, docs[::-1], 2, store) == written[::-1] and again.asked == []
    more = Writer()
    assert [row[:2] for row in write(more, [*docs, "another"], 3, store)][:7] == written
    assert set(more.asked) == {Request(doc, 2) for doc in docs} | {Request("another", n) for n in range(3)}


def test_equal_texts_are_written_once(tmp_path: Path) -> None:
    writer = Writer()
    first, second = write(writer, ["same", "same"], 1, LocalStore(tmp_path))
    assert first == second and len(writer.asked) == 1


def test_shards_are_of_similar_length_and_an_interrupted_run_goes_on_with_the_same_ones(tmp_path: Path) -> None:
    docs = ["x" * (1 + 5 * i % 13) for i in range(11)]
    whole = Writer()
    expected = write(whole, docs, 1, LocalStore(tmp_path / "whole"))
    lengths = [len(request.doc) for request in whole.asked]
    assert lengths == sorted(lengths, reverse=True) and [len(shard) for shard in whole.shards] == [3, 3, 3, 2]
    store = LocalStore(tmp_path / "killed")
    killed = Writer(dying=whole.shards[2][0].doc)
    try:
        write(killed, docs, 1, store)
    except KeyboardInterrupt:
        assert killed.shards == whole.shards[:2]
    rest = Writer()
    assert write(rest, docs, 1, store) == expected
    assert rest.shards == whole.shards[2:]


def test_what_failed_is_asked_for_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert [row[0].reason for row in write(Writer(failing="b"), ["a", "b"], 1, store)] == ["", "malformed answer"]
    later = Writer()
    assert [row[0].text for row in write(later, ["a", "b"], 1, store)] == ["aü", "bü"]
    assert later.asked == [Request("b", 0)]
