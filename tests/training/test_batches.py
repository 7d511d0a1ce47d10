"""Batches: every example once an epoch, alike ones together, texts apart, and nothing but seed and epoch decides."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.training.batches import Batches


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 3), st.integers(1, 60), st.booleans(), st.booleans())
def test_every_example_comes_once_in_batches_of_the_size(
    n: int, size: int, seed: int, texts: int, sized: bool, kept_apart: bool
) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 200, n) if sized else None
    numbers_apart = random.integers(0, texts, (n, 2)) if kept_apart else None
    sampler = Batches(n, size, seed, sizes, numbers_apart)
    for epoch in (0, 1):
        batches = sampler.draw_epoch(epoch)
        assert sorted(example for batch in batches for example in batch) == list(range(n))
        assert len(batches) == len(sampler)
        assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)
        assert batches == Batches(n, size, seed, sizes, numbers_apart).draw_epoch(epoch)
    sampler.set_epoch(1)
    assert list(sampler) == sampler.draw_epoch(1)


def test_epochs_and_seeds_differ() -> None:
    batches = [Batches(100, 8, seed, None, None).draw_epoch(epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({str(epoch_batches) for epoch_batches in batches}) == 4


def test_examples_of_one_text_stand_apart_where_possible() -> None:
    texts = np.repeat(np.arange(60), 2)  # every query twice
    apart = np.column_stack((texts, 1000 + np.arange(120)))
    for batch in Batches(120, 8, 0, np.arange(120), apart).draw_epoch(0):
        assert len({int(texts[example]) for example in batch}) == len(batch)
    positives = np.column_stack((np.arange(120), texts))
    for batch in Batches(120, 8, 0, None, positives).draw_epoch(0):
        assert len({int(texts[example]) for example in batch}) == len(batch)


def test_examples_of_similar_length_share_a_batch() -> None:
    sizes = np.random.default_rng(0).integers(1, 1000, 4096)
    spread = [np.ptp(sizes[batch]) for batch in Batches(4096, 8, 0, sizes, None).draw_epoch(0)]
    at_random = [np.ptp(sizes[batch]) for batch in Batches(4096, 8, 0, None, None).draw_epoch(0)]
    assert np.mean(spread) < np.mean(at_random) / 10
