"""Cross-encoder: score query and document read together."""

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
    from nirank.inference.models import ModelFiles
    from nirank.inference.pair_scores import PairScoring


@stage
class CrossEncoder(Scorer):
    """Score each pair with a model that reads both texts together: `bm25 >> CrossEncoder("org/name")`.

    Scores are the model's raw output (logits) in float32, so that nothing saturates; an activation is applied only
    where it is named. Only the document is cut to the model's length. A model with several outputs needs `label`.

    Nogueira and Cho, arXiv 1901.04085.
    """

    model: Model = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a trained model")
    prompt: str | None = option(default=None, identity=False, help="put in front of every query; '' for none")
    max_length: int | None = option(default=None, help="tokens of query and document together")
    activation: Literal["none", "sigmoid", "tanh"] = option(default="none", help="applied to the raw output")
    label: int | None = option(default=None, help="which of several outputs is the score")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")
    precision: Literal["float32", "bfloat16", "float16", "int8", "auto"] = option(
        default="float32", help="of the model; scores are float32; auto: the fastest that agrees"
    )
    batch_tokens: int | None = option(default=None, identity=False, help="padded tokens in a batch; changes speed only")

    name = "cross_encoder"
    model_kind = "cross_encoder"
    uses_memo = True
    source = "Nogueira and Cho, arXiv 1901.04085, section 3"

    def check(self) -> None:
        if not self.model:
            raise ConfigError("cross_encoder: model is empty; expected a hub id, a folder, or pkg:PACKAGE/path")
        if self.max_length is not None and self.max_length < 5:
            raise ConfigError(f"cross_encoder: max_length must leave room for two texts, got {self.max_length}")
        if self.label is not None and self.label < 0:
            raise ConfigError(f"cross_encoder: label must be 0 or more, got {self.label}")

    def resolve_options(self, sides: Sides) -> Self:
        return resolve_precision(self, sides.device, _answer_sample)

    def describe_identity(self) -> dict[str, Any]:
        from nirank.inference.models import resolve_model
        from nirank.inference.pair_scores import HEAD

        model = resolve_model(self.model, self.revision)
        prompt = {"prompt": self._choose_prompt(model)} if self._choose_prompt(model) else {}
        return {**super().describe_identity(), "model": model.loaded_identity, **prompt, **HEAD.get(self.precision, {})}

    def _choose_prompt(self, model: ModelFiles) -> str:
        return model.pair_prompt if self.prompt is None else self.prompt

    def _make_scoring(self, model: ModelFiles) -> PairScoring:
        from nirank.inference.pair_scores import PairScoring

        assert self.precision != "auto", "decided before anything is planned"
        return PairScoring(
            model, self._choose_prompt(model), self.max_length, self.label, self.precision, self.batch_tokens
        )

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.inference.models import resolve_model

        read = min(sizes.listed_pairs, sizes.queries * self.depth)
        return self._make_scoring(resolve_model(self.model, self.revision)).estimate_memory(
            sizes._replace(listed_pairs=read)
        )

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        from nirank.inference.models import resolve_model
        from nirank.inference.pair_scores import ACTIVATIONS, score_pairs

        model = resolve_model(self.model, self.revision)
        scoring = self._make_scoring(model)
        queries, docs, rows = read_pair_texts(pairs, ctx, TextView(self.query_text), TextView(self.doc_text))
        scores = ACTIVATIONS[self.activation](score_pairs(queries, docs, rows, scoring, ctx))
        ctx.declare("activation", self.activation)
        return scores


def _answer_sample(candidate: CrossEncoder, folder: Path, ctx: Context) -> Answers:
    """Score every pair of the sample's texts."""
    from nirank.inference.agreement import SAMPLE, centre_scores
    from nirank.inference.models import resolve_model
    from nirank.inference.pair_scores import PairScoring, score_pairs

    assert candidate.precision != "auto"
    model = resolve_model(candidate.model, candidate.revision)
    scoring = PairScoring(
        model, candidate._choose_prompt(model), candidate.max_length, candidate.label, candidate.precision
    )
    pairs = np.argwhere(np.ones((len(SAMPLE), len(SAMPLE))))
    return centre_scores(score_pairs(SAMPLE, SAMPLE, pairs, scoring, ctx))
