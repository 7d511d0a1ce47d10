"""A retriever whose vectors cost nothing: hashed pairs of letters, the same for the same text on any machine."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, stage
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

DIMENSION = 64
_TEXTS = 10_000  # encoded at a time


@stage
class HashedVectors(Retriever):
    """Rank documents by the cosine of counts of hashed pairs of letters, over all documents exactly."""

    by_ranges: ClassVar[bool] = True
    name = "hashed_vectors"

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return tuple(
            Node(f"{__name__}:encode", 1, {}, (("texts", texts),), offline=True, label=f"vectors of {texts.label}")
            for texts in (sides.docs, sides.queries)
        )

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.inference.knn import search_nearest

        docs, query_vectors = (np.load(ctx.input_folder(at) / "vectors.npy", mmap_mode="r") for at in (0, 1))
        return search_nearest(query_vectors, docs, scope, k, "cosine")


def encode(job: Job) -> None:
    """Write the vectors of some texts, (n_texts, DIMENSION) float32."""
    texts: Texts = job.get_input("texts")
    read = texts.read(TextView(TITLE_AND_TEXT))
    vectors = np.lib.format.open_memmap(job.folder / "vectors.npy", "w+", np.float32, (len(texts), DIMENSION))
    for start in range(0, len(texts), _TEXTS):
        some = [next(read).encode() for _ in range(min(_TEXTS, len(texts) - start))]
        letters = np.frombuffer(b"".join(some), np.uint8).astype(np.int64)
        row = np.repeat(np.arange(len(some)), [len(text) for text in some])
        hashed = (31 * letters[:-1] + 7 * letters[1:]) % DIMENSION
        within = row[:-1] == row[1:]
        counts = np.bincount((row[:-1] * DIMENSION + hashed)[within], minlength=len(some) * DIMENSION)
        vectors[start : start + len(some)] = counts.reshape(-1, DIMENSION)
    vectors.flush()
