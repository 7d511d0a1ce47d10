"""Learned weights: what a sum of lists gives each, so that relevant documents stand above others on some queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.learned_sum import LearnedSum
from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import TrainingSources
from nirank.algebra.stage import Retriever, Scorer, walk_stages
from nirank.errors import NirankError
from nirank.flow.pairs import merge_keys
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.compile import compile_pipeline
from nirank.stages.weighted_sum import normalise

Float64 = NDArray[np.float64]
HINGE = "hinge loss"
LEARN = f"{__name__}:learn"  # the task


class Comparisons(NamedTuple):
    """Pairs of a relevant document and another of the same query.

    margins     (n, n_lists) float64: normalised scores of the first less those of the second
    deviations  (n_lists,) standard deviations of the normalised scores, over the compared documents
    skipped     relevant documents that no list has; `queries`: with any comparison
    """

    margins: Float64
    deviations: Float64
    skipped: int
    queries: int


def make_weights_node(learned: LearnedSum, sources: TrainingSources) -> Node:
    """Return the computation that learns the weights of a sum."""
    sides = sources.open_judged(learned.on, "tuned")
    assert sides.judgements is not None, "checked where judged queries are opened"
    lists = [compile_pipeline(pipeline, sides) for pipeline in learned.of]  # asked by the queries, also where both ask
    inputs = (
        ("queries", sides.queries),
        ("docs", sides.docs),
        ("judgements", sides.judgements),
        *(("list", node) for node in lists),
    )
    params = {name: getattr(learned, name) for name in ("normalise", "negatives", "depth", "seed")}
    label = f"learn {len(lists)} weights on {sides.queries.label}"
    return Node(LEARN, 1, params, inputs, offline=True, training=True, stage=learned, label=label)


def learn(job: Job) -> None:
    """Learn the weights and keep them in `choice.json`; of a re-ranker and what it re-ranks in `mixture.json` too."""
    qrels, params = job.get_input("judgements"), job.params
    draw = (params["negatives"], params["depth"], params["seed"])
    compared = compare(job.inputs["list"], qrels, params["normalise"], *draw)
    job.context.count("relevant_documents_not_listed", compared.skipped)
    if not len(compared.margins):
        raise NirankError("learned_sum: no list has a relevant document and another; there is nothing to learn from")
    weights = minimise_hinge(compared.margins)
    if not weights.any():
        raise NirankError(
            "learned_sum: no list puts relevant documents above others on the queries that it learns from; there are"
            " no weights to give"
        )
    equal = np.ones(len(weights))
    names = {"learned": weights / weights.sum(), "equal": equal / len(weights)}
    losses = {"learned": measure_hinge(compared.margins, weights), "equal": _scale_hinge(compared.margins, equal)}
    learned = tuple(round(weight, 6) for weight in names["learned"].tolist())
    candidates = [
        {"pipeline": repr(job.stage.decide({"weights": each})), "value": losses[name]}
        for name, each in (("learned", learned), ("equal", tuple(names["equal"].tolist())))
    ]
    choice = {
        "chosen": 0,
        "pipeline": candidates[0]["pipeline"],
        "measure": HINGE,
        "candidates": candidates,
        "queries": compared.queries,
        "weights": learned,
        "deviations": compared.deviations.tolist(),
    }
    (job.folder / "choice.json").write_text(json.dumps(choice, indent=1, ensure_ascii=False) + "\n")
    mixture = describe_mixture(job.stage.of, learned, compared.deviations.tolist())
    if mixture is not None:
        (job.folder / "mixture.json").write_text(json.dumps(mixture, indent=1) + "\n")


def compare(lists: Sequence[Ranking], qrels: Qrels, how: Any, negatives: int, depth: int, seed: int) -> Comparisons:
    """Draw documents to compare each listed relevant one with, and return by how much it is ahead in each list."""
    keys = merge_keys([ranking.cut(depth).keys for ranking in lists])
    n_docs = max(len(lists[0].docs), 1)
    query_rows = keys // n_docs
    scores = np.stack([_look_up(ranking, keys, query_rows, how) for ranking in lists], axis=1)
    relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    relevant_keys = qrels.query_rows[relevant].astype(np.int64) * n_docs + qrels.rows[relevant]
    is_relevant = np.isin(keys, relevant_keys)
    random = np.random.default_rng(seed)
    starts = np.searchsorted(query_rows, np.arange(len(lists[0].queries) + 1))
    first: list[NDArray[np.int64]] = []
    second: list[NDArray[np.int64]] = []
    queries = 0
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        places = np.arange(begin, end)
        positives, others = places[is_relevant[begin:end]], places[~is_relevant[begin:end]]
        if not len(positives) or not len(others):
            continue
        queries += 1
        for positive in positives:
            first.append(np.full(negatives, positive))
            second.append(random.choice(others, negatives, replace=len(others) < negatives))
    above, below = (np.concatenate([np.empty(0, np.int64), *parts]) for parts in (first, second))
    places = np.unique(np.concatenate((above, below)))
    deviations = scores[places].std(axis=0) if len(places) else np.zeros(len(lists))
    return Comparisons(scores[above] - scores[below], deviations, len(relevant_keys) - int(is_relevant.sum()), queries)


def minimise_hinge(margins: Float64) -> Float64:
    """Return the weights, all 0 or more, that make the mean of max(0, 1 - margins · weights) least.

    margins  (n, n_lists)
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    n, n_lists = margins.shape
    costs = np.concatenate((np.zeros(n_lists), np.full(n, 1 / n)))
    constraints = hstack([csr_array(-margins), -eye_array(n)], format="csr")
    solution = linprog(costs, A_ub=constraints, b_ub=-np.ones(n), bounds=(0, None), method="highs-ds")
    if not solution.success:
        raise NirankError(f"learned_sum: the weights were not found: {solution.message}")
    weights: Float64 = np.maximum(solution.x[:n_lists], 0.0)
    return weights


