"""Query likelihood: how likely a language model finds the query after reading the document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
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
    from nirank.inference.query_likelihoods import LikelihoodScoring


@stage
class QueryLikelihood(Scorer):
    """Score each pair by how likely a causal language model finds the query after the document.

    `bm25 >> QueryLikelihood("org/name", depth=20)`. A score is the mean log-probability of the query's tokens behind
    the prompt, (1/|q|) Σ log p(q_t | prompt, q_<t); nothing is trained. The model may be a .gguf file.

    Sachan et al., EMNLP 2022 (UPR), whose prompt is the default.
    """

    model: str = option(identity=False, help="hub id, folder, pkg:PACKAGE/path, or a .gguf file")
    prompt: str | None = option(
        default=None, identity=False, help="with {document}; the query follows [Passage: … Please write a question …]"
    )
    chat: bool = option(default=False, help="frame the prompt by the model's chat template")
    max_length: int | None = option(default=512, help="tokens of prompt and query together; null: the model's")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    revision: str | None = option(default=None, identity=False, help="branch, tag or commit of a hub model")
    precision: Literal["float32", "bfloat16", "float16", "auto"] = option(
        default="float32", help="of the model; probabilities are float32; auto: the fastest that agrees"
    )
    batch_tokens: int | None = option(default=None, identity=False, help="padded tokens in a batch; changes speed only")

    name = "query_likelihood"
    uses_memo = True
    source = "Sachan et al., EMNLP 2022, section 2.1"

    def check(self) -> None:
        from nirank.inference.query_likelihoods import split_prompt

        if not self.model:
            raise ConfigError(
                "query_likelihood: model is empty; expected a hub id, a folder, pkg:PACKAGE/path or a .gguf file"
            )
        if self.max_length is not None and self.max_length < 16:
            raise ConfigError(f"query_likelihood: max_length must leave room for a prompt, got {self.max_length}")
        split_prompt(self._prompt, "query_likelihood")

    @property
    def _prompt(self) -> str:
        from nirank.inference.query_likelihoods import UPR

        return UPR if self.prompt is None else self.prompt

    def resolve_options(self, sides: Sides) -> Self:
        return resolve_precision(self, sides.device, _answer_sample)

    def describe_identity(self) -> dict[str, Any]:
        from nirank.inference.models import resolve_model

        model = resolve_model(self.model, self.revision)
        return {**super().describe_identity(), "model": model.loaded_identity, "prompt": self._prompt}

    def _make_scoring(self) -> LikelihoodScoring:
        from nirank.inference.models import resolve_model
        from nirank.inference.query_likelihoods import LikelihoodScoring

        assert self.precision != "auto", "decided before anything is planned"
        model = resolve_model(self.model, self.revision)
        return LikelihoodScoring(model, self._prompt, self.chat, self.max_length, self.precision, self.batch_tokens)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        read = min(sizes.listed_pairs, sizes.queries * self.depth)
        return self._make_scoring().estimate_memory(sizes._replace(listed_pairs=read))

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        from nirank.inference.query_likelihoods import score_likelihoods

        queries, docs, rows = read_pair_texts(pairs, ctx, TextView(self.query_text), TextView(self.doc_text))
        return score_likelihoods(queries, docs, rows, self._make_scoring(), ctx)


def _answer_sample(candidate: QueryLikelihood, folder: Path, ctx: Context) -> Answers:
    """Score every pair of the sample's texts."""
    from nirank.inference.agreement import SAMPLE, centre_scores
    from nirank.inference.query_likelihoods import score_likelihoods

    pairs = np.argwhere(np.ones((len(SAMPLE), len(SAMPLE))))
    return centre_scores(score_likelihoods(SAMPLE, SAMPLE, pairs, candidate._make_scoring(), ctx))
