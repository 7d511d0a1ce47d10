"""The double hinge of neural LSH, and the projection that it trains."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from nirank.errors import ConfigError  # noqa: E402
from nirank.training.losses import euclidean_distances, lsh  # noqa: E402
from nirank.training.recipe import Recipe  # noqa: E402


def raw_loss(near: object, far: object, radius: float, ratio: float) -> object:
    """The triple form of Wang et al., SDM 2024."""
    return (torch.clamp(near, min=radius) - torch.clamp(far, max=ratio * radius)).mean()


def test_shifted_and_raw_form() -> None:
    """Properties 01.6.1 and 2: they differ by (c - 1) R; the shifted one is never negative."""
    random = torch.Generator().manual_seed(1)
    for radius, ratio in ((1.0, 3.0), (0.3, 1.5)):
        near, far = (4 * torch.rand(50, generator=random, dtype=torch.float64) for _ in range(2))
        shifted = lsh(near, far, radius=radius, ratio=ratio)
        assert shifted.item() == pytest.approx((raw_loss(near, far, radius, ratio) + (ratio - 1) * radius).item())
        assert shifted >= 0
    satisfied = lsh(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 9.0]))
    assert satisfied == 0


def test_slopes() -> None:
    """Property 01.6.2: 1 above R and 0 below; -1 below cR and 0 above."""
    near = torch.tensor([0.5, 2.0], requires_grad=True)
    far = torch.tensor([0.5, 2.9, 3.1], requires_grad=True)
    lsh(near, far).backward()
    assert near.grad.tolist() == [0, 0.5]
    assert far.grad.tolist() == pytest.approx([-1 / 3, -1 / 3, 0])


def test_a_step_shortens_matches_and_lengthens_others() -> None:
    """Property 01.6.3, with finite differences."""
    queries = torch.tensor([[0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    docs = torch.tensor([[2.0, 1.0], [0.5, -1.0]], dtype=torch.float64)

    def loss(at: object) -> object:
        value = euclidean_distances(at, docs)
        return lsh(value[:, 0], value[:, 1])

    assert torch.autograd.gradcheck(loss, (queries,))
    loss(queries).backward()
    moved = queries.detach() - 0.01 * queries.grad
    before, after = euclidean_distances(queries.detach(), docs)[0], euclidean_distances(moved, docs)[0]
    assert after[0] < before[0]
    assert after[1] > before[1]


def test_equal_vectors_have_a_finite_gradient() -> None:
    vectors = torch.ones(2, 4, requires_grad=True)
    value = euclidean_distances(vectors, vectors)
    assert value.tolist() == [[0, 0], [0, 0]]
    lsh(value[0], value[1]).backward()
    assert torch.isfinite(vectors.grad).all()


def test_collapse_is_no_minimum() -> None:
    """Property 01.6.5: constant outputs cost cR a negative."""
    assert lsh(torch.zeros(3), torch.zeros(4), radius=0.5, ratio=4.0).item() == pytest.approx(2.0)


def test_invariances() -> None:
    """Property 01.6.4: translation, rotation, order; scale of outputs and radius together."""
    random = torch.Generator().manual_seed(2)
    queries, docs = (torch.randn(5, 3, generator=random, dtype=torch.float64) for _ in range(2))

    def loss(tensor: object, other: object, radius: float = 1.0) -> float:
        value = euclidean_distances(tensor, other)
        return lsh(value.diagonal(), value, ~torch.eye(5, dtype=torch.bool), radius).item()

    basis, _ = torch.linalg.qr(torch.randn(3, 3, generator=random, dtype=torch.float64))
    trained = loss(queries, docs)
    assert loss(queries + 7, docs + 7) == pytest.approx(trained)
    assert loss(queries @ basis, docs @ basis) == pytest.approx(trained)
    assert loss(docs, queries) == pytest.approx(trained)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert loss(queries[order], docs[order]) == pytest.approx(trained)
    assert loss(3 * queries, 3 * docs, 3.0) == pytest.approx(3 * trained)


def test_absent_negatives_do_not_count() -> None:
    far = torch.tensor([[1.0, 2.0], [math.nan, 0.0]])
    present = torch.tensor([[True, True], [False, False]])
    assert lsh(torch.tensor([0.0]), far, present).item() == pytest.approx(((3 - 1) + (3 - 2)) / 2)


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"ratio": 1.0}, {"head": 0}])
def test_recipes_that_cannot_be_meant(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Recipe(loss="lsh", **options)  # type: ignore[arg-type]
