"""Bit codes: packed and unpacked, their distances, and all codes within a radius, however they are searched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nirank.blocking import radius_search
from nirank.blocking.bit_codes import count_differences, encode_vectors, pack_bits, unpack_bits
from nirank.blocking.radius_search import Part, choose_parts, find_within
from nirank.blocking.vector_hashing import Hyperplanes
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope


def make_scope(queries: int, docs: int, **rules: object) -> Scope:
    return Scope(Ids.of([f"q{row}" for row in range(queries)]), Ids.of([f"d{row}" for row in range(docs)]), **rules)  # type: ignore[arg-type]


def draw_bits(seed: int, n: int, bits: int, flip: float = 0.5) -> NDArray[np.bool_]:
    """Draw codes around a few centres, so that some lie near each other."""
    random = np.random.default_rng(seed)
    centres = random.random((3, bits)) < 0.5
    return centres[random.integers(0, 3, n)] ^ (random.random((n, bits)) < flip)


def list_pairs(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.query_rows.tolist(), pairs.rows.tolist(), strict=True))


def find_by_hand(left: NDArray[np.bool_], right: NDArray[np.bool_], radius: int) -> list[tuple[int, int]]:
    near = (left[:, None] != right[None]).sum(axis=2) <= radius
    return [(int(query), int(doc)) for query, doc in zip(*np.nonzero(near), strict=True)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_packing_and_distances(seed: int, bits: int) -> None:
    """Property 07.9.7."""
    x, y, z = (draw_bits(seed + at, 5, bits) for at in range(3))
    packed = [pack_bits(part) for part in (x, y, z)]
    assert packed[0].shape == (5, -(-bits // 8))
    assert (unpack_bits(packed[0], bits) == x).all()
    assert (count_differences(packed[0], packed[0]) == 0).all()
    forward, backward = count_differences(packed[0], packed[1]), count_differences(packed[1], packed[0])
    assert (forward == backward).all()
    assert (forward == (x != y).sum(axis=1)).all()
    assert (forward <= count_differences(packed[0], packed[2]) + count_differences(packed[2], packed[1])).all()


def test_64_bits_in_four_parts_within_3() -> None:
    """Property 07.9.8: exact look-ups of the four parts find all codes within distance 3."""
    left, right = draw_bits(1, 200, 64, 0.03), draw_bits(1, 300, 64, 0.03)
    parts = tuple(Part(16 * at, 16 * at + 16, 0) for at in range(4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(radius_search, "choose_parts", lambda *_: parts)
        pairs = find_within(pack_bits(left), pack_bits(right), 64, 3, make_scope(200, 300))
    assert list_pairs(pairs) == find_by_hand(left, right, 3)
    assert 500 < len(pairs) < 20_000


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 80), st.integers(0, 12), st.sampled_from([0.02, 0.1, 0.5]),
    st.integers(1, 40), st.integers(1, 10**9),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_search_equals_comparing_all(seed: int, bits: int, radius: int, flip: float, block: int, n_docs: int) -> None:
    """Whatever the parts, which depend on how many documents are expected, and whatever the block."""
    radius = min(radius, bits)
    left, right = draw_bits(seed, 12, bits, flip), draw_bits(seed, 15, bits, flip)
    parts = choose_parts(bits, radius, n_docs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(radius_search, "_BLOCK", block)
        patch.setattr(radius_search, "choose_parts", lambda *_: parts)
        pairs = find_within(pack_bits(left), pack_bits(right), bits, radius, make_scope(12, 15))
    assert list_pairs(pairs) == find_by_hand(left, right, radius)


def test_parts_are_chosen_by_cost() -> None:
    assert choose_parts(64, 40, 1000) == (Part(0, 0, 0),), "a wide radius compares all"
    parts = choose_parts(256, 20, 1_000_000)
    assert sum(part.lookups for part in parts) <= 4096
    assert sum(part.flips + 1 for part in parts) == 21, "pigeonhole: R + 1 differences fill all parts"


def test_a_scope_is_respected_and_empty_sides_find_nothing() -> None:
    bits = np.zeros((3, 8), np.bool_)
    scope = make_scope(3, 3, own_rows=np.array([0, 1, 2]), mask=np.array([True, True, False]))
    assert list_pairs(find_within(pack_bits(bits), pack_bits(bits), 8, 0, scope)) == [(0, 1), (1, 0), (2, 0), (2, 1)]
    assert len(find_within(pack_bits(bits[:0]), pack_bits(bits), 8, 0, make_scope(0, 3))) == 0
    assert len(find_within(pack_bits(bits), pack_bits(bits[:0]), 8, 0, make_scope(3, 0))) == 0


def test_codes_are_sides_of_planes() -> None:
    planes = Hyperplanes(np.eye(3, dtype=np.float32), np.array([1, 0, 0], np.float32), 1, 3)
    vectors = np.array([[2, -1, 0], [0, 1, 1]], np.float32)
    assert unpack_bits(encode_vectors(vectors, planes), 3).tolist() == [[True, False, True], [False, True, True]]
    assert encode_vectors(vectors[:0], planes).shape == (0, 1)
