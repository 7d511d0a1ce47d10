"""Retrieval by centroids of word vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import Model
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocks import split_into_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@stage
class Centroid(Retriever):
    """Rank documents by the cosine of TF-IDF-weighted centroids of word vectors, of texts of any length.

        c(x) = Σ tf(t, x) × idf(t) × vector(t) / Σ tf(t, x) × idf(t)

    Words are the tokens of the model's tokenizer, vectors its input embeddings: nothing else of it is used, so a text
    costs its tokens. Static embeddings of sentence-transformers are such models too. idf is BM25's over the documents;
    tokens that none has, and unknown ones, have no weight. A blank text has the zero vector, whose cosine is 0.

    Brokos, Malakasiotis and Androutsopoulos, BioNLP 2016; W2V-CENT of Chalkidis et al., EACL 2021.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")

    name = "centroid"
    model_kind = "bi_encoder"
    source = "Brokos, Malakasiotis and Androutsopoulos, BioNLP 2016, section 2; idf of BM25"

    def check(self) -> None:
        if not self.model:
            raise ConfigError("centroid: model is empty; expected a hub id, a folder, or pkg:PACKAGE/path")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.inference.models import resolve_model
        from nirank.inference.word_vectors import WordVectors

        model = resolve_model(self.model, self.revision)
        model.check_modules()
        how = WordVectors(model)

        def plan_centroids(texts: Node, view: View, docs: Node | None) -> Node:
            params = {"model": model.loaded_identity, **({} if view == TITLE_AND_TEXT else {"text": view})}
            counted = () if docs is None else (("counted", docs),)
            return Node(
                "nirank.stages.centroid:build_centroids",
                1,
                params,
                (("texts", texts), *counted, *model.inputs),
                offline=docs is None,
                memory=how.estimate_memory,
                stage=how,
                label=f"centroids of {texts.label}",
            )

        docs = plan_centroids(sides.docs, self.doc_text, None)
        return docs, plan_centroids(sides.queries, self.query_text, docs)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the queries' vectors take, as they are and of unit length; documents come by blocks."""
        from nirank.inference.device import read_hidden_size
        from nirank.inference.models import resolve_model

        return MemoryNeed(8 * sizes.queries * read_hidden_size(resolve_model(self.model, self.revision)))

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.inference.knn import search_nearest

        docs, asked = (np.load(ctx.input_folder(side) / "vectors.npy", mmap_mode="r") for side in (0, 1))
        return search_nearest(asked, docs, scope, k, "cosine")


def build_centroids(job: Job) -> None:
    """Write the centroids of one side's texts; of documents also how many have each token."""
    from nirank.inference.word_vectors import compute_centroids, compute_idf, count_tokens, open_word_vectors

    texts: Texts = job.get_input("texts")
    vectors = open_word_vectors(job.stage)
    read = job.context.count_blank(texts.read(TextView(job.params.get("text", TITLE_AND_TEXT))), "empty_texts")
    blocks = (block for _, block in split_into_blocks(job.context.track(read, len(texts), "counting words")))
    counts: Iterable[csr_matrix] = count_tokens(blocks, vectors)
    if "counted" in job.inputs:
        df, n = _read_frequencies(job.get_input("counted"))
    else:
        kept = list(_keep_counts(counts, job.folder))
        df = np.zeros(len(vectors.matrix), np.int64)
        for matrix in _read_counts(kept):
            df += np.bincount(matrix.indices, minlength=len(df))
        n = sum(int((np.diff(matrix.indptr) > 0).sum()) for matrix in _read_counts(kept))
        np.save(job.folder / "df.npy", df)
        (job.folder / "facts.json").write_text(json.dumps({"documents": n}))
        counts = _read_counts(kept, remove=True)
    idf = compute_idf(df, n)
    shape = (len(texts), vectors.matrix.shape[1])
    centroids = np.lib.format.open_memmap(job.folder / "vectors.npy", "w+", np.float32, shape)
    first = 0
    for matrix in counts:
        end = first + matrix.shape[0]
        centroids[first:end] = compute_centroids(matrix, idf, vectors)
        first = end
    centroids.flush()


def _keep_counts(counts: Iterable[csr_matrix], folder: Path) -> Iterator[Path]:
    """Write counts to files, and yield those."""
    from scipy.sparse import save_npz

    for at, matrix in enumerate(counts):
        path = folder / f"counts-{at}.npz"
        save_npz(path, matrix, compressed=False)
        yield path


def _read_counts(paths: Iterable[Path], *, remove: bool = False) -> Iterator[Any]:
    from scipy.sparse import load_npz

    for path in paths:
        yield load_npz(path)
        if remove:
            path.unlink()


def _read_frequencies(folder: Path) -> tuple[NDArray[np.int64], int]:
    return np.load(folder / "df.npy"), json.loads((folder / "facts.json").read_text())["documents"]
