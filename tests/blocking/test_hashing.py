"""Hash families collide as often as theory says, and probes go where neighbours are likeliest."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from tiny_models import make_bi_encoder

from nirank import Collection, Experiment
from nirank.blocking.bucket_codes import code_cells, code_sides
from nirank.blocking.keys import KeySet, RecordKeys
from nirank.blocking.minhash import draw_seeds, hash_words, sign_records
from nirank.blocking.probing import choose_bit_sets, choose_grid_sets, expect_squares, generate_sets
from nirank.blocking.survival import (
    choose_bands,
    find_cauchy_collision,
    find_gaussian_collision,
    find_hyperplane_collision,
    find_survival,
)
from nirank.blocking.vector_hashing import Grids, Hyperplanes
from nirank.stages.lsh import LSH
from nirank.store import open_store


def test_collisions_of_p_stable_functions_by_table() -> None:
    """Property 07.9.1, and 01.6.7."""
    t = np.array([0.5, 1, 2, 4, 8])
    assert find_gaussian_collision(1 / t, 1.0) == pytest.approx(
        [0.195417, 0.368746, 0.609548, 0.800532, 0.900264], abs=1e-6
    )
    assert find_cauchy_collision(1 / t, 1.0) == pytest.approx(
        [0.153110, 0.279364, 0.448683, 0.618582, 0.754740], abs=1e-6
    )
    assert find_gaussian_collision(3 / t, 3.0) == pytest.approx(find_gaussian_collision(1 / t, 1.0))
    assert find_gaussian_collision(0.0, 1.0) == find_cauchy_collision(0.0, 1.0) == 1.0


@pytest.mark.parametrize("distance", [0.3, 1.0, 4.0])
def test_formulas_equal_the_integral(distance: float) -> None:
    for find, density in ((find_gaussian_collision, stats.norm.pdf), (find_cauchy_collision, stats.cauchy.pdf)):
        integral, _ = integrate.quad(lambda u: 2 * density(u / distance) / distance * (1 - u), 0, 1)  # noqa: B023
        assert find(distance, 1.0) == pytest.approx(integral, abs=1e-9)


@pytest.mark.parametrize(
    ("norm", "find"), [("euclidean", find_gaussian_collision), ("manhattan", find_cauchy_collision)]
)
def test_grids_collide_as_often_as_theory_says(norm: str, find: object) -> None:
    """40,000 functions; 4 standard errors. For one coordinate both norms are one."""
    grids = Grids.draw(3, 10_000, 4, 1.0, seed=7, norm=norm)  # type: ignore[arg-type]
    x = np.zeros((1, 3), np.float32)
    for distance in (0.25, 1.0, 4.0):
        y = np.array([[distance, 0, 0]], np.float32)
        collisions = np.floor(grids.project(x)) == np.floor(grids.project(y))
        expected = float(find(distance, 1.0))  # type: ignore[operator]
        assert collisions.mean() == pytest.approx(
            expected, abs=4 * math.sqrt(expected * (1 - expected) / collisions.size)
        )


def test_a_shifted_grid_over_numbers() -> None:
    """Property 01.6.7: numbers a difference d apart share a cell with probability max(0, 1 - |d| / width)."""
    n = 40_000
    shifts = np.random.default_rng(5).uniform(0, 2.0, n).astype(np.float32)
    grids = Grids(np.ones((1, n), np.float32), shifts, n, 1, 2.0)
    cells = np.floor(grids.project(np.array([[3.0], [3.5], [2.0], [5.0], [9.0]], np.float32)))
    shares = [(cells[0] == shifted_cells).mean() for shifted_cells in cells]
    assert shares == pytest.approx([1, 0.75, 0.5, 0, 0], abs=4 * math.sqrt(0.25 / n))


def test_hyperplanes_agree_by_angle() -> None:
    """Property 07.9.2."""
    planes = Hyperplanes.draw(np.zeros(2, np.float32), 3000, 2, seed=3)
    x = np.array([[1, 0], [0.5, math.sqrt(0.75)], [-1, 0], [5, 0]], np.float32)
    sides = planes.project(x) >= 0
    assert (sides[0] == sides[1]).mean() == pytest.approx(2 / 3, abs=3 * math.sqrt(2 / 9 / 6000))
    assert not (sides[0] == sides[2]).any()
    assert (sides[0] == sides[3]).all()
    assert find_hyperplane_collision([math.degrees(math.acos(0.9)), 60, 90, 180]) == pytest.approx(
        [0.856434, 2 / 3, 0.5, 0], abs=1e-6
    )


def test_planes_of_a_table_are_orthogonal_and_lower_the_variance() -> None:
    normals = Hyperplanes.draw(np.zeros(8, np.float32), 1, 8, seed=1).normals
    assert normals.T @ normals == pytest.approx(np.eye(8), abs=1e-5)
    x = np.array([[1, 0, 0, 0, 0, 0, 0, 0], [0.6, 0.8, 0, 0, 0, 0, 0, 0]], np.float32)
    spread = []
    for orthogonal in (True, False):
        planes = Hyperplanes.draw(np.zeros(8, np.float32), 2000, 8, seed=1, orthogonal=orthogonal)
        sides = planes.project(x) >= 0
        spread.append((sides[0] == sides[1]).mean(axis=1).std())
    assert spread[0] < 0.95 * spread[1]


def test_survival_by_table() -> None:
    """Property 07.9.3, and 01.6.8."""
    s = np.arange(2, 10) / 10
    rows = {
        (5, 20): [0.0064, 0.0475, 0.1860, 0.4701, 0.8019, 0.9748, 0.9996, 1.0000],
        (8, 16): [0.0000, 0.0010, 0.0104, 0.0607, 0.2374, 0.6133, 0.9470, 0.9999],
        (4, 32): [0.0500, 0.2291, 0.5639, 0.8732, 0.9882, 0.9998, 1.0000, 1.0000],
    }
    for (functions, tables), expected in rows.items():
        assert find_survival(s, functions, tables) == pytest.approx(expected, abs=1e-4)
    assert find_survival([0.0, 0.3, 1.0], 1, 1) == pytest.approx([0, 0.3, 1])
    assert (np.diff(find_survival(np.linspace(0, 1, 50), 4, 10)) >= 0).all()


def test_bands_are_chosen_by_brute_force() -> None:
    """Numbers of tables and functions whose steepest point lies near the threshold."""
    tables, functions = choose_bands(0.5, 128)
    assert tables * functions <= 128
    assert (1 / tables) ** (1 / functions) == pytest.approx(0.5, abs=0.06)
    for_recall = choose_bands(0.5, 128, (0.1, 0.9))
    assert find_survival(0.5, for_recall[1], for_recall[0]) > find_survival(0.5, functions, tables)


def test_order_of_perturbations_worked_by_hand() -> None:
    """Property 07.9.4."""
    squares = [0.5**2, 1.5**2, 2.5**2, 3.5**2]
    scored_sets = list(generate_sets(squares, walls=True))
    assert [positions for positions, _ in scored_sets] == [(1,), (2,), (1, 2), (3,), (1, 3), (4,), (2, 4), (3, 4)]
    assert [score for _, score in scored_sets] == pytest.approx([0.25, 2.25, 2.5, 6.25, 6.5, 12.25, 14.5, 18.5])


@pytest.mark.parametrize("functions", [1, 2, 3, 4])
def test_every_set_once_in_order_of_scores(functions: int) -> None:
    squares = expect_squares(functions)
    scored_sets = list(generate_sets(squares, walls=True))
    scores = [score for _, score in scored_sets]
    assert len({positions for positions, _ in scored_sets}) == len(scored_sets) == 3**functions - 1
    assert scores == sorted(scores)
    assert all(score == pytest.approx(sum(squares[at - 1] for at in positions)) for positions, score in scored_sets)
    assert len(list(generate_sets(squares[:functions], walls=False))) == 2**functions - 1


def test_expected_squares() -> None:
    """Property 07.9.11."""
    squares = expect_squares(4)
    assert squares == pytest.approx([0.016667, 0.05, 0.1, 0.166667, 0.366667, 0.5, 0.65, 0.816667], abs=1e-6)
    assert squares == sorted(squares)


def test_probing_everything_finds_what_differs_by_one() -> None:
    """Property 07.9.5: all 26 sets of one table of three functions."""
    random = np.random.default_rng(5)
    docs = random.standard_normal((400, 4)).astype(np.float32)
    queries = random.standard_normal((30, 4)).astype(np.float32)
    grids = Grids.draw(4, 1, 3, 1.0, seed=2)
    cells = [np.floor(grids.project(side)).astype(int)[:, 0] for side in (queries, docs)]
    near = (np.abs(cells[0][:, None] - cells[1][None]) <= 1).all(axis=2)
    query_keys, doc_keys = grids.hash_vectors(queries, probes=26), grids.hash_vectors(docs)
    shared = [[bool(set(query) & set(doc)) for doc in _list_keys(doc_keys)] for query in _list_keys(query_keys)]
    assert (np.array(shared) == near).all()


def test_the_first_probe_goes_through_the_nearest_wall() -> None:
    codes = code_cells(np.array([[[0.1, 0.6]], [[0.45, 0.97]]], np.float32), choose_grid_sets(2, 2))
    below, above = (code_cells(np.array([[cell]], np.float32), ())[0, 0, 0] for cell in ((-0.5, 0.5), (0.5, 1.5)))
    assert codes[0, 0, 1:].tolist() == [below, above]
    assert codes[1, 0, 1:].tolist() == [above, below]


@pytest.mark.parametrize(("functions", "probes"), [(1, 2), (3, 7), (5, 40), (8, 0)])
def test_codes_are_those_of_the_cells_and_sides_that_sets_name(functions: int, probes: int) -> None:
    """Against lists of cells and sides, made one by one; projections are rounded so that some distances are equal."""
    projected = np.random.default_rng(3).standard_normal((60, 2, functions)).round(1).astype(np.float32) * 3
    for row, table in itertools.product(range(60), range(2)):
        values = projected[row, table]
        cells = np.floor(values)
        walls = np.argsort(np.concatenate((values - cells, 1 - (values - cells))), kind="stable")
        sets = choose_grid_sets(functions, probes)
        for at, positions in enumerate(((), *sets)):
            moved = cells.copy()
            for wall in walls[list(positions)]:
                moved[wall % functions] += -1 if wall < functions else 1
            (expected,) = code_cells(moved[None, None].astype(np.float32), ())[0, 0]
            assert code_cells(projected, sets)[row, table, at] == expected
        planes = np.argsort(np.abs(values), kind="stable")
        sets = choose_bit_sets(functions, probes)
        for at, positions in enumerate(((), *sets)):
            side = np.where(values >= 0, 1, -1)
            side[planes[list(positions)]] *= -1
            (expected,) = code_sides(side[None, None].astype(np.float32), ())[0, 0]
            assert code_sides(projected, sets)[row, table, at] == expected


def test_other_buckets_have_other_codes() -> None:
    cells = np.array(list(itertools.product(range(-3, 4), repeat=4)), np.float32)
    assert len(np.unique(code_cells(cells[:, None], ()))) == len(cells)


def test_buckets_of_different_tables_are_different_keys() -> None:
    sides = np.array(list(itertools.product((-1, 1), repeat=8)), np.float32)
    codes = code_sides(np.repeat(sides[:, None], 20, axis=1), ())[:, :, 0]
    assert len(np.unique(RecordKeys.from_tables(codes, np.arange(20)).keys)) == 20 * 2**8


def test_keys_that_are_not_wanted_are_left_out() -> None:
    vectors = np.random.default_rng(1).standard_normal((50, 4)).astype(np.float32)
    planes = Hyperplanes.draw(np.zeros(4, np.float32), 3, 4, seed=1)
    every, wanted = planes.hash_vectors(vectors, 2), np.unique(planes.hash_vectors(vectors[:5]).keys)
    few = planes.hash_vectors(vectors, 2, KeySet(wanted))
    kept = every.select(np.isin(every.keys, wanted))
    assert few.offsets.tolist() == kept.offsets.tolist()
    assert few.keys.tolist() == kept.keys.tolist()
    assert 0 < len(few.keys) < len(every.keys)


def test_more_tables_and_probes_never_lose_a_pair() -> None:
    """Property 07.9.6, and 01.6.8."""
    random = np.random.default_rng(1)
    vectors = random.standard_normal((200, 8)).astype(np.float32)
    for make in (
        lambda tables, functions: Grids.draw(8, tables, functions, 2.0, seed=4),
        lambda tables, functions: Hyperplanes.draw(np.zeros(8, np.float32), tables, functions, seed=4),
    ):
        three_tables, five_tables = make(3, 3), make(5, 3)
        pairs = [
            _find_pairs(family.hash_vectors(vectors, probes), family.hash_vectors(vectors))
            for family, probes in ((three_tables, 0), (five_tables, 0), (three_tables, 2), (three_tables, 5))
        ]
        assert pairs[0] <= pairs[1]
        assert pairs[0] <= pairs[2] <= pairs[3]
        assert all((row, row) in pairs[0] for row in range(200))
    assert _find_pairs(*[Grids.draw(8, 1, 4, 2.0, seed=4).hash_vectors(vectors)] * 2) <= _find_pairs(
        *[_take_functions(Grids.draw(8, 1, 4, 2.0, seed=4), 3).hash_vectors(vectors)] * 2
    )


def test_flipped_bits_are_those_of_the_nearest_planes() -> None:
    planes = Hyperplanes(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 1, 3)
    assert choose_bit_sets(3, 7)[0] == (0,)
    near = planes.hash_vectors(np.array([[0.5, -0.1, 2.0]], np.float32), probes=1)
    assert set(planes.hash_vectors(np.array([[1, 1, 1]], np.float32)).keys) < set(near.keys)


def test_minhash_estimates_jaccard() -> None:
    """Property 07.9.9."""
    random = np.random.default_rng(0)
    n_close = 0
    for trial in range(200):
        n_shared, n_left, n_right = (int(count) for count in random.integers(1, 60, 3))
        words = [[f"b{i}" for i in range(n_shared)] + [f"l{i}" for i in range(n_left)],
                 [f"b{i}" for i in range(n_shared)] + [f"r{i}" for i in range(n_right)]]  # fmt: skip
        signatures = sign_records(RecordKeys.from_words(words), draw_seeds(128, trial))
        jaccard = n_shared / (n_shared + n_left + n_right)
        error = abs((signatures[0] == signatures[1]).mean() - jaccard)
        n_close += error <= 3 * math.sqrt(jaccard * (1 - jaccard) / 128)
    assert n_close >= 197


def test_minhash_of_equal_and_of_empty_sets() -> None:
    words = RecordKeys.from_words([["a", "b"], ["b", "a", "a"], [], []])
    signatures = sign_records(words, draw_seeds(64, 3))
    assert (signatures[0] == signatures[1]).all()
    keys = hash_words(words, 8, 2, seed=3)
    assert keys.counts.tolist() == [8, 8, 0, 0]
    assert (sign_records(words, draw_seeds(32, 3)) == signatures[:, :32]).all()


def test_bands_survive_as_theory_says() -> None:
    """Share of 400 pairs with Jaccard similarity 1/2 that meet in one of 10 bands of 4: 0.4755."""
    words = [
        [f"{pair}b{i}" for i in range(20)] + [f"{pair}{side}{i}" for i in range(10)]
        for pair in range(400)
        for side in "lr"
    ]
    keys = _list_keys(hash_words(RecordKeys.from_words(words), 10, 4, seed=0))
    share = np.mean([bool(set(keys[at]) & set(keys[at + 1])) for at in range(0, 800, 2)])
    expected = float(find_survival(0.5, 4, 10))
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 400))


def _list_keys(keys: RecordKeys) -> list[list[int]]:
    return [keys.keys[first:last].tolist() for first, last in itertools.pairwise(keys.offsets.tolist())]


def _find_pairs(left: RecordKeys, right: RecordKeys) -> set[tuple[int, int]]:
    right_sets = [set(right_keys) for right_keys in _list_keys(right)]
    return {
        (q, d)
        for q, left_keys in enumerate(_list_keys(left))
        for d in range(len(right_sets))
        if right_sets[d] & set(left_keys)
    }


def _take_functions(grids: Grids, functions: int) -> Grids:
    return Grids(grids.directions[:, :functions], grids.shifts[:functions], 1, functions, grids.width)


def test_blank_records_share_no_bucket(tmp_path: Path) -> None:
    texts = {"a": "w1 w2", "b": "w1 w2", "c": "", "d": " "}
    collection = Collection.of(texts, {f"q{name}": text for name, text in texts.items()}, {}, check=False)
    systems = {"L": LSH(str(make_bi_encoder(tmp_path / "model")), tables=2, functions=2)}
    pairs = Experiment(collection, systems, ["candidates"], store=open_store(tmp_path / "store")).run().pairs("L")
    assert {query: docs for query, docs in pairs.to_dict().items() if docs} == {"qa": ["a", "b"], "qb": ["a", "b"]}
