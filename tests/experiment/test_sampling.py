"""In which order a person reads a sample, and samples in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import Dense, Selection, Texts, sample_documents
from nirank.experiment.sampling import order_by_share


def share_out(sizes: list[int], n: int) -> list[int]:
    """Return how many seats each party gets by Sainte-Laguë's quotients, one after the other."""
    seats = [0] * len(sizes)
    for _ in range(n):
        quotients = [size / (2 * taken + 1) for size, taken in zip(sizes, seats, strict=True)]
        seats[quotients.index(max(quotients))] += 1
    return seats


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_the_first_documents_are_shared_out_by_size_wherever_one_stops(sizes: list[int]) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    order = order_by_share(clusters, np.array(sizes))
    assert sorted(order.tolist()) == list(range(len(clusters)))
    for m in range(len(clusters)):
        assert np.bincount(clusters[order[:m]], minlength=len(sizes)).tolist() == share_out(sizes, m)


def test_documents_of_a_cluster_keep_their_order_and_those_without_clusters_too() -> None:
    assert order_by_share(np.array([0, 0, 2, 2]), np.array([9, 0, 5])).tolist() == [0, 2, 1, 3]
    assert order_by_share(np.array([-1, -1, -1]), np.array([], np.int64)).tolist() == [0, 1, 2]


def test_a_sample_in_python(tmp_path: Path) -> None:
    docs = Texts.of({f"{word}{i}": f"{word} {word} {chr(97 + i) * 4}" for word in ("saw", "zebra") for i in range(8)})
    encoder = Dense("ngrams:3-5,buckets=256,width=32,seed=0")
    selected = sample_documents(docs, Selection(4, encoder, clusters=2, min_characters=1), store=tmp_path)
    assert [docs.ids[row][:3] for row in selected.rows.tolist()] == ["saw", "zeb", "saw", "zeb"]
    assert selected.sizes.tolist() == [8, 8]
