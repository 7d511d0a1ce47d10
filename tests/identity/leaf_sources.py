"""Training sources whose queries, documents and judgements are leaves, for tests of addresses."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Sequence

from nirank.algebra.judged import Judged, OnOverlap, hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides, WrittenData
from nirank.base.identity import digest
from nirank.collections.texts import Texts
from nirank.plan.compile import compile_pipeline

METADATA = {**dict.fromkeys(("date", "title", "mean", "text"), "2001"), "key": ["a"], "keyx": "b"}
TEXTS = Texts.of({id: {"title": "t", "text": "x", "metadata": METADATA} for id in map(str, range(100))})


class LeafSources:
    """Stands for the experiment: judged queries and whole collections are leaves that their names tell apart."""

    def open_judged(self, judged: Judged, use: str, grade: int | None = None) -> Sides:
        content = dataclasses.replace(judged, on_overlap=None)
        leaves = [Node.leaf("texts", digest([repr(content), side]), side) for side in ("queries", "docs", "judgements")]
        return Sides(leaves[0], leaves[1], judgements=leaves[2], training_sources=self)

    def compile_pipeline(self, pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
        return compile_pipeline(pipeline, sides, upstream)

    def open_collection(self, source: str | None) -> Sides:
        return Sides(*(Node.leaf("texts", digest([source, side]), side) for side in ("queries", "docs")))

    def get_texts(self, node: Node) -> Texts:
        return TEXTS

    def find_overlap(
        self, queries: Iterable[str], what: str, on_overlap: OnOverlap, key: Hashable, docs: Node | None = None
    ) -> frozenset[str]:
        return frozenset(sorted(set(queries))[:1]) if on_overlap == "drop" else frozenset()

    def find_evaluated_documents(
        self, docs: Node, what: str, on_overlap: OnOverlap, splits: Sequence[str]
    ) -> tuple[int, ...]:
        splits = [*splits, *(["evaluated"] if on_overlap == "drop" else [])]
        return tuple(hash_with_salt(split, "row") % len(self.get_texts(docs)) for split in splits)

    def list_evaluated_queries(self) -> tuple[Node, ...]:
        return (Node.leaf("texts", "evaluated", "evaluated"),)

    def list_evaluated_candidates(self) -> tuple[tuple[Node, Node], ...]:
        return ((Node.leaf("texts", "evaluated docs", "docs"), Node.leaf("scope", "candidates", "candidates")),)

    def note_written(self, data: WrittenData) -> None:
        pass
