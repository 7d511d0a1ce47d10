"""Published BM25 figures, from real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank import BM25, Experiment, load
from nirank.evaluation.kernels import JudgedResults
from nirank.evaluation.measures import parse_measure
from nirank.evaluation.native_values import compute_native
from nirank.flow.ranking import Ranking

FIELDS = {"title": 1.0, "text": 1.0}


# Anserini's published figures (k1 0.9, b 0.4), and for `classic` those of the same Lucene, title and text in one field.
@pytest.mark.parametrize(
    ("folder", "bm25", "figures"),
    [
        ("beir/scifact", BM25(), {"nDCG@10": 0.6789, "R@100": 0.9253}),
        ("beir/scifact", BM25(fields=FIELDS), {"nDCG@10": 0.6647, "R@100": 0.9076}),
        ("beir/nfcorpus", BM25(), {"R@100": 0.2457}),
        ("beir/nfcorpus", BM25(fields=FIELDS), {"nDCG@10": 0.3254, "R@100": 0.2500}),
        ("classic/vaswani", BM25(), {"nDCG@10": 0.4368, "AP": 0.2856}),
        ("classic/cranfield", BM25(), {"nDCG@10": 0.3510}),
        ("classic/cacm", BM25(), {"nDCG@10": 0.4709}),
    ],
)
def test_published_figures(shared_data: Path, folder: str, bm25: BM25, figures: dict[str, float]) -> None:
    result = Experiment(load(shared_data / folder), {"BM25": bm25}, list(figures)).run()
    assert result.rows[0].measures == pytest.approx(figures, abs=0.001)


@pytest.mark.parametrize(
    ("bm25", "published", "expected"), [(BM25(), 0.3218, 0.3206), (BM25(fields=FIELDS), 0.3254, 0.3247)]
)
def test_nfcorpus_differs_from_the_published_figure_by_the_order_of_ties(
    shared_data: Path, bm25: BM25, published: float, expected: float
) -> None:
    """Anserini breaks ties by ascending id and rewrites scores so that trec_eval keeps that order."""
    nfcorpus = load(shared_data / "beir" / "nfcorpus" / "test")
    result = Experiment(nfcorpus, {"BM25": bm25}, ["nDCG@10"]).run()
    assert result.rows[0].measures["nDCG@10"] == pytest.approx(expected, abs=5e-5)
    r, qrels = result.ranking("BM25"), nfcorpus.qrels["qrels"]
    order = np.lexsort((r.docs.rank[r.rows], -r.scores, r.query_rows))
    ascending = Ranking(r.queries, r.docs, r.offsets, r.rows[order], r.scores, r.depth)
    values = compute_native(parse_measure("nDCG@10"), JudgedResults.join(ascending, qrels))
    assert values.mean() == pytest.approx(published, abs=5e-5)