def measure_hinge(margins: Float64, weights: Float64) -> float:
    """Return the mean of max(0, 1 - margins · weights)."""
    return float(np.maximum(0.0, 1.0 - margins @ weights).mean())


def describe_mixture(
    of: Sequence[Pipeline], weights: Sequence[float], deviations: Sequence[float]
) -> Mapping[str, float] | None:
    """Return what a re-ranker and what it re-ranks have in a sum; None where the two lists are not such.

    A list is re-ranked by what follows it in the other pipeline, if anything there gives scores.


    w_r, w_p    weights of the re-ranker and of its pre-fetcher
    sd_r, sd_p  standard deviations of their normalised scores
    """
    if len(of) != 2:
        return None
    steps = [pipeline.steps if isinstance(pipeline, Then) else (pipeline,) for pipeline in of]
    r = int(len(steps[1]) > len(steps[0]))
    first, rest = steps[1 - r], steps[r][len(steps[1 - r]) :]
    scores = any(
        isinstance(stage, (Scorer, Retriever)) or stage.model_kind for step in rest for stage in walk_stages(step)
    )
    if steps[r][: len(first)] != first or not scores:
        return None
    return {"w_r": weights[r], "w_p": weights[1 - r], "sd_r": deviations[r], "sd_p": deviations[1 - r]}


def _scale_hinge(margins: Float64, weights: Float64) -> float:
    """Return the hinge loss of weights times the factor with which it is least: only their ratios count."""
    return measure_hinge(margins, weights * minimise_hinge((margins @ weights)[:, None])[0])


def _look_up(ranking: Ranking, keys: NDArray[np.int64], query_rows: NDArray[np.int64], how: Any) -> Float64:
    """Return the normalised scores of pairs, (n,); of a pair that the list lacks what it gives such documents."""
    shares, absent = normalise(ranking, how)
    scores = absent[query_rows]
    order = np.argsort(ranking.keys)
    known = ranking.keys[order]
    places = np.searchsorted(known, keys)
    found = places < len(known)
    found[found] = known[places[found]] == keys[found]
    scores[found] = shares[order[places[found]]]
    return scores
