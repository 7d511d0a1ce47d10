"""Dense retrieval: texts as vectors of a bi-encoder, exact nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, get_args

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
from nirank.stages._part_vectors import encode_means
from nirank.stages._precision import resolve_precision
from nirank.stages.windows import split_windows

Side = Literal["query", "document"]

if TYPE_CHECKING:
    from nirank.inference.agreement import Answers
    from nirank.inference.encoder import Encoding
    from nirank.inference.models import ModelFiles


@stage
class Dense(Retriever):
    """Rank documents by the similarity of their vector to the query's, over all documents exactly.

    Vectors are sentence-transformers'. Prompts, maximum length, pooling, normalisation and similarity are
    the model's own unless given. A blank text has the zero vector. A depth of all documents is not a cut.
    A model reads the beginning of a long text; with `windows` a text's vector is the mean of its windows' vectors.

    Karpukhin et al., EMNLP 2020; Reimers and Gurevych, EMNLP 2019.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    query_prompt: str | None = option(default=None, identity=False, help="put before every query; '' for none")
    doc_prompt: str | None = option(default=None, identity=False, help="put before every document; '' for none")
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    max_length: int | None = option(default=None, identity=False, help="tokens that are read of a text")
    pooling: str | None = option(default=None, identity=False, help="mean, cls, max …")
    normalise: bool | None = option(default=None, identity=False, help="vectors to unit length")
    similarity: Literal["cosine", "dot", "euclidean"] | None = option(default=None, help="how vectors are compared")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")
    precision: Literal["float32", "bfloat16", "float16", "int8", "auto"] = option(
        default="float32", identity=False, help="of the transformer; scores are float32; auto: the fastest that agrees"
    )
    storage: Literal["float32", "float16"] = option(
        default="float32", identity=False, help="of vectors on disk; scores are float32"
    )
    batch_tokens: int | None = option(default=None, identity=False, help="padded tokens in a batch; changes speed only")
    windows: int | None = option(
        default=None,
        identity=False,
        help="words of a window, whose vectors' mean is the text's [its beginning is read]",
    )

    by_ranges: ClassVar[bool] = True
    reads_listed: ClassVar[bool] = True  # where lists say which documents a query may see, only these are encoded

    name = "dense"
    model_kind = "bi_encoder"
    source = "Karpukhin et al., EMNLP 2020, section 3.1; exact search"

    def check(self) -> None:
        from nirank.inference.similarity import check_similarity

        if not self.model:
            raise ConfigError("dense: model is empty; expected a hub id, a folder, or pkg:PACKAGE/path")
        if self.max_length is not None and self.max_length < 3:
            raise ConfigError(
                f"dense: max_length must leave room for a token and two special ones, got {self.max_length}"
            )
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise ConfigError(f"dense: batch_tokens must be 1 or more, got {self.batch_tokens}")
        if self.windows is not None and self.windows < 1:
            raise ConfigError(f"dense: windows must be 1 or more words, got {self.windows}")
        if self.similarity is not None:
            check_similarity(self.similarity)

    def resolve_options(self, sides: Sides) -> Self:
        return resolve_precision(self, sides.device, _answer_sample)

    def _make_encoding(self, model: ModelFiles, side: Side) -> Encoding:
        from nirank.inference.encoder import Encoding

        assert self.precision != "auto", "decided before anything is planned"
        named_prompt = self.query_prompt if side == "query" else self.doc_prompt
        prompt = model.get_prompt(side) if named_prompt is None else named_prompt
        options = (self.max_length, self.pooling, self.normalise, self.precision, self.storage, self.batch_tokens)
        return Encoding(model, prompt, *options, side=side if model.sides_differ else None)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.inference.models import resolve_model
        from nirank.inference.similarity import check_similarity

        model = resolve_model(self.model, self.revision)
        model.check_modules()
        check_similarity(self.similarity or model.similarity)
        self._warn(model)
        nodes = []
        encodings: tuple[tuple[Side, Node, View], ...] = (
            ("document", sides.docs, self.doc_text),
            ("query", sides.queries, self.query_text),
        )
        for side, texts, view in encodings:
            encoding = self._make_encoding(model, side)
            params = encoding.to_params() | ({} if view == TITLE_AND_TEXT else {"text": view})
            params |= {} if self.windows is None else {"windows": self.windows}
            label = f"vectors of {texts.label}"
            inputs = (("texts", texts), *model.inputs)
            node = Node(
                "nirank.stages.dense:encode_texts",
                1,
                params,
                inputs,
                offline=texts is sides.docs,
                memory=encoding.estimate_memory,
                stage=encoding,
                label=label,
            )
            lists = tuple(listed for listed in sides.scope if listed.kind in ("ranking", "pairs"))
            # Lists that come from these vectors themselves, as buckets do, spare nothing.
            if lists and side == "document" and self.reads_listed and not any(node in of.walk() for of in lists):
                within = tuple(("within", listed) for listed in lists)
                node = replace(node, inputs=(*inputs, *within), label=f"{label} that lists name")
            nodes.append(node)
        return tuple(nodes)

    def _warn(self, model: ModelFiles) -> None:
        """Warn about what the model's files leave open, or say in vain."""
        from nirank.inference.models import warn_guessed_pooling, warn_idle_prompts, warn_missing_prompts

        unprompted = self.query_prompt is None and self.doc_prompt is None
        if unprompted and (idle := model.idle_prompts):
            warn_idle_prompts(model.name, tuple(idle))
        elif model.family_needs_prompts and not any(self._make_encoding(model, side).prompt for side in get_args(Side)):
            warn_missing_prompts(model.name)
        if self.pooling is None and model.guessed_pooling is not None:
            warn_guessed_pooling(model.name, model.guessed_pooling)

    def find_dimension(self) -> int:
        """Return the length of the vectors, as the model's configuration says."""
        from nirank.inference.device import read_hidden_size
        from nirank.inference.models import resolve_model

        return read_hidden_size(resolve_model(self.model, self.revision))

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the queries' vectors take, as they are and of unit length; documents come by blocks."""
        return MemoryNeed(8 * sizes.queries * self.find_dimension())

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.inference.encoder import read_vectors
        from nirank.inference.knn import search_nearest

        docs, stated = read_vectors(ctx.input_folder(0))
        query_vectors, _ = read_vectors(ctx.input_folder(1))
        similarity = self.similarity or stated["similarity"]
        ctx.declare("similarity", similarity)
        listed_rows = ctx.input_folder(0) / "rows.npy"
        return search_nearest(
            query_vectors, docs, scope, k, similarity, np.load(listed_rows) if listed_rows.exists() else None
        )


