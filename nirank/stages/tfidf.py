"""TF-IDF over character n-grams: the lexical blocker that neural ones have to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

_A_BYTE = 60  # bytes of memory a byte of text, while its n-grams are counted


@stage
class TFIDF(Retriever):
    """Rank by the cosine of TF-IDF vectors over character n-grams within words, or over words.

    scikit-learn's vectoriser with its defaults (lower case, smooth idf, unit length). Fitted on both sides together, as
    blocking does it, a score depends on all queries; fitted on the documents, on its own query alone.
    Only records that share an n-gram are returned. Equal texts are searched once, and share their results.

    Paulsen, Govind and Doan, Sparkly, PVLDB 16(6), 2023.
    """

    analyzer: Literal["char_wb", "char", "word"] = option(default="char_wb", help="char_wb: n-grams within words")
    ngrams: tuple[int, int] = option(default=(3, 5), help="shortest and longest n-gram")
    fit: Literal["both", "docs"] = option(default="both", help="texts that idf is counted over: both sides', or docs")
    sublinear: bool = option(default=False, help="1 + ln(tf) for tf")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")

    name = "tfidf"
    source = "Paulsen, Govind and Doan, PVLDB 16(6), 2023; scikit-learn's TfidfVectorizer"

    def check(self) -> None:
        if len(self.ngrams) != 2 or not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ConfigError(f"tfidf: ngrams are the shortest and the longest, such as [3, 5], got {self.ngrams}")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        options = self.identity_options
        params: Mapping[str, Any] = {name: value for name, value in options.items() if name != "k"}
        inputs = (("docs", sides.docs), ("queries", sides.queries))
        vectors_node = Node(
            f"{__name__}:vectorise_texts",
            2,
            params,
            inputs,
            offline=True,
            memory=_estimate_vectorising,
            stage=self,
            label=f"TF-IDF vectors of {sides.docs.label}",
        )
        index = Node(
            f"{__name__}:build_index",
            1,
            inputs=(("vectors", vectors_node),),
            offline=True,
            label=f"postings of {sides.docs.label}",
        )
        return vectors_node, index

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.inference.sparse_search import estimate_search_memory

        return estimate_search_memory(sizes.docs)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.inference.sparse_search import search_sparse

        vectors = ctx.input_folder(0)
        doc_vectors, query_vectors = (np.load(vectors / side / "vectors.npy") for side in ("docs", "queries"))
        return search_sparse(
            ctx.input_folder(1),
            vectors / "queries",
            scope,
            k,
            doc_vectors=doc_vectors,
            query_vectors=query_vectors,
        )

    def describe_conventions(self) -> Mapping[str, Any]:
        options = {"analyzer": self.analyzer, "ngrams": list(self.ngrams), "fit": self.fit, "sublinear": self.sublinear}
        return {**options, "doc_text": str(TextView(self.doc_text)), "query_text": str(TextView(self.query_text))}


def _estimate_vectorising(sizes: Sizes) -> MemoryNeed:
    return MemoryNeed(_A_BYTE * (sizes.query_bytes + sizes.doc_bytes))


def vectorise_texts(job: Job) -> None:
    """Fit on both sides, and write the vectors of each."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    tfidf: TFIDF = job.stage
    docs: Texts = job.get_input("docs")
    queries: Texts = job.get_input("queries")
    vectoriser = TfidfVectorizer(
        analyzer=tfidf.analyzer, ngram_range=tfidf.ngrams, sublinear_tf=tfidf.sublinear, dtype=np.float32
    )
    views = (TextView(tfidf.doc_text), TextView(tfidf.query_text))
    alone = tfidf.fit == "docs" or (docs.digest == queries.digest and tfidf.doc_text == tfidf.query_text)
    try:
        vectoriser.fit(docs.read(views[0]) if alone else chain(docs.read(views[0]), queries.read(views[1])))
    except ValueError:  # no text has an n-gram: nothing is alike
        vectoriser = None
    for side, texts, view in (("docs", docs, views[0]), ("queries", queries, views[1])):
        vectors: list[int] = []
        distinct = _select_distinct(texts.read(view), vectors)
        if vectoriser is None or not len(texts):
            matrix = csr_matrix((sum(1 for _ in distinct), 0))
        else:
            matrix = vectoriser.transform(distinct)
        _write_vectors(matrix, np.array(vectors, np.int64), job.folder / side)


def _select_distinct(texts: Iterable[str], vectors: list[int]) -> Iterator[str]:
    """Yield each text once, and note for every text which of those it is."""
    known: dict[bytes, int] = {}
    for text in texts:
        n_known = len(known)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        vectors.append(known.setdefault(digest, n_known))
        if len(known) > n_known:
            yield text


def _write_vectors(matrix: Any, vectors: NDArray[np.int64], folder: Path) -> None:
    """Write a sparse matrix as vector i owning offsets[i]:offsets[i + 1] of terms and weights, and each text's vector.

    vectors  (n_texts,) rows of the matrix; equal texts have the same
    """
    folder.mkdir()
    matrix.sort_indices()
    np.save(folder / "offsets.npy", matrix.indptr.astype(np.int64))
    np.save(folder / "terms.npy", matrix.indices.astype(np.int32))
    np.save(folder / "weights.npy", matrix.data.astype(np.float32))
    np.save(folder / "vectors.npy", vectors)


def build_index(job: Job) -> None:
    """Invert the documents' vectors."""
    from nirank.inference.sparse_search import invert_vectors

    invert_vectors(job.get_input("vectors") / "docs", job.folder)
