"""Written queries in a memo, by text and number: what is interrupted or extended writes only what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Keys, Memo, Rows, derive_part_keys, hash_texts
from nirank.inference.device import ShardResult
from nirank.inference.remembered import compute_missing_pairs, split_by_number
from nirank.synthesis.generator import Writing

_BYTES = 244  # of a part, whose row has 256; longer queries have several
PART = np.dtype([("logprob", "<f4"), ("tokens", "<u4"), ("bytes", "<u4"), ("text", "u1", (_BYTES,))])


class Request(NamedTuple):
    """A query that is to be written: for which text, and which of its queries it is, from 0 on."""

    doc: str
    number: int


Write = Callable[[Iterable[list[Request]]], Iterable[ShardResult]]  # shards → their `Writing`s, as object arrays


def write_missing(
    docs: Sequence[str], per_doc: int, space: Mapping[str, Any], write: Write, shard: int, ctx: Context
) -> Iterator[list[Writing]]:
    """Yield the queries of each document, in order; those that the memo has are not written again.

    space  what a query depends on beside the document's text and its number
    write  writes shards, in their order; each is kept when it is finished, but for writings that have a reason
    shard  how many queries are written, and then kept, together: of documents of similar length, the longest first
    """
    requests = [Request(doc, number) for doc in docs for number in range(per_doc)]
    keys = hash_texts(f"{request.number} {request.doc}" for request in requests)
    lengths = np.array([len(request.doc) for request in requests], np.int64)

    def cut(missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        return split_by_number(shard, missing[np.argsort(-lengths[missing], kind="stable")])

    def compute(shards: Iterable[NDArray[np.int64]]) -> Iterable[ShardResult]:
        return write([requests[place] for place in positions.tolist()] for positions in shards)

    memo = WritingMemo(ctx.open_memo({"queries": dict(space)}, PART))
    rows = compute_missing_pairs(keys, memo, cut, compute, np.dtype(object), ctx)
    for start in range(0, len(requests), per_doc):
        yield list(rows[start : start + per_doc])


def to_rows(writings: Sequence[Writing]) -> Rows:
    """Return writings as an array of objects, (n,)."""
    rows = np.empty(len(writings), object)
    rows[:] = writings
    return rows


class WritingMemo:
    """A memo whose rows are `Writing`s; the first part of each says how many bytes its text has."""

    def __init__(self, parts: Memo) -> None:
        self._parts = parts
        self._parts_a_text = 1.0

    @property
    def name(self) -> str:
        """That of the memo of parts."""
        return self._parts.name

    @property
    def rate(self) -> float | None:
        """Seconds that writing one query took, on average."""
        return None if self._parts.rate is None else self._parts.rate * self._parts_a_text

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which queries have all their parts, (n,), and those queries."""
        present, first = self._parts.get(derive_part_keys(keys, np.zeros(len(keys), np.int64)))
        more = np.maximum(-(-first["bytes"].astype(np.int64) // _BYTES), 1) - 1
        text = np.repeat(np.arange(len(first)), more)
        number = np.arange(len(text)) - np.repeat(np.cumsum(more) - more, more) + 1
        has_part, rest = self._parts.get(derive_part_keys(keys[present][text], number))
        n_parts = np.bincount(text[has_part], minlength=len(first))
        complete = n_parts == more
        present[present] = complete
        starts = np.concatenate(([0], np.cumsum(n_parts)))
        rows = [
            _join_parts(np.concatenate((first[row : row + 1], rest[starts[row] : starts[row + 1]])))
            for row in np.flatnonzero(complete).tolist()
        ]
        if len(first):
            self._parts_a_text = 1.0 + float(more.mean())
        return present, to_rows(rows)

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Keep queries, but for those that have a reason; return what is kept from now on."""
        kept = np.flatnonzero([not writing.reason for writing in rows])
        parts = [_split_text(rows[place]) for place in kept.tolist()]
        counts = np.array([len(part) for part in parts], np.int64)
        text = np.repeat(kept, counts)
        number = np.arange(len(text)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._parts.put(derive_part_keys(keys[text], number), np.concatenate([np.empty(0, PART), *parts]), seconds)
        present, stored = self.get(keys)
        rows = rows.copy()
        rows[present] = stored
        return rows


def _split_text(writing: Writing) -> Rows:
    data = writing.text.encode()
    parts = np.zeros(max(-(-len(data) // _BYTES), 1), PART)
    parts["logprob"] = np.nan if writing.logprob is None else writing.logprob
    parts["tokens"], parts["bytes"] = writing.tokens, len(data)
    padded = np.zeros(parts["text"].size, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    parts["text"] = padded.reshape(-1, _BYTES)
    return parts


def _join_parts(parts: Rows) -> Writing:
    first = parts[0]
    text = parts["text"].ravel()[: int(first["bytes"])].tobytes().decode()
    logprob = float(first["logprob"])
    return Writing(text, None if np.isnan(logprob) else logprob, int(first["tokens"]))
