"""Survival curves: what theory says of hashing stages, and what became of the evaluated matches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank import LSH, Dense, Experiment, Hamming, MinHash, load
from nirank.algebra.pipeline import Pipeline
from nirank.blocking.bit_codes import count_differences, encode_vectors
from nirank.blocking.survival import find_code_survival, find_hyperplane_collision
from nirank.blocking.vector_hashing import Hyperplanes, measure_angles
from nirank.blocking.words import cut_character_shingles
from nirank.experiment.result import Result
from nirank.experiment.survival import bin_survival
from nirank.results.leaderboard import read_leaderboard
from nirank.results.row import SurvivalBin
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import LocalStore

LEFT = ["w1 w2 w3 w4", "w5 w6 w7 w8", "w9 w10 w11", "w12 w13", "w14"]
RIGHT = ["w1 w2 w3 w4", "w5 w6 w7 w9", "w9 w20 w21", "w30 w31", "w14 w15"]


def run(tmp_path: Path, **systems: Pipeline) -> Result:
    for side, words in (("left", LEFT), ("right", RIGHT)):
        (tmp_path / f"{side}.csv").write_text("id,name\n" + "".join(f"{at},{word}\n" for at, word in enumerate(words)))
    (tmp_path / "pairs.csv").write_text("".join(f"{at},{at}\n" for at in range(len(LEFT))))
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    store = LocalStore(tmp_path / "store")
    return Experiment(load(**files, store=store), systems, ["PC"], store=store).run()


def test_matches_of_minhash_by_their_jaccard_similarity(tmp_path: Path) -> None:
    """Each bin by hand: the similarity of shingles, and whether the pair is a candidate."""
    result = run(tmp_path, S=MinHash(tables=6, functions=2, n=3), T=TokenBlocking())
    (curve,) = result.rows[0].survival
    assert result.rows[1].survival == ()
    assert curve.likeness == "Jaccard similarity"
    assert curve.theory[0] == (0.0, 0.0)
    assert curve.theory[-1] == (1.0, 1.0)
    pairs = result.pairs("S")
    candidates = {
        (pairs.queries[query], pairs.docs[doc]) for query, doc in zip(pairs.query_rows, pairs.rows, strict=True)
    }
    by_hand: dict[int, list[bool]] = {}
    for at, texts in enumerate(zip(LEFT, RIGHT, strict=True)):
        left, right = (set(cut_character_shingles(text, 3)) for text in texts)
        place = min(int(20 * len(left & right) / len(left | right)), 19)
        by_hand.setdefault(place, []).append((str(at), str(at)) in candidates)
    assert [(part.matches, part.kept) for part in curve.bins] == [
        (len(hits), sum(hits)) for _, hits in sorted(by_hand.items())
    ]


def test_stages_over_vectors_have_curves_also_before_others(tmp_path: Path) -> None:
    model = str(tiny_models.make_bi_encoder(tmp_path / "bi"))
    result = run(
        tmp_path,
        planes=LSH(model, tables=4, functions=3),
        grids=LSH(model, family="grids", width=1.0),
        manhattan=LSH(model, family="grids", width=4.0, norm="manhattan"),
        probed=LSH(model, probes=2),
        codes=Hamming(model, bits=64, radius=20) >> Dense(model, k=1),
        signs=Hamming(model, bits=None, radius=4),
    )
    curves = {row.system: row.survival for row in result.rows}
    assert {system: [curve.likeness for curve in curves_of_system] for system, curves_of_system in curves.items()} == {
        "planes": ["angle in degrees"], "grids": ["Euclidean distance"], "manhattan": ["Manhattan distance"], "probed": ["angle in degrees"],
        "codes": ["angle in degrees"], "signs": ["angle in degrees"],
    }  # fmt: skip
    assert {system for system, (curve,) in curves.items() if curve.theory} == {"planes", "grids", "manhattan", "codes"}
    for (curve,) in curves.values():
        assert sum(part.matches for part in curve.bins) == 5
        assert curve.bins[0].kept >= 1, "equal records always survive"
        assert all(first >= second for (_, first), (_, second) in zip(curve.theory, curve.theory[1:], strict=False))
    result.save(tmp_path / "out")
    assert read_leaderboard(tmp_path / "out" / "leaderboard.json").rows[0].survival == curves["planes"]


def test_one_table_counts_a_match_once(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("id,name\na,w1 w2\nb,w1 w2\nc,w3\n")
    (tmp_path / "pairs.csv").write_text("id1,id2\na,b\nb,a\n")
    store = LocalStore(tmp_path / "store")
    collection = load(records=tmp_path / "records.csv", pairs=tmp_path / "pairs.csv", store=store)
    (row,) = Experiment(collection, {"S": MinHash()}, ["PC"], store=store).run().rows
    assert row.survival[0].bins == (SurvivalBin(0.95, 1.0, 1.0, 1, 1),)


def test_values_at_edges_are_in_the_upper_bin_and_the_greatest_in_the_last() -> None:
    bins = bin_survival(np.array([0.0, 0.05, 0.3, 1.0, 1.0]), np.array([True, False, True, True, False]), 1.0)
    assert [(part.low, part.matches, part.kept) for part in bins] == [
        (0, 1, 1),
        (0.05, 1, 0),
        (0.3, 1, 1),
        (0.95, 2, 1),
    ]


@pytest.mark.parametrize("degrees", [20.0, 45.0, 60.0])
def test_codes_survive_as_the_binomial_distribution_says(degrees: float) -> None:
    """2,000 codes of 32 independent planes; 4 standard errors."""
    planes = Hyperplanes.draw(np.zeros(2, np.float32), 1, 64_000, seed=1, orthogonal=False)
    angle = np.radians(degrees)
    vectors = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert measure_angles(vectors[:1], vectors[1:]) == pytest.approx(degrees, abs=1e-4)
    codes = encode_vectors(vectors, planes).reshape(2, 2000, 4)
    expected = float(find_code_survival(find_hyperplane_collision(degrees), 32, 8))
    share = (count_differences(codes[0], codes[1]) <= 8).mean()
    assert share == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 2000) ** 0.5 + 1e-9)
