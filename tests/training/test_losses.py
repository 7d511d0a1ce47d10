"""Losses: closed forms, gradients, and the same values as sentence-transformers where the definitions coincide."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.losses import MarginMSELoss, MultipleNegativesRankingLoss
from sentence_transformers.sparse_encoder.losses import FlopsLoss

from nirank.training import losses


def draw_normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


PRESENT = torch.tensor([[True, True, True, False], [True, False, True, False], [True, False, False, False]])


# -- mnr


def test_mnr_by_hand() -> None:
    similarities = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]], dtype=torch.float64)
    first = math.log(1 + math.exp(-2) + math.exp(-1))
    second = math.log(1 + 2 * math.exp(-2))
    value = losses.mnr(similarities, torch.tensor([0, 1]), scale=2.0)
    assert value.item() == pytest.approx((first + second) / 2, rel=1e-12)


def test_mnr_of_masked_candidates_is_that_of_the_others() -> None:
    similarities = torch.tensor([[0.3, 0.9, 0.5, 0.1]])
    mask = torch.tensor([[True, True, False, False]])  # its own place is masked too, and kept
    value = losses.mnr(similarities, torch.tensor([0]), mask)
    assert value.item() == pytest.approx(losses.mnr(similarities[:, [0, 2, 3]], torch.tensor([0])).item(), rel=1e-6)
    assert losses.mnr(similarities, torch.tensor([0]), torch.ones(1, 4, dtype=torch.bool)).item() == 0


def test_masked_candidates_have_no_gradient() -> None:
    similarities = draw_normal(2, 4).requires_grad_()
    mask = torch.tensor([[False, True, False, False], [True, False, False, True]])
    losses.mnr(similarities, torch.tensor([0, 2]), mask).backward()
    assert similarities.grad is not None
    assert torch.equal(similarities.grad == 0, mask)


@pytest.mark.parametrize("negatives", [0, 1, 3])
def test_mnr_equals_sentence_transformers(negatives: int) -> None:
    vectors = [draw_normal(5, 8, seed=i) for i in range(2 + negatives)]
    expected = MultipleNegativesRankingLoss(torch.nn.Identity(), scale=20.0).compute_loss_from_embeddings(vectors, None)
    queries, *candidates = (torch.nn.functional.normalize(tensor) for tensor in vectors)
    value = losses.mnr(queries @ torch.cat(candidates).T, torch.arange(5), scale=20.0)
    assert value.item() == pytest.approx(expected.item(), rel=1e-9)


# -- the mask


def mask_by_loop(queries: list[int], candidates: list[int], known_pairs: set[tuple[int, int]]) -> list[list[bool]]:
    return [[(query, text) in known_pairs or query == text for text in candidates] for query in queries]


numbers = st.integers(0, 12)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(numbers, min_size=1, max_size=6),
    st.lists(numbers, min_size=1, max_size=15),
    st.lists(st.tuples(numbers, numbers), max_size=40),
)
def test_known_mask_equals_a_loop(queries: list[int], candidates: list[int], pairs: list[tuple[int, int]]) -> None:
    known = np.array(sorted(pairs, key=lambda pair: pair[0]), np.int64).reshape(-1, 2)
    value = losses.mask_known(np.array(queries), np.array(candidates), known)
    assert value.tolist() == mask_by_loop(queries, candidates, set(pairs))


def test_the_same_query_twice_in_a_batch_has_no_own_positive_as_negative() -> None:
    # Query 0 has the positives 10 and 11, each in an example of its own; query 1 has 12; 13 is mined.
    known = np.array([[0, 10], [0, 11], [1, 12]])
    candidates = np.array([10, 11, 12, 13])
    mask = torch.from_numpy(losses.mask_known(np.array([0, 0, 1]), candidates, known))
    similarities = torch.zeros(3, 4)
    value = losses.mnr(similarities, torch.tensor([0, 1, 2]), mask)
    assert value.item() == pytest.approx((math.log(3) + math.log(3) + math.log(4)) / 3)


def test_known_positives_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        losses.mask_known(np.array([1]), np.array([2]), np.array([[2, 3], [1, 2]]))


# -- lists of a positive and its negatives


def test_lce_by_hand() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 9.0]], dtype=torch.float64)
    present = torch.tensor([[True, True, True], [True, True, False]])
    first = math.log(1 + math.exp(-1) + math.exp(-2))
    assert losses.lce(scores, present).item() == pytest.approx((first + math.log(2)) / 2, rel=1e-12)
    assert losses.lce(torch.zeros(3, 8)).item() == pytest.approx(math.log(8))


def test_margin_by_hand() -> None:
    scores = torch.tensor([[1.0, 0.95, 0.2], [0.0, 0.5, 7.0]], dtype=torch.float64)
    present = torch.tensor([[True, True, True], [True, True, False]])
    assert losses.margin(scores, present, 0.1).item() == pytest.approx((0.05 + 0 + 0.6) / 3)


def test_margin_mse_by_hand() -> None:
    student = torch.tensor([[1.0, 0.0, 0.5], [2.0, 0.0, 0.0]], dtype=torch.float64)
    teacher = torch.tensor([[9.0, 7.0, 8.0], [5.0, 5.0, 0.0]], dtype=torch.float64)
    present = torch.tensor([[True, True, True], [True, True, False]])
    value = losses.margin_mse(student, teacher, present)
    assert value.item() == pytest.approx(((1 - 2) ** 2 + (0.5 - 1) ** 2 + (2 - 0) ** 2) / 3)


@pytest.mark.parametrize("negatives", [1, 4])
def test_margin_mse_equals_sentence_transformers(negatives: int) -> None:
    vectors = [draw_normal(5, 8, seed=i) for i in range(2 + negatives)]
    teacher = draw_normal(5, 1 + negatives, seed=99)
    expected = MarginMSELoss(torch.nn.Identity()).compute_loss_from_embeddings(vectors, teacher)
    student = torch.stack([(vectors[0] * tensor).sum(1) for tensor in vectors[1:]], 1)
    assert losses.margin_mse(student, teacher).item() == pytest.approx(expected.item(), rel=1e-9)


def test_margin_mse_ignores_a_constant_added_to_a_querys_scores() -> None:
    student, teacher = draw_normal(3, 4), draw_normal(3, 4, seed=1)
    moved = losses.margin_mse(student + draw_normal(3, 1, seed=2), teacher * 1 + 5, PRESENT)
    assert moved.item() == pytest.approx(losses.margin_mse(student, teacher, PRESENT).item())


@pytest.mark.parametrize("loss", [losses.lce, losses.margin, lambda s, p: losses.margin_mse(s, s.detach() * 0, p)])
def test_what_stands_where_no_negative_is_changes_nothing(loss) -> None:
    scores = draw_normal(3, 4)
    hostile = scores.masked_fill(~PRESENT, float("nan")).requires_grad_()
    value = loss(hostile, PRESENT)
    assert value.item() == loss(scores, PRESENT).item()
    value.backward()
    assert torch.equal(hostile.grad[~PRESENT], torch.zeros(int((~PRESENT).sum()), dtype=torch.float64))
    assert hostile.grad.isfinite().all()


def test_a_teachers_missing_scores_change_nothing() -> None:
    student, teacher = draw_normal(3, 4).requires_grad_(), draw_normal(3, 4, seed=1)
    value = losses.margin_mse(student, teacher.masked_fill(~PRESENT, float("nan")), PRESENT)
    assert value.item() == losses.margin_mse(student, teacher, PRESENT).item()
    value.backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_examples_without_negatives_cost_nothing() -> None:
    scores = draw_normal(3, 1).requires_grad_()
    for value in (losses.lce(scores), losses.margin(scores), losses.margin_mse(scores, draw_normal(3, 1, seed=1))):
        assert value.item() == 0
        value.backward()


# -- the regulariser


def test_flops_by_hand_and_as_sentence_transformers() -> None:
    vectors = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    assert losses.flops(vectors).item() == 4 + 0 + 1
    assert losses.flops(-vectors).item() == 5
    weights = draw_normal(6, 50).abs()
    expected = FlopsLoss(torch.nn.Identity()).compute_loss_from_embeddings(weights)
    assert losses.flops(weights).item() == pytest.approx(expected.item(), rel=1e-12)


# -- gradients

MASK = torch.tensor([[False, False, True, False], [True, False, False, False], [False, False, False, False]])


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.mnr(x, torch.tensor([0, 1, 3]), MASK, 3.0),
        lambda x: losses.lce(x, PRESENT),
        lambda x: losses.margin(x, PRESENT, 0.7),
        lambda x: losses.margin_mse(x, draw_normal(3, 4, seed=5), PRESENT),
        losses.flops,
    ],
    ids=["mnr", "lce", "margin", "margin_mse", "flops"],
)
def test_gradients_are_those_of_finite_differences(loss) -> None:
    assert torch.autograd.gradcheck(loss, (draw_normal(3, 4, seed=7).requires_grad_(),))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: losses.mnr(x, torch.tensor([0, 1, 3])),
        losses.lce,
        losses.margin,
        lambda x: losses.margin_mse(x, x.detach() * 0),
        losses.flops,
    ],
    ids=["mnr", "lce", "margin", "margin_mse", "flops"],
)
def test_scores_in_16_bits_give_a_loss_in_float32(loss) -> None:
    scores = draw_normal(3, 4).bfloat16()
    value = loss(scores)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(scores.double()).item(), rel=1e-5)
