"""Learned sparse retrieval: texts as weighted vocabulary terms, such as SPLADE's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.model import Model
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._precision import resolve_precision

_MOST_TERMS = 1_000_000  # more than any vocabulary has

if TYPE_CHECKING:
    from nirank.inference.agreement import Answers


@stage
class Sparse(Retriever):
    """Rank documents by the dot product of learned term weights: `Sparse("naver/splade-v3")`.

    Models are sentence-transformers' SparseEncoder or masked language models trained as SPLADE. Documents are kept in
    an inverted index, and all that share a term with the query are scored; nothing is approximated.

    Formal et al., SIGIR 2021 and 2022.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    max_length: int | None = option(default=None, identity=False, help="tokens that are read of a text")
    doc_terms: int | None = option(default=None, identity=False, help="greatest weights kept of a document")
    query_terms: int | None = option(default=None, identity=False, help="greatest weights kept of a query")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")
    precision: Literal["float32", "bfloat16", "float16", "int8", "auto"] = option(
        default="float32", identity=False, help="of the transformer; weights are float32"
    )
    batch_tokens: int | None = option(default=None, identity=False, help="padded tokens in a batch; speed only")

    by_ranges: ClassVar[bool] = True

    name = "sparse"
    model_kind = "sparse_encoder"
    source = "Formal, Piwowarski and Clinchant, SIGIR 2021, section 3; max pooling: Formal et al., arXiv 2109.10086"

    def check(self) -> None:
        if not self.model:
            raise ConfigError("sparse: model is empty; expected a hub id, a folder, or pkg:PACKAGE/path")
        if self.max_length is not None and self.max_length < 3:
            raise ConfigError(f"sparse: max_length must leave room for a token, got {self.max_length}")
        for name in ("doc_terms", "query_terms"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"sparse: {name} must be 1 or more, got {value}")

    def resolve_options(self, sides: Sides) -> Self:
        return resolve_precision(self, sides.device, _answer_sample)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        docs = self._make_node(sides.docs, "document", self.doc_text, self.doc_terms, offline=True)
        queries = self._make_node(sides.queries, "query", self.query_text, self.query_terms, offline=False)
        inputs = (("vectors", docs),)
        label = f"postings of {sides.docs.label}"
        postings = Node(f"{__name__}:build_index", 1, {}, inputs, offline=True, label=label, movable=True)
        return postings, queries

    def _make_node(
        self, texts: Node, side: Literal["query", "document"], view: View, terms: int | None, *, offline: bool
    ) -> Node:
        from nirank.inference.models import resolve_model
        from nirank.inference.sparse import SparseEncoding

        model = resolve_model(self.model, self.revision)
        model.check_modules(sparse=True)
        assert self.precision != "auto", "decided before anything is planned"
        encoding = SparseEncoding(model, side, self.max_length, terms, self.precision, self.batch_tokens)
        params: dict[str, Any] = encoding.to_params() | ({} if view == TITLE_AND_TEXT else {"text": view})
        label = f"sparse vectors of {texts.label}"
        inputs = (("texts", texts), *model.inputs)
        return Node(
            f"{__name__}:encode_texts",
            1,
            params,
            inputs,
            offline=offline,
            memory=encoding.estimate_memory,
            stage=encoding,
            label=label,
        )

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.inference.sparse_search import estimate_search_memory

        return estimate_search_memory(sizes.docs)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.inference.sparse_search import search_sparse

        return search_sparse(ctx.input_folder(0), ctx.input_folder(1), scope, k)


def encode_texts(job: Job) -> None:
    """Encode one side."""
    from nirank.inference.sparse import encode_sparse

    texts: Texts = job.get_input("texts")
    view = TextView(job.params.get("text", TITLE_AND_TEXT))
    read = job.context.count_blank(texts.read(view), "empty_texts")
    encode_sparse(read, len(texts), job.stage, job.folder, job.context)


def build_index(job: Job) -> None:
    """Invert the documents' vectors."""
    from nirank.inference.sparse_search import invert_vectors

    invert_vectors(job.get_input("vectors"), job.folder)


def _answer_sample(candidate: Sparse, folder: Path, ctx: Context) -> Answers:
    """Encode the sample, as dense vectors over the terms that occur."""
    from nirank.inference.agreement import SAMPLE
    from nirank.inference.models import resolve_model
    from nirank.inference.sparse import SparseEncoding, encode_sparse

    assert candidate.precision != "auto"
    encoding = SparseEncoding(
        resolve_model(candidate.model, candidate.revision),
        "document",
        candidate.max_length,
        None,
        candidate.precision,
    )
    encode_sparse(SAMPLE, len(SAMPLE), encoding, folder, ctx)
    offsets, terms, weights = (np.load(folder / f"{name}.npy") for name in ("offsets", "terms", "weights"))
    weights_by_term: Answers = np.zeros((len(SAMPLE), _MOST_TERMS), np.float32)
    weights_by_term[np.repeat(np.arange(len(SAMPLE)), np.diff(offsets)), terms] = weights
    return weights_by_term
