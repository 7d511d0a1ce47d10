"""MaxSim: late interaction between the tokens of query and document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import Model
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Scorer, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.stages._precision import resolve_precision
from nirank.stages._texts import read_pair_texts

if TYPE_CHECKING:
    from nirank.inference.agreement import Answers
    from nirank.inference.late import TokenEncoding
    from nirank.inference.models import ModelFiles


@stage
class MaxSim(Scorer):
    """Score each pair by the sum, over the query's tokens, of the greatest cosine with a document token.

    Takes models made for late interaction (sentence-transformers' MultiVectorEncoder, PyLate, ColBERT), with their
    prompts and projections, and any other encoder, whose own token vectors are used: `bm25 >> MaxSim("org/name")`.

    Khattab and Zaharia, SIGIR 2020, section 3.3.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    max_length: int | None = option(default=None, help="tokens that are read of a document")
    query_length: int | None = option(default=None, help="tokens that are read of a query")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")
    precision: Literal["float32", "bfloat16", "float16", "int8", "auto"] = option(
        default="float32", help="of the transformer; scores are float32; auto: the fastest that agrees"
    )
    batch_tokens: int | None = option(default=None, identity=False, help="padded tokens in a batch; changes speed only")

    name = "max_sim"
    model_kind = "bi_encoder"
    uses_memo = True
    source = "Khattab and Zaharia, SIGIR 2020, section 3.3"

    def check(self) -> None:
        if not self.model:
            raise ConfigError("max_sim: model is empty; expected a hub id, a folder, or pkg:PACKAGE/path")
        for name in ("max_length", "query_length"):
            value = getattr(self, name)
            if value is not None and value < 3:
                raise ConfigError(f"max_sim: {name} must leave room for a token and two special ones, got {value}")

    def resolve_options(self, sides: Sides) -> Self:
        return resolve_precision(self, sides.device, _answer_sample)

    def describe_identity(self) -> dict[str, Any]:
        from nirank.inference.models import resolve_model

        return {**super().describe_identity(), "model": resolve_model(self.model, self.revision).loaded_identity}

    def _make_encoding(self, model: ModelFiles) -> TokenEncoding:
        from nirank.inference.late import TokenEncoding

        assert self.precision != "auto", "decided before anything is planned"
        return TokenEncoding(model, self.max_length, self.query_length, self.precision, self.batch_tokens)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.inference.models import resolve_model

        read = min(sizes.listed_pairs, sizes.queries * self.depth)
        return self._make_encoding(resolve_model(self.model, self.revision)).estimate_memory(
            sizes._replace(listed_pairs=read)
        )

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        from nirank.inference.late import maxsim
        from nirank.inference.models import resolve_model

        model = resolve_model(self.model, self.revision)
        encoding = self._make_encoding(model)
        queries, docs, rows = read_pair_texts(pairs, ctx, TextView(self.query_text), TextView(self.doc_text))
        return maxsim(queries, docs, rows, encoding, ctx)


def _answer_sample(candidate: MaxSim, folder: Path, ctx: Context) -> Answers:
    """Score every pair of the sample's texts."""
    from nirank.inference.agreement import SAMPLE, centre_scores
    from nirank.inference.late import TokenEncoding, maxsim
    from nirank.inference.models import resolve_model

    assert candidate.precision != "auto"
    model = resolve_model(candidate.model, candidate.revision)
    encoding = TokenEncoding(model, candidate.max_length, candidate.query_length, candidate.precision)
    pairs = np.argwhere(np.ones((len(SAMPLE), len(SAMPLE))))
    return centre_scores(maxsim(SAMPLE, SAMPLE, pairs, encoding, ctx))
