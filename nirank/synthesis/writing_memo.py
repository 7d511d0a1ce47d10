"""Written queries in a memo, by text and number: what is interrupted or extended writes only what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Rows, hash_texts
from nirank.base.parted_memo import PartedMemo
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


class WritingMemo(PartedMemo):
    """A memo whose rows are `Writing`s; those that have a reason are not kept."""

    part, length, width = PART, "bytes", _BYTES

    def split(self, value: Writing) -> Rows:
        if value.reason:
            return np.empty(0, PART)
        data = value.text.encode()
        parts = np.zeros(self.count_parts(len(data)), PART)
        parts["logprob"] = np.nan if value.logprob is None else value.logprob
        parts["tokens"], parts["bytes"] = value.tokens, len(data)
        padded = np.zeros(parts["text"].size, np.uint8)
        padded[: len(data)] = np.frombuffer(data, np.uint8)
        parts["text"] = padded.reshape(-1, _BYTES)
        return parts

    def join(self, parts: Rows) -> Writing:
        first = parts[0]
        text = parts["text"].ravel()[: int(first["bytes"])].tobytes().decode()
        logprob = float(first["logprob"])
        return Writing(text, None if np.isnan(logprob) else logprob, int(first["tokens"]))
