"""What a step works on: a batch's texts as inputs of a model, and which of them are whose positives and negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.training.examples import Examples
from nirank.training.losses import mask_known
from nirank.training.tokens import Ids, TextReader, TokenReader

Batch = dict[str, Any]


class _SideTokens:
    """The tokens of some of the examples' texts, found by text number."""

    def __init__(self, examples: Examples, rows: NDArray[np.int64], reader: TextReader, prompt: str) -> None:
        self.rows = np.unique(rows)
        self.tokens = reader.read(examples.texts.take(self.rows).to_pylist(), prompt)

    def get(self, row: int) -> Ids:
        return self.tokens.get(int(np.searchsorted(self.rows, row)))

    def count_tokens(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.tokens.lengths[np.searchsorted(self.rows, rows)]


class Collator:
    """Makes batches of example numbers; texts are tokenised when it is made, each once.

    prompts  in front of queries and of documents
    A batch has `inputs`, passes through the model, `place`, where each row stands among their outputs, and what
    the losses need: `lists`, (b, 1 + n) rows, the positive first; `present`, (b, 1 + n), which of them there are;
    `teacher`, (b, 1 + n), where there is one.
    """

    def __init__(self, examples: Examples, reader: TextReader, prompts: tuple[str, str]) -> None:
        self.examples, self.reader = examples, reader
        docs = np.concatenate((examples.positives, examples.negatives))
        self.queries = _SideTokens(examples, examples.queries, reader, prompts[0])
        self.docs = _SideTokens(examples, docs, reader, prompts[1])

    def __call__(self, at: Sequence[int]) -> Batch:
        """Return the batch of some examples."""
        raise NotImplementedError

    def count_example_tokens(self) -> NDArray[np.int64]:
        """Return the tokens that the model reads of each example, (n,)."""
        examples = self.examples
        queries = self.queries.count_tokens(examples.queries)
        docs = self.docs.count_tokens(np.concatenate((examples.positives, examples.negatives)))
        positives, negatives = np.split(docs, [len(examples)])
        owner = np.repeat(np.arange(len(examples)), np.diff(examples.offsets))
        tokens = self._count_read(queries, positives)
        np.add.at(tokens, owner, self._count_read(queries[owner], negatives) - self._count_shared(queries[owner]))
        return tokens

    def _count_read(self, queries: NDArray[np.int64], docs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens that are read of queries and of one document each."""
        raise NotImplementedError

    def _count_shared(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens of queries that further documents of theirs do not bring again."""
        raise NotImplementedError

    def _list_documents(self, at: Sequence[int]) -> tuple[NDArray[np.int64], Batch]:
        """Return the text numbers of examples' documents, (b, 1 + n), -1 for none, and what the losses need of them."""
        import torch

        examples = self.examples
        starts, ends = examples.offsets[list(at)], examples.offsets[[example_at + 1 for example_at in at]]
        shape = (len(at), 1 + int((ends - starts).max(initial=0)))
        docs, teacher = np.full(shape, -1, np.int64), np.zeros(shape, np.float32)
        for row, (example, start, end) in enumerate(zip(at, starts.tolist(), ends.tolist(), strict=True)):
            size = 1 + end - start
            docs[row, 0], docs[row, 1:size] = examples.positives[example], examples.negatives[start:end]
            if examples.scores is not None:
                teacher[row, :size] = examples.scores[start + example : end + example + 1]
        batch = {"present": torch.from_numpy(docs >= 0)}
        if examples.scores is not None:
            batch["teacher"] = torch.from_numpy(teacher)
        return docs, batch


class EncoderCollator(Collator):
    """Batches of an encoder: rows are the distinct queries of the batch, then its distinct documents.

    Beside that `n_queries`, `queries`, (b,) rows, `positives`, (b,), and `lists` among the documents; `mask`,
    (b, documents): those that are no negatives of a query.
    """

    def __init__(self, examples: Examples, reader: TextReader, prompts: tuple[str, str]) -> None:
        super().__init__(examples, reader, prompts)
        self.known = examples.known[np.argsort(examples.known[:, 0], kind="stable")]

    def __call__(self, at: Sequence[int]) -> Batch:
        """Return the batch of some examples."""
        import torch

        docs, batch = self._list_documents(at)
        query_texts = self.examples.queries[list(at)]
        queries, query_at = np.unique(query_texts, return_inverse=True)
        distinct = np.unique(docs[docs >= 0])
        rows = [self.reader.frame_text(self.queries.get(row)) for row in queries.tolist()]
        rows += [self.reader.frame_text(self.docs.get(row)) for row in distinct.tolist()]
        inputs, place = self.reader.split_passes(rows)
        lists = np.searchsorted(distinct, np.maximum(docs, distinct[0]))
        return {
            **batch,
            "inputs": inputs,
            "place": place,
            "n_queries": len(queries),
            "queries": torch.from_numpy(query_at),
            "positives": torch.from_numpy(lists[:, 0].copy()),
            "lists": torch.from_numpy(lists),
            "mask": torch.from_numpy(mask_known(query_texts, distinct, self.known)),
        }

    def count_truncated(self, ctx: Context) -> None:
        """Count texts that are longer than the model reads."""
        for name, side in (("truncated_queries", self.queries), ("truncated_documents", self.docs)):
            ctx.count(name, int((side.tokens.lengths > self.reader.text_limit).sum()))

    def _count_read(self, queries: NDArray[np.int64], docs: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._count_shared(queries) + np.minimum(docs, self.reader.text_limit)

    def _count_shared(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.minimum(queries, self.reader.text_limit)


class PairCollator(Collator):
    """Batches of a cross-encoder: rows are pairs of a query and a document."""

    reader: TokenReader

    def __call__(self, at: Sequence[int]) -> Batch:
        """Return the batch of some examples."""
        import torch

        docs, batch = self._list_documents(at)
        rows = []
        for query, doc_texts in zip(self.examples.queries[list(at)].tolist(), docs.tolist(), strict=True):
            ids = self.queries.get(query)
            rows += [self.reader.frame_pair(ids, self.docs.get(doc)) for doc in doc_texts if doc >= 0]
        inputs, place = self.reader.split_passes(rows)
        lists = np.where(docs >= 0, np.cumsum(docs >= 0).reshape(docs.shape) - 1, 0)
        return {**batch, "inputs": inputs, "place": place, "lists": torch.from_numpy(lists)}

    def count_truncated(self, ctx: Context) -> None:
        """Count pairs whose document is cut, and queries that leave no room for one."""
        examples, limit = self.examples, self.reader.limit
        owner = np.repeat(np.arange(len(examples)), np.diff(examples.offsets))
        queries = self.queries.count_tokens(examples.queries)
        special = self.reader.limit - self.reader.query_limit - 1
        for query_lengths, docs in ((queries, examples.positives), (queries[owner], examples.negatives)):
            pair_lengths = np.minimum(query_lengths, self.reader.query_limit) + self.docs.count_tokens(docs) + special
            ctx.count("truncated_documents", int((pair_lengths > limit).sum()))
        ctx.count("truncated_queries", int((self.queries.tokens.lengths > self.reader.query_limit).sum()))

    def _count_read(self, queries: NDArray[np.int64], docs: NDArray[np.int64]) -> NDArray[np.int64]:
        special = self.reader.limit - self.reader.query_limit - 1
        return np.asarray(np.minimum(queries + docs + special, self.reader.limit))

    def _count_shared(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros_like(queries)
