"""Features of each topic's documents, for stages that learn from judgements: made once, whoever learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.values import find_changed_fields
from nirank.collections.text_view import TextView, View
from nirank.collections.texts import Texts
from nirank.feedback.features import TermFeatures, make_topic_tfidf
from nirank.feedback.policy import Features
from nirank.flow.scope import Scope, intersect_scopes

_COUNTED = 60  # bytes of memory a byte of text, while its terms are counted: most pairs of words occur once
_A_BYTE = 12  # and of the features that are made, with what a model keeps of them
_PARTS = ("data", "indices", "indptr")


def plan_term_features(sides: Sides, terms: TermFeatures, doc_text: View, query_text: View) -> Node:
    """Return the node of all topics' TF-IDF vectors, each fitted on the topic's own documents."""
    known = () if sides.known is None else (("known", sides.known),)
    return Node(
        f"{__name__}:extract_terms",
        1,
        {"terms": find_changed_fields(terms), "doc_text": doc_text, "query_text": query_text},
        (("docs", sides.docs), ("queries", sides.queries), *known, *(("scope", scope) for scope in sides.scope)),
        offline=True,
        memory=lambda sizes: MemoryNeed(_COUNTED * sizes.doc_bytes),
        stage=terms,
        label=f"terms of {sides.docs.label} by topic",
    )


def extract_terms(job: Job) -> None:
    """Write each topic's vectors, the topic's own text being the last of them."""
    docs: Texts = job.get_input("docs")
    queries: Texts = job.get_input("queries")
    scope = intersect_scopes(queries.ids, docs.ids, job.inputs.get("scope", ()))
    doc_view, query_view = TextView(job.params["doc_text"]), TextView(job.params["query_text"])
    topics = list(queries.read(query_view))
    for topic in job.context.track(range(len(queries)), len(queries), "extracting terms"):
        rows = list_topic_rows(scope, topic, next(iter(job.inputs.get("known", ())), None))
        texts = job.context.count_blank(docs.read(doc_view, rows), "empty_texts")
        vectors, of_topic = make_topic_tfidf(texts, topics[topic], job.stage)
        folder = job.folder / str(topic)
        folder.mkdir()
        for name, matrix in (("docs", vectors), ("topic", of_topic)):
            for part in _PARTS:
                np.save(folder / f"{name}.{part}.npy", getattr(matrix, part))
        np.save(folder / "rows.npy", rows)
        np.save(folder / "width.npy", vectors.shape[1])


def list_topic_rows(scope: Scope, topic: int, known: Any) -> NDArray[np.int64]:
    """Return the documents of a topic, ascending: those that may be shown, and those that were known before.

    known  judgements of the latter; None: there are none
    """
    rows = scope.list_rows(topic)
    listed = np.arange(len(scope.docs)) if rows is None else np.asarray(rows, np.int64)
    return listed if known is None else np.union1d(listed, list_known(known, topic)[0])


def list_known(known: Any, topic: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return the documents of a topic that were known before, and whether each is relevant."""
    part = slice(*known.offsets[topic : topic + 2].tolist())
    rows, grades = known.rows[part], known.grades[part]
    there = rows >= 0
    return rows[there], (grades[there] >= known.min_rel).astype(np.int8)


@dataclass(frozen=True)
class TermVectors:
    """TF-IDF vectors on disk."""

    folder: Path

    def read(self, topic: int, rows: NDArray[np.int64]) -> tuple[Features, Features]:
        """Return the features of a topic's documents, and of the topic's text."""
        from scipy.sparse import csr_matrix

        folder = self.folder / str(topic)
        width = int(np.load(folder / "width.npy"))
        docs, of_topic = (
            [np.load(folder / f"{name}.{part}.npy", mmap_mode="r") for part in _PARTS] for name in ("docs", "topic")
        )
        made_for = np.load(folder / "rows.npy")
        features = csr_matrix(tuple(docs), (len(made_for), width))
        if not np.array_equal(made_for, rows):
            features = features[np.searchsorted(made_for, rows)]
        return features, csr_matrix(tuple(of_topic), (1, width))


@dataclass(frozen=True)
class ModelVectors:
    """Vectors of a bi-encoder on disk: the documents', and the topics'."""

    docs: Path
    queries: Path

    def read(self, topic: int, rows: NDArray[np.int64]) -> tuple[Features, Features]:
        """Return the features of a topic's documents, and of the topic's text; unit length where cosines are meant."""
        from nirank.inference.encoder import read_vectors

        docs, stated = read_vectors(self.docs)
        queries, _ = read_vectors(self.queries)
        listed = self.docs / "rows.npy"
        places = np.searchsorted(np.load(listed), rows) if listed.exists() else rows
        return _prepare(docs[places], stated), _prepare(queries[topic : topic + 1], stated)


def _prepare(vectors: Any, stated: Mapping[str, Any]) -> NDArray[np.float64]:
    exact: NDArray[np.float64] = np.asarray(vectors, np.float64)
    if stated["similarity"] != "cosine":
        return exact
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(exact, lengths, where=lengths > 0, out=np.zeros_like(exact))
    return unit


def estimate_feature_memory(sizes: Sizes) -> MemoryNeed:
    """Return what the features of all documents take in memory: of a topic's at the most."""
    return MemoryNeed(_A_BYTE * sizes.doc_bytes)
