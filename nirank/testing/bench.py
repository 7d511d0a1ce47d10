"""A small collection, and what is needed to run one stage on it."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.testing.law import copy_arrays, demand, run_law


def small_collection() -> Collection:
    """Return twelve short documents and six queries: ties, twins, dates, an empty text, a query without matches."""
    docs: dict[str, dict[str, Any]] = {
        "d01": {"title": "Wine", "text": "red wine is made from dark grapes and kept in oak"},
        "d02": {"title": "Apples", "text": "a red apple and a green apple"},
        "d03": {"title": "", "text": "green pears ripen late"},
        "d04": {"title": "Sky", "text": "the sky is blue above the sea"},
        "d05": {"title": "", "text": ""},
        "d06": {"title": "Sea", "text": "the sea is salt and the sea is deep and the sea is cold"},
        "d07": {"title": "", "text": "red wine"},
        "d08": {"title": "", "text": "red wine"},
        "d09": {"title": "Oak", "text": "oak is a hard wood"},
        "d10": {"title": "Bread", "text": "bread is made from wheat, water and salt"},
        "d11": {"title": "", "text": "salt water"},
        "d12": {"title": "Grapes", "text": "dark grapes and green grapes grow on vines " * 8},
    }
    queries = {
        "q1": "red wine",
        "q2": "salt sea water",
        "q3": "",
        "q4": "zyzzyva qwertz",
        "q5": "green apple or green grapes",
        "q6": "oak wood " * 20,
    }
    for (id, doc), date in zip(docs.items(), ("2001", "2003-04", "2005-06-07", "2007", None, "x") * 2, strict=True):
        docs[id] = {**doc, "metadata": {"date": date}} if date else doc
    dated_queries = {
        id: {"text": text, **({"metadata": {"date": date}} if date else {})}
        for (id, text), date in zip(queries.items(), ("2003", "2005-06-07", None) * 2, strict=True)
    }
    qrels = {"q1": {"d07": 1, "d01": 1}, "q2": {"d11": 2}, "q5": {"d02": 1, "d12": 0}}
    return Collection.of(docs, dated_queries, qrels, name="check", split="test")


class Bench:
    """A stage on a small collection, and its inputs, computed when first asked for."""

    def __init__(self, stage: Any, collection: Collection, folder: Path) -> None:
        self.collection, self.folder = collection, folder
        self.queries, self.docs = collection.queries, collection.docs
        leaf = Node.leaf("texts", "", "texts")
        self.stage = stage.resolve_options(Sides(leaf, leaf, device="cpu"))
        self.random = np.random.default_rng(13)
        self._opened: dict[str, Any] = {}

    def make_context(self, queries: Texts, scope: Scope | None = None) -> Context:
        """Return a context with the stage's inputs opened."""
        sides = Sides(
            self._leaf(queries), self._leaf(self.docs), collection=self.collection.name, split=self.collection.split
        )
        context = Context(queries, self.docs, scope=scope, device="cpu", stage=self.stage.name)
        if "judgements" in self.stage.reads and self.collection.qrels:
            rows = self.queries.ids.find_rows(list(queries.ids))
            context.qrels = next(iter(self.collection.qrels.values())).take(rows, queries.ids)
        context.inputs = tuple(self._open(node) for node in self.stage.plan_inputs(sides))
        return context

    def _leaf(self, texts: Texts) -> Node:
        self._opened[texts.digest] = texts
        return Node.leaf("texts", texts.digest, "texts")

    def _open(self, node: Node) -> Any:
        if node.address in self._opened:
            return self._opened[node.address]
        inputs: dict[str, list[Any]] = {}
        for role, below in node.inputs:
            inputs.setdefault(role, []).append(self._open(below))
        folder = self.folder / node.address
        folder.mkdir()
        module, function = node.task.split(":")
        queries, docs = (inputs.get(role, [None])[0] for role in ("queries", "docs"))
        context = Context(queries, docs, tuple(inputs.get("need", ())), device="cpu", stage=node.label)
        task = getattr(importlib.import_module(module), function)
        result = task(Job(node.params, inputs, folder, context, node.stage, node.depth))
        if result is not None:
            result.save(folder)
        value: Any = folder
        if node.kind == "texts":
            value = Texts.open(folder)
        elif node.kind in ("ranking", "pairs", "scope"):
            opener: Any = {"ranking": Ranking, "pairs": Pairs, "scope": Scope}[node.kind]
            value = opener.open(folder, queries.ids, docs.ids)
        self._opened[node.address] = value
        return value

    def search(self, queries: Texts, scope: Scope, k: int | None, law: str) -> Pairs:
        """Search, and see that the result is sound and inside the scope."""
        with run_law(self.stage, law):
            pairs: Pairs = self.stage.search(queries, scope, k, self.make_context(queries, scope))
        self.check_result(pairs, queries, law)
        demand(bool(scope.allows(pairs.query_rows, pairs.rows).all()), self.stage, law, "a result is outside the scope")
        longest = int(pairs.counts.max(initial=0))
        demand(k is None or longest <= k, self.stage, law, f"a query got {longest} documents, asked for {k}")
        return pairs

    def combine(self, lists: Sequence[Pairs], queries: Texts, scope: Scope, law: str) -> Pairs:
        """Combine, and see that the result is sound, inside the scope, and that the inputs are as they were."""
        before = pickle.dumps([copy_arrays(ranking) for ranking in lists])
        with run_law(self.stage, law):
            pairs: Pairs = self.stage.combine(lists, self.make_context(queries, scope))
        self.check_result(pairs, queries, law)
        demand(bool(scope.allows(pairs.query_rows, pairs.rows).all()), self.stage, law, "a result is outside the scope")
        same = before == pickle.dumps([copy_arrays(ranking) for ranking in lists])
        demand(same, self.stage, "inputs not changed", f"a list was changed ({law})")
        return pairs

    def check_result(self, pairs: Any, queries: Texts, law: str) -> None:
        """See that a list is what the stage's kind promises."""
        wanted = Ranking if self.stage.gives == "ranking" else Pairs
        demand(isinstance(pairs, wanted), self.stage, law, f"expected a {wanted.__name__}, got {type(pairs).__name__}")
        ours = pairs.queries == queries.ids and pairs.docs == self.docs.ids
        demand(ours, self.stage, law, "the result is over other queries or documents")
        rows = (pairs.query_rows, pairs.rows)
        with run_law(self.stage, law):  # building again finds NaN, unknown rows and repeats
            if isinstance(pairs, Ranking):
                scores: NDArray[np.floating] = pairs.scores
                again: Pairs = Ranking.build(queries.ids, self.docs.ids, *rows, scores, source=self.stage.name)
            else:
                again = Pairs.build(queries.ids, self.docs.ids, *rows, source=self.stage.name)
        ordered = np.array_equal(again.rows, pairs.rows)
        demand(ordered, self.stage, law, "the result is not in standard order; make it with build()")

    def make_scope(self) -> Scope:
        """Return a scope of a mask, pairs, own documents and documents had before at once."""
        n, m = len(self.queries), len(self.docs)
        mask = self.random.random(m) < 0.7
        q, d = np.nonzero(self.random.random((n, m)) < 0.7)
        pairs = Pairs.build(self.queries.ids, self.docs.ids, q, d, source="check")
        had = Pairs.build(
            self.queries.ids, self.docs.ids, *np.nonzero(self.random.random((n, m)) < 0.2), source="check"
        )
        return Scope(self.queries.ids, self.docs.ids, mask, pairs, self.random.integers(-1, m, n), excluded=had)

    def make_lists(self, n: int, scope: Scope | None = None) -> list[Ranking]:
        """Return rankings with ties, of different depths; the second query has no results."""
        rankings = []
        for i in range(n):
            chosen = self.random.random((len(self.queries), len(self.docs))) < 0.6
            chosen[1:2] = False
            q, d = np.nonzero(chosen)
            if scope is not None:
                inside = scope.allows(q, d)
                q, d = q[inside], d[inside]
            precision: type[np.floating] = np.float32 if i % 2 else np.float64
            scores = self.random.integers(-4, 5, len(q)).astype(precision)
            rankings.append(Ranking.build(self.queries.ids, self.docs.ids, q, d, scores, source="check", depth=4 + i))
        return rankings

    def split_queries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of the queries in two parts."""
        rows = self.random.permutation(len(self.queries))
        return np.sort(rows[::2]), np.sort(rows[1::2])
