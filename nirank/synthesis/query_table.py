"""Synthetic queries, each with where it comes from, what was written, and why it was kept or dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class QueryTable:
    """Written queries in the order of their documents; nothing is ever taken out, what is dropped has a reason.

    docs      (n,) int64, row of the document that each is written for
    clusters  (n,) int64, the document's cluster; -1: none
    numbers   (n,) int64, which of its document's queries it is, from 0 on
    raw       (n,) what was written, as it was written
    queries   (n,) what is left of it after cleaning; before cleaning, the same as `raw`
    logprobs  (n,) float32, mean log-probability of the written tokens; NaN where the generator has none
    tokens    (n,) int32, how many tokens were written; 0 where the generator counts none
    reasons   (n,) '' for a query that is kept, else what dropped it, such as 'cleaning: empty'
    scores    {name of a filter: (n,) float32}, what filters measured; NaN for queries that were dropped before
    counts    what was written, kept and dropped, by reason
    """

    docs: Rows
    clusters: Rows
    numbers: Rows
    raw: Sequence[str]
    queries: Sequence[str]
    logprobs: NDArray[np.float32]
    tokens: NDArray[np.int32]
    reasons: Sequence[str]
    scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.docs)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which queries no rule or filter has dropped, (n,)."""
        return np.array([not reason for reason in self.reasons], np.bool_)

    def drop(self, dropped: NDArray[np.bool_], reason: str) -> QueryTable:
        """Return the table with a reason at some queries; those that have one already keep theirs."""
        reasons = [
            reason if now and not before else before for before, now in zip(self.reasons, dropped.tolist(), strict=True)
        ]
        return replace(self, reasons=reasons)

    def save(self, folder: Path) -> None:
        """Write queries.arrow and queries.json."""
        table = pa.table(
            {
                "doc": self.docs,
                "cluster": self.clusters,
                "number": self.numbers,
                "raw": pa.array(self.raw, pa.string()),
                "query": pa.array(self.queries, pa.string()),
                "logprob": self.logprobs,
                "tokens": self.tokens,
                "reason": pa.array(self.reasons, pa.string()),
                **{f"score: {name}": values for name, values in self.scores.items()},
            }
        )
        with pa.OSFile(str(folder / "queries.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        (folder / "queries.json").write_text(json.dumps({"counts": dict(self.counts)}, indent=1) + "\n")

    @classmethod
    def open(cls, folder: Path) -> QueryTable:
        """Read what `save` wrote."""
        with pa.memory_map(str(folder / "queries.arrow")) as file:
            table = pa.ipc.open_file(file).read_all()
        header: dict[str, Any] = json.loads((folder / "queries.json").read_text())
        arrays = {name: table[name].to_numpy() for name in ("doc", "cluster", "number", "logprob", "tokens")}
        texts = {name: table[name].to_pylist() for name in ("raw", "query", "reason")}
        scores = {
            name.removeprefix("score: "): table[name].to_numpy()
            for name in table.column_names
            if name.startswith("score: ")
        }
        return cls(
            arrays["doc"],
            arrays["cluster"],
            arrays["number"],
            texts["raw"],
            texts["query"],
            arrays["logprob"],
            arrays["tokens"],
            texts["reason"],
            scores,
            header["counts"],
        )