def encode_texts(job: Job) -> None:
    """Encode one side, or those of its texts that all lists have that say which may be seen."""
    from nirank.inference.encoder import encode

    texts: Texts = job.get_input("texts")
    view = TextView(job.params.get("text", TITLE_AND_TEXT))
    rows = intersect_rows(job.inputs.get("within", ()))
    if rows is not None:
        np.save(job.folder / "rows.npy", rows)
    if "windows" in job.params:
        job.context.count("empty_texts", sum(not text.strip() for text in texts.read(view, rows)))
        split = partial(split_windows, words=job.params["windows"])
        encode_means(partial(texts.read, view, rows), split, job.stage, job.folder, job.context)
        return
    read = job.context.count_blank(texts.read(view, rows), "empty_texts")
    encode(read, len(texts) if rows is None else len(rows), job.stage, job.folder, job.context)


def intersect_rows(lists: Sequence[Pairs]) -> NDArray[np.int64] | None:
    """Return the rows of the documents that all lists have, of whatever queries, ascending; None: no lists."""
    rows = [np.unique(np.asarray(pairs.rows, np.int64)) for pairs in lists]
    return reduce(partial(np.intersect1d, assume_unique=True), rows) if rows else None


def _answer_sample(candidate: Dense, folder: Path, ctx: Context) -> Answers:
    """Encode the sample."""
    from nirank.inference.agreement import SAMPLE
    from nirank.inference.encoder import encode, read_vectors
    from nirank.inference.models import resolve_model

    model = resolve_model(candidate.model, candidate.revision)
    encode(SAMPLE, len(SAMPLE), candidate._make_encoding(model, "document"), folder, ctx)
    return np.array(read_vectors(folder)[0], np.float32)
