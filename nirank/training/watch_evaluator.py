"""The watched lists under the model as it stands: texts are tokenised once, and encoded or scored at every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.training.objectives import Objective
from nirank.training.tokens import Ids, TextReader
from nirank.training.watched_lists import WatchedLists

_PAIRS = 4096  # whose products are summed at a time

Rows = list[tuple[Ids, Ids]]


class WatchEvaluator:
    """Measures a model on watched lists; training does not notice it."""

    def __init__(
        self, watched: WatchedLists, objective: Objective, reader: TextReader, prompts: tuple[str, str]
    ) -> None:
        self.watched, self.objective, self.reader = watched, objective, reader
        self.queries, self.docs = reader.read(watched.queries, prompts[0]), reader.read(watched.docs, prompts[1])

    def value(self, model: Any) -> float:
        """Return the measure's mean; raise DataError where no watched query is judged."""
        import torch

        devices = [model.device] if model.device.type == "cuda" else []
        training = model.training
        model.eval()
        try:
            with torch.random.fork_rng(devices), torch.no_grad():
                value = self.watched.measure_scores(self.scores(model))
        finally:
            model.train(training)
        if not np.isfinite(value):
            raise DataError(f"training: {self.watched.measure} of the watched queries is {value}; are they judged?")
        return value

    def scores(self, model: Any) -> NDArray[np.float32]:
        """Return the model's scores of the watched pairs, (n_pairs,)."""
        at = self.watched.at
        if self.objective.kind == "cross_encoder":
            return self._score_pairs(model)
        queries = self._encode_texts(model, self.queries, self.watched.queries)
        docs = self._encode_texts(model, self.docs, self.watched.docs)
        scores = np.empty(len(at), np.float32)
        for first in range(0, len(at), _PAIRS):
            pairs = at[first : first + _PAIRS]
            query_vectors, doc_vectors = queries[pairs[:, 0]], docs[pairs[:, 1]]
            products = (
                query_vectors * doc_vectors
                if isinstance(query_vectors, np.ndarray)
                else query_vectors.multiply(doc_vectors)
            )
            scores[first : first + _PAIRS] = np.asarray(products.sum(1)).ravel()
        return scores

    def _encode_texts(self, model: Any, tokens: Any, texts: Sequence[str]) -> Any:
        """Return texts' vectors, dense or as a sparse matrix; a blank text's is zero, as in encoding."""
        rows = [self.reader.frame_text(tokens.get(at)) for at in range(len(tokens))]
        if self.objective.kind == "bi_encoder":
            vectors: Any = np.zeros((len(rows), model.get_embedding_dimension()), np.float32)
        else:
            vectors = np.zeros(len(rows), object)

        def keep(batch: list[int], outputs: NDArray[np.float32]) -> None:
            for row, vector in zip(batch, outputs, strict=True):
                vectors[row] = vector if vectors.dtype != object else _to_sparse(vector)

        text_rows = [row for row, text in enumerate(texts) if text.strip()]
        width = self._run_batches(model, rows, text_rows, keep)
        if vectors.dtype != object:
            return vectors
        from scipy.sparse import csr_array

        for row in np.flatnonzero(vectors == 0):
            vectors[row] = (np.empty(0, np.int32), np.empty(0, np.float32))
        offsets = np.concatenate(([0], np.cumsum([len(ids) for ids, _ in vectors])))
        ids, weights = (np.concatenate(parts) for parts in zip(*vectors, strict=True))
        return csr_array((weights, ids, offsets), shape=(len(rows), width))

    def _score_pairs(self, model: Any) -> NDArray[np.float32]:
        pairs = self.watched.at.tolist()
        rows = [self.reader.frame_pair(self.queries.get(query), self.docs.get(doc)) for query, doc in pairs]
        scores = np.empty(len(rows), np.float32)

        def keep(batch: list[int], outputs: NDArray[np.float32]) -> None:
            scores[batch] = outputs

        self._run_batches(model, rows, range(len(rows)), keep)
        return scores

    def _run_batches(self, model: Any, rows: Rows, batch_rows: Sequence[int], keep: Any) -> int:
        """Call `keep` with rows and what the model makes of them; return how wide that is."""
        width = 0

        def prepare(batch: list[int]) -> Any:
            return self.reader.pad_rows([rows[row] for row in batch])

        def run(batch: list[int], padded: Any) -> None:
            nonlocal width
            inputs = {name: value.to(model.device) for name, value in padded.items()}
            outputs = self.objective.compute_outputs(model, [inputs]).cpu().numpy()
            width = outputs.shape[-1]
            keep(batch, outputs)

        lengths = np.array([len(ids) for ids, _ in rows], np.int64)
        if len(batch_rows):
            run_in_batches(lengths, batch_rows, choose_token_budget(model.device.type, None), prepare, run)
        return width


def _to_sparse(vector: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    ids = np.flatnonzero(vector)
    return ids, vector[ids]
