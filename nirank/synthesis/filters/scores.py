"""Filters that keep the best queries by a number: a pipeline's score, a ratio of likelihoods, a log-probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.algebra.pipeline import RANKED_OR_NOT, Pipeline
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.flow.ranking import Ranking
from nirank.synthesis.filters.base import Filter, Inputs, KeptQueries, Verdict
from nirank.synthesis.kept_texts import pair_sources
from nirank.training.mined_data import score_to_the_end
from nirank.training.mining import look_up_scores
from nirank.training.training_data import require_sources


@dataclass(frozen=True)
class ScoreFilter(Filter):
    """Keep the share of queries that a pipeline scores highest with their documents.

    of     scores pairs: a scorer such as `CrossEncoder(…)`, or any pipeline, which is asked for these pairs alone
    share  of all queries together, whatever their document: one threshold, a percentile of all scores

    Gospodinov, MacAvaney and Macdonald, doc2query--, ECIR 2023, where the share is 0.3. A pair without a score comes
    behind all others; of equal scores at the threshold all are kept.
    """

    of: Pipeline
    share: float = 0.3

    name: ClassVar[str] = "score"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        check_share(self.name, self.share)
        _check_scoring(self.name, self.of)

    @property
    def title(self) -> str:
        return f"best {100 * self.share:g} % by score"

    def describe_identity(self) -> Mapping[str, Any]:
        return {"share": self.share}

    def plan_inputs(self, queries: Sides, written: Node) -> Inputs:
        return (("list", _score_sources(self.of, queries, written)),)

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        scores = _read_scores(self.name, inputs["list"][0], queries)
        return Verdict(keep_best(scores, share=self.share), scores.astype(np.float32))

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class LikelihoodRatio(Filter):
    """Keep the queries that a model of the domain finds likelier than a general one does, by their ratio.

    of     scores pairs by log-likelihood under the model of the domain, such as `QueryLikelihood(…)` with a model that
           was tuned on queries of the domain
    base   the same under the model that it was tuned from
    share  of all queries together that is kept

    Measures log p(query | document) under `of` minus that under `base`, which cancels how common a text is; what is
    fluent and unlike the domain is low. Zhang et al., Your Finetuned Large Language Model is Already a Powerful
    Out-of-distribution Detector, 2024.
    """

    of: Pipeline
    base: Pipeline
    share: float = 0.95

    name: ClassVar[str] = "likelihood_ratio"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        check_share(self.name, self.share)
        for role in ("of", "base"):
            _check_scoring(self.name, getattr(self, role))

    @property
    def title(self) -> str:
        return f"best {100 * self.share:g} % by likelihood ratio"

    def describe_identity(self) -> Mapping[str, Any]:
        return {"share": self.share}

    def plan_inputs(self, queries: Sides, written: Node) -> Inputs:
        return tuple(("list", _score_sources(pipeline, queries, written)) for pipeline in (self.of, self.base))

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        domain, general = (_read_scores(self.name, ranking, queries) for ranking in inputs["list"])
        ratios = domain - general
        return Verdict(keep_best(ratios, share=self.share), ratios.astype(np.float32))

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class LogProbability(Filter):
    """Keep the queries of which the generator was surest, by the mean log-probability of their tokens.

    n      at most so many of them all, or
    share  this share

    Bonifacio et al., InPars, SIGIR 2022, where n is 10,000 of 100,000. Generators without log-probabilities are
    refused. Of equal ones at the threshold all are kept.
    """

    n: int | None = None
    share: float | None = None

    name: ClassVar[str] = "log_probability"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        if (self.n is None) == (self.share is None):
            raise ConfigError(f"{self.name}: expected n or share, one of the two")
        if self.n is not None and self.n < 1:
            raise ConfigError(f"{self.name}: n must be 1 or more, got {self.n}")
        if self.share is not None:
            check_share(self.name, self.share)

    @property
    def title(self) -> str:
        best = f"{self.n:,}" if self.n is not None else f"{100 * (self.share or 0):g} %"
        return f"best {best} by log-probability"

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        scores = queries.logprobs.astype(np.float64)
        if len(scores) and np.isnan(scores).all():
            raise DataError(
                f"{self.name}: the generator gives no log-probabilities; expected a language model that does, or"
                " another filter"
            )
        return Verdict(keep_best(scores, n=self.n, share=self.share), queries.logprobs)

    def __repr__(self) -> str:
        return to_expression(self)


def keep_best(scores: NDArray[np.float64], *, n: int | None = None, share: float | None = None) -> NDArray[np.bool_]:
    """Tell which scores are among the n best, or the best share, rounded up, (n_scores,); all that are equal there.

    What has no score, NaN, is never kept.
    """
    if share is not None:
        n = int(np.ceil(share * len(scores) - 1e-9))
    known = np.sort(scores[~np.isnan(scores)])[::-1]
    if not len(known) or not n:
        return np.zeros(len(scores), np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(scores >= known[min(n, len(known)) - 1])


def _score_sources(pipeline: Pipeline, queries: Sides, written: Node) -> Node:
    """Return the computation that scores written queries with their documents."""
    pairs = pair_sources(queries, written)
    return require_sources(queries).compile_pipeline(score_to_the_end(pipeline), queries, pairs)


def _read_scores(name: str, ranking: Any, queries: KeptQueries) -> NDArray[np.float64]:
    if not isinstance(ranking, Ranking):
        raise DataError(f"{name}: the pipeline gives pairs without scores; expected scores")
    return look_up_scores(ranking, np.arange(len(queries)), queries.docs)


def _check_scoring(name: str, pipeline: Pipeline) -> None:
    if pipeline.gives not in RANKED_OR_NOT:
        raise ConfigError(f"{name}: expected a pipeline that scores documents, got {pipeline!r}")


def check_share(name: str, share: float) -> None:
    """Raise ConfigError for what is no share."""
    if not 0 < share <= 1:
        raise ConfigError(f"{name}: share must lie in (0, 1], got {share}")
