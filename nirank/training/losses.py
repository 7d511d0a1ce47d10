"""Losses: what a step makes smaller, as functions of scores; and which candidates are no negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.training.recipe import Push

if TYPE_CHECKING:
    from torch import Tensor


def mask_known(
    query_texts: NDArray[np.int64], candidate_texts: NDArray[np.int64], known: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which candidates of a batch are no negative of a query: a known positive, or the query's own text.

    query_texts      (b,) text numbers
    candidate_texts  (c,) text numbers; the same may stand in several places
    known            (n, 2) as (query text, positive text), sorted by query text
    Returns (b, c), true also where the query's own positive stands: `mnr` keeps that place.
    Raises ValueError where `known` is not sorted.
    """
    queries = known[:, 0]
    if (queries[1:] < queries[:-1]).any():
        raise ValueError("known positives must be sorted by their query's text")
    distinct, place = np.unique(candidate_texts, return_inverse=True)
    first, last = (np.searchsorted(queries, query_texts, side) for side in ("left", "right"))
    counts = last - first
    rows = np.repeat(np.arange(len(query_texts)), counts)
    entries = np.arange(len(rows)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    rows = np.concatenate((rows, np.arange(len(query_texts))))
    texts = np.concatenate((known[entries, 1], query_texts))
    at = np.searchsorted(distinct, texts)
    present = at < len(distinct)
    present[present] = distinct[at[present]] == texts[present]
    mask = np.zeros((len(query_texts), len(distinct)), bool)
    mask[rows[present], at[present]] = True
    return mask[:, place]


def mnr(similarities: Tensor, positives_at: Tensor, mask: Tensor | None = None, scale: float = 20.0) -> Tensor:
    """Return the mean of -log softmax(scale · similarities) of each query's positive, over all candidates.

    similarities  (b, c) of queries with the batch's candidates: positives and mined negatives of all examples
    positives_at  (b,) int64: where among the candidates a query's positive stands
    mask          (b, c) bool: candidates that do not count for a query; its positive always does

    Henderson et al. 2017, arXiv 1705.00652, section 4.4; with mined negatives Karpukhin et al. 2020, arXiv 2004.04906.
    """
    import torch

    logits = scale * _to_float32(similarities)
    if mask is not None:
        positives = torch.zeros_like(mask).scatter_(1, positives_at[:, None], True)
        logits = logits.masked_fill(mask & ~positives, float("-inf"))
    return torch.nn.functional.cross_entropy(logits, positives_at)


def lce(scores: Tensor, present: Tensor | None = None) -> Tensor:
    """Return the mean of -log softmax of the positive among its own negatives (localized contrastive estimation).

    scores   (b, 1 + n) of the positive, then of the negatives
    present  (b, 1 + n) bool: false where a list has fewer negatives; None: all are there

    Gao, Dai and Callan 2021, arXiv 2101.08751.
    """
    import torch

    logits = _to_float32(scores)
    if present is not None:
        logits = logits.masked_fill(~present, float("-inf"))
    return torch.nn.functional.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def margin(scores: Tensor, present: Tensor | None = None, margin: float = 0.1) -> Tensor:
    """Return the mean, over all pairs of a positive and a negative, of max(0, margin - positive + negative).

    scores, present  (b, 1 + n), as in `lce`; without any negative the loss is 0
    """
    margins, present_pairs = _compute_margins(scores, present)
    return ((margin - margins).clamp(min=0) * present_pairs).sum() / present_pairs.sum().clamp(min=1)


def margin_mse(student: Tensor, teacher: Tensor, present: Tensor | None = None) -> Tensor:
    """Return the mean, over all pairs of a positive and a negative, of the squared difference of both margins.

    student, teacher, present  (b, 1 + n), as in `lce`; a margin is the positive's score less the negative's

    Hofstätter et al. 2020, arXiv 2010.02666.
    """
    (student_margins, present_pairs), (teacher_margins, _) = (
        _compute_margins(student, present),
        _compute_margins(teacher, present),
    )
    return ((student_margins - teacher_margins).square() * present_pairs).sum() / present_pairs.sum().clamp(min=1)


def lsh(
    positives: Tensor,
    negatives: Tensor,
    present: Tensor | None = None,
    radius: float = 1.0,
    ratio: float = 3.0,
    push: Push = "hardest",
) -> Tensor:
    """Return mean max(0, d⁺ - radius) + mean max(0, ratio · radius - d⁻): the double hinge of neural LSH.

    positives  (p,) distances of matching pairs
    negatives  (p, n) distances of pairs that do not match, of each of the queries
    present    (p, n) bool: which of them count; None: all
    push       what the second mean is over: 'all' negatives; those that are 'violating', nearer than ratio · radius; or
               the 'hardest', each query's nearest one

    The triple loss of Wang et al., SDM 2024, max(R, d⁺) - min(cR, d⁻), is this less (c - 1) R, with equal gradients; as
    its two terms do not meet, each is a mean over its own pairs. With one negative a query, as 'hardest' leaves, both
    forms weigh all pairs alike. It is 0, whatever is pushed, where all matches lie within the radius and all others at
    least ratio times as far: then cells of a grid of width cR tell them apart.
    """
    import torch

    near, far = _to_float32(positives), _to_float32(negatives)
    limit = ratio * radius
    counted = torch.ones_like(far, dtype=torch.bool) if present is None else present
    lacking = torch.relu(limit - far.masked_fill(~counted, limit))  # `clamp` would still pull at the limit itself
    if push == "hardest":
        lacking, counted = lacking.amax(-1), counted.any(-1)
    elif push == "violating":
        counted = lacking > 0
    return torch.relu(near - radius).mean() + lacking.sum() / counted.sum().clamp(min=1)


def euclidean_distances(queries: Tensor, docs: Tensor) -> Tensor:
    """Return Euclidean distances of all queries and documents, (b, c); equal vectors have distance 0 and no gradient.

    queries, docs  (b, m) and (c, m)
    """
    import torch

    # Through products of vectors, small distances would be rounding errors.
    return torch.cdist(_to_float32(queries), _to_float32(docs), compute_mode="donot_use_mm_for_euclid_dist")


def flops(vectors: Tensor) -> Tensor:
    """Return the sum, over the vocabulary, of the squared mean of the texts' absolute weights.

    vectors  (texts, vocabulary)

    Paria et al. 2020, arXiv 2004.05665; Formal et al. 2021, arXiv 2109.10086.
    """
    return _to_float32(vectors).abs().mean(0).square().sum()


def _compute_margins(scores: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return how far the positive is ahead of each negative, and which negatives are there, both (b, n)."""
    import torch

    scores = _to_float32(scores)
    is_present = torch.ones_like(scores, dtype=torch.bool) if present is None else present
    scores = scores.masked_fill(~is_present, 0)  # whatever stands there, NaN too, has no gradient
    return scores[:, :1] - scores[:, 1:], is_present[:, 1:]


def _to_float32(values: Tensor) -> Tensor:
    """Return 16-bit values in float32; others as they are."""
    return values if values.element_size() > 2 else values.float()
