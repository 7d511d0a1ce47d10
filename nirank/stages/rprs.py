"""Re-ranking by proportional relevance of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import Model
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._part_vectors import encode_parts
from nirank.stages.dense import Dense
from nirank.stages.sentences import join_sentences

if TYPE_CHECKING:
    from nirank.inference.encoder import Encoding

_A_SENTENCE = 100  # characters of a sentence, at the least


@stage
class RPRS(Combiner):
    """Order the head of each list by how much of the query finds a document, and how much of it is found.

    The sentences of a list's first `depth` documents are a pool. Each sentence of the query finds the n of the pool
    that are nearest by cosine. A document's score is the share of the query's sentences that find one of its own, times
    the share of its own sentences that are found, where finding more, and being found more often, counts as BM25 counts
    frequencies, by k1 and b (`nirank.inference.proportional_relevance`); with k1 = 0 they are plain shares. Below
    `depth` the old order stays. Vectors are those of `dense`, of all sentences of all documents, and computed once.

    Askari, Verberne, Abolghasemi, Kraaij and Pasi, TOIS 2023 (RPRS): the idea and its three parameters; the formula is
    ours, made from the paper's description.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    n: int = option(default=10, help="sentences that each of the query's finds")
    k1: float = option(default=1.2, help="how slowly finding more saturates; 0: presence only")
    b: float = option(default=0.75, help="how strongly the number of a document's sentences counts against it, 0 to 1")
    sentences: int = option(default=1, identity=False, help="how many sentences are one")
    depth: int = option(default=100, help="how many documents of each list are ordered")
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    max_length: int | None = option(default=None, identity=False, help="tokens that are read of a sentence")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")

    name = "rprs"
    model_kind = "bi_encoder"
    source = "Askari et al., TOIS 2023 (arXiv 2303.01200): the abstract's description; the formula is ours"

    def check(self) -> None:
        self._dense.check()
        if self.n < 1 or self.depth < 1 or self.sentences < 1:
            raise ConfigError(
                f"rprs: n, depth and sentences must be 1 or more, got {self.n}, {self.depth}, {self.sentences}"
            )
        if self.k1 < 0 or not 0 <= self.b <= 1:
            raise ConfigError(f"rprs: k1 must be 0 or more and b from 0 to 1, got {self.k1} and {self.b}")

    @property
    def _dense(self) -> Dense:
        return Dense(self.model, max_length=self.max_length, revision=self.revision)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        views = {"document": self.doc_text, "query": self.query_text}
        nodes = []
        for side, node in zip(views, self._dense.plan_inputs(replace(sides, scope=())), strict=True):
            params = {**node.params, "sentences": self.sentences, "view": views[side]}
            label = node.label.replace("vectors", "vectors of sentences")
            nodes.append(replace(node, task="nirank.stages.rprs:encode_sentences", params=params, label=label))
        return tuple(nodes)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the sentences of a list's head take, with the products of one of the query's."""
        per_doc = sizes.doc_bytes / max(sizes.docs, 1) / _A_SENTENCE + 1
        pool = int(min(self.depth, sizes.docs) * per_doc)
        per_query = int(sizes.query_bytes / max(sizes.queries, 1) / _A_SENTENCE + 1)
        return MemoryNeed(4 * self._dense.find_dimension() * (2 * pool + 2 * per_query) + 64 * pool)

    def describe_conventions(self) -> Mapping[str, Any]:
        names = ("n", "k1", "b", "sentences", "depth")
        return {"model": str(self.model), **{name: getattr(self, name) for name in names}}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        from nirank.inference.proportional_relevance import score_proportions

        ranking = lists[0]
        docs, doc_offsets = _open_sentences(ctx, 0)
        queries, query_offsets = _open_sentences(ctx, 1)
        mean_length = max(float(np.diff(doc_offsets).mean()), 1.0)
        scores = np.minimum(self.depth - ranking.ranks, 0).astype(np.float64)  # those below count down from -1
        names = range(len(ranking.queries))
        for query in ctx.track(names, len(names), "finding sentences"):
            start, end = ranking.offsets[query : query + 2].tolist()
            head = slice(start, min(end, start + self.depth))
            rows = np.asarray(ranking.rows[head], np.int64)
            lengths = doc_offsets[rows + 1] - doc_offsets[rows]
            pool = [docs[doc_offsets[row] : doc_offsets[row + 1]] for row in rows.tolist()]
            scores[head] = score_proportions(
                _normalise(queries[query_offsets[query] : query_offsets[query + 1]]),
                _normalise(np.concatenate(pool)) if pool else np.empty((0, docs.shape[1]), np.float32),
                np.concatenate(([0], np.cumsum(lengths))),
                mean_length,
                n=self.n,
                k1=self.k1,
                b=self.b,
            )
        return ranking.rescore(scores, source=self.name)


def _open_sentences(ctx: Context, side: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    folder = ctx.input_folder(side)
    return np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "offsets.npy")


def _normalise(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    exact = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(exact, lengths, where=lengths > 0, out=np.zeros_like(exact))
    return unit.astype(np.float32)


def _split_text(text: str, sentences: int) -> list[str]:
    """Return a text's sentences, none of a blank one."""
    return [part for part in join_sentences(text, sentences) if part]


def encode_sentences(job: Job) -> None:
    """Encode the sentences of one side's texts."""
    texts: Texts = job.get_input("texts")
    view = TextView(job.params["view"])
    how: Encoding = job.stage
    split = partial(_split_text, sentences=job.params["sentences"])
    np.save(job.folder / "offsets.npy", encode_parts(partial(texts.read, view), split, how, job.folder, job.context))
