"""The double hinge of neural LSH, and the projection that it trains."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nirank.errors import ConfigError  # noqa: E402
from nirank.training.losses import euclidean_distances, lsh  # noqa: E402
from nirank.training.recipe import Push, Recipe  # noqa: E402

every_form = pytest.mark.parametrize("push", ["all", "violating", "hardest"])


def compute_raw_loss(near: object, far: object, radius: float, ratio: float) -> object:
    """The triple form of Wang et al., SDM 2024."""
    return (torch.clamp(near, min=radius) - torch.clamp(far, max=ratio * radius)).mean()


def test_shifted_and_raw_form() -> None:
    """Properties 01.6.1 and 2: they differ by (c - 1) R; the shifted one is never negative."""
    random = torch.Generator().manual_seed(1)
    for radius, ratio in ((1.0, 3.0), (0.3, 1.5)):
        near, far = (4 * torch.rand(50, generator=random, dtype=torch.float64) for _ in range(2))
        shifted = lsh(near, far, radius=radius, ratio=ratio, push="all")
        raw = (compute_raw_loss(near, far, radius, ratio) + (ratio - 1) * radius).item()
        assert shifted.item() == pytest.approx(raw)
        assert lsh(near, far[:, None], None, radius, ratio, "hardest").item() == pytest.approx(raw)  # triples
        assert shifted >= 0


@every_form
def test_the_loss_is_zero_exactly_where_all_is_as_asked(push: Push) -> None:
    """Property 01.6.1: and then nothing is pulled or pushed."""
    near = torch.tensor([0.0, 1.0], requires_grad=True)
    far = torch.tensor([[3.0, 9.0], [4.0, 3.0]], requires_grad=True)
    loss = lsh(near, far, push=push)
    loss.backward()
    assert loss == 0
    assert not near.grad.any() and not far.grad.any()
    for row, column in ((0, 0), (1, 1)):
        nearer = far.detach().clone()
        nearer[row, column] = 2.9
        assert lsh(near, nearer, push=push) > 0
    assert lsh(torch.tensor([0.0, 1.1]), far, push=push) > 0


def test_distances_are_exact_however_near() -> None:
    """Through products of vectors, float32 would lose them; equal vectors have no gradient, and none is NaN."""
    vectors = 100 + torch.rand(64, 16, generator=torch.Generator().manual_seed(2))
    shifted = vectors + 1e-3
    expected = (vectors.double()[:, None] - shifted.double()[None]).square().sum(-1).sqrt()
    assert euclidean_distances(vectors, shifted).double() == pytest.approx(expected, rel=1e-4)
    copied = vectors.clone().requires_grad_()
    near = euclidean_distances(copied, vectors).diagonal()
    near.sum().backward()
    assert not near.any() and not copied.grad.any()


def test_slopes() -> None:
    """Property 01.6.2: 1 above R and 0 below; -1 below cR and 0 above."""
    near = torch.tensor([0.5, 2.0], requires_grad=True)
    far = torch.tensor([0.5, 2.9, 3.1], requires_grad=True)
    lsh(near, far, push="all").backward()
    assert near.grad.tolist() == [0, 0.5]
    assert far.grad.tolist() == pytest.approx([-1 / 3, -1 / 3, 0])


@pytest.mark.parametrize(
    ("push", "slopes"),
    [
        ("all", [[-1 / 6, -1 / 6, 0], [-1 / 6, 0, 0]]),
        ("violating", [[-1 / 3, -1 / 3, 0], [-1 / 3, 0, 0]]),
        ("hardest", [[-1 / 2, 0, 0], [-1 / 2, 0, 0]]),
    ],
)
def test_what_is_pushed(push: Push, slopes: list[list[float]]) -> None:
    """Property 01.6.2, of each form: nothing is pushed that is far enough, and the mean is over what is named."""
    far = torch.tensor([[0.5, 2.9, 3.1], [1.0, 4.0, 5.0]], requires_grad=True)
    lsh(torch.zeros(2), far, push=push).backward()
    assert far.grad.numpy() == pytest.approx(np.array(slopes))


@pytest.mark.parametrize("push", ["all", "hardest"])
def test_the_loss_never_falls_with_a_nearer_negative(push: Push) -> None:
    """Property 01.6.2. A mean over the violating ones does: one that begins to violate can be below it."""
    random = torch.Generator().manual_seed(3)
    far = 4 * torch.rand(6, 5, generator=random)
    before = lsh(torch.zeros(6), far, push=push)
    for row in range(6):
        for column in range(5):
            nearer = far.clone()
            nearer[row, column] *= 0.7
            assert lsh(torch.zeros(6), nearer, push=push) >= before
    assert lsh(torch.zeros(1), torch.tensor([[0.0, 2.9]]), push="violating") < 3


@every_form
def test_a_step_shortens_matches_and_lengthens_others(push: Push) -> None:
    """Property 01.6.3, with finite differences."""
    queries = torch.tensor([[0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    docs = torch.tensor([[2.0, 1.0], [0.5, -1.0]], dtype=torch.float64)

    def loss(at: object) -> object:
        value = euclidean_distances(at, docs)
        return lsh(value[:, 0], value[:, 1:], push=push)

    assert torch.autograd.gradcheck(loss, (queries,))
    loss(queries).backward()
    moved = queries.detach() - 0.01 * queries.grad
    before, after = euclidean_distances(queries.detach(), docs)[0], euclidean_distances(moved, docs)[0]
    assert after[0] < before[0]
    assert after[1] > before[1]


@every_form
def test_equal_vectors_have_a_finite_gradient(push: Push) -> None:
    vectors = torch.ones(2, 4, requires_grad=True)
    value = euclidean_distances(vectors, vectors)
    assert value.tolist() == [[0, 0], [0, 0]]
    lsh(value[0], value[1]).backward()
    assert torch.isfinite(vectors.grad).all()


@every_form
def test_collapse_is_no_minimum(push: Push) -> None:
    """Property 01.6.5: constant outputs cost cR a negative."""
    assert lsh(torch.zeros(3), torch.zeros(3, 4), None, 0.5, 4.0, push).item() == pytest.approx(2.0)


@every_form
def test_invariances(push: Push) -> None:
    """Property 01.6.4: translation, rotation, order; scale of outputs and radius together."""
    random = torch.Generator().manual_seed(2)
    queries, docs = (torch.randn(5, 3, generator=random, dtype=torch.float64) for _ in range(2))

    def loss(tensor: object, docs: object, radius: float = 1.0) -> float:
        value = euclidean_distances(tensor, docs)
        return lsh(value.diagonal(), value, ~torch.eye(5, dtype=torch.bool), radius, push=push).item()

    basis, _ = torch.linalg.qr(torch.randn(3, 3, generator=random, dtype=torch.float64))
    trained = loss(queries, docs)
    assert loss(queries + 7, docs + 7) == pytest.approx(trained)
    assert loss(queries @ basis, docs @ basis) == pytest.approx(trained)
    if push != "hardest":  # which asks each query for its own
        assert loss(docs, queries) == pytest.approx(trained)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert loss(queries[order], docs[order]) == pytest.approx(trained)
    assert loss(3 * queries, 3 * docs, 3.0) == pytest.approx(3 * trained)


@every_form
def test_absent_negatives_do_not_count(push: Push) -> None:
    far = torch.tensor([[1.0, 2.0], [math.nan, 0.0]])
    present = torch.tensor([[True, True], [False, False]])
    expected = 2 if push == "hardest" else ((3 - 1) + (3 - 2)) / 2  # the second query has none
    assert lsh(torch.zeros(2), far, present, push=push).item() == pytest.approx(expected)
    assert lsh(torch.zeros(2), far, torch.zeros_like(present), push=push) == 0


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"ratio": 1.0}, {"head": 0}])
def test_recipes_that_cannot_be_meant(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Recipe(loss="lsh", **options)  # type: ignore[arg-type]
