"""The stage `hamming`: pairs of records whose codes differ in few bits, from YAML to the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank import Dense, Experiment, Hamming, load
from nirank.base.memory import Sizes
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.store import LocalStore


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi")))


@pytest.fixture
def tables(tmp_path: Path) -> Collection:
    words = ["w1 w2 w3", "w1 w2 w4", "w5 w6", "w7", "w8 w9 w10"]
    for side in ("left", "right"):
        (tmp_path / f"{side}.csv").write_text("id,name\n" + "".join(f"{at},{word}\n" for at, word in enumerate(words)))
    (tmp_path / "pairs.csv").write_text("".join(f"{at},{at}\n" for at in range(len(words))))
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    return load(**files, store=LocalStore(tmp_path / "store"))


def find(tables: Collection, tmp_path: Path, **options: object) -> set[tuple[str, str]]:
    result = Experiment(tables, {"S": Hamming(**options)}, ["PC"], store=LocalStore(tmp_path / "store")).run()  # type: ignore[arg-type]
    assert result.rows[0].error is None
    pairs = result.pairs("S")
    return {(pairs.queries[query], pairs.docs[doc]) for query, doc in zip(pairs.query_rows, pairs.rows, strict=True)}


def test_equal_records_differ_in_no_bit_and_more_bits_find_more(model: str, tables: Collection, tmp_path: Path) -> None:
    """Property 01.6.9 and 10: nested in the radius; copies are found."""
    pairs_by_radius = [find(tables, tmp_path, model=model, bits=64, radius=radius) for radius in (0, 10, 30, 63)]
    assert {(str(at), str(at)) for at in range(5)} <= pairs_by_radius[0]
    assert pairs_by_radius[0] <= pairs_by_radius[1] <= pairs_by_radius[2] <= pairs_by_radius[3]
    assert len(pairs_by_radius[0]) < len(pairs_by_radius[3]) == 25
    signs = find(tables, tmp_path, model=model, bits=None, radius=0)
    assert {(str(at), str(at)) for at in range(5)} <= signs


def test_vectors_rank_what_codes_paired(model: str, tables: Collection, tmp_path: Path) -> None:
    system = Hamming(model, bits=64, radius=20) >> Dense(model, k=1)
    result = Experiment(tables, {"S": system}, ["PC@1"], store=LocalStore(tmp_path / "store")).run()
    assert result.rows[0].measures["PC@1"] == 1.0


def test_blank_records_are_in_no_pair(model: str, tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text('id,name\na,w1\nb,w1\nc,""\nd,""\n')
    (tmp_path / "pairs.csv").write_text("id1,id2\na,b\n")
    store = LocalStore(tmp_path / "store")
    collection = load(records=tmp_path / "records.csv", pairs=tmp_path / "pairs.csv", store=store)
    pairs = find(collection, tmp_path, model=model, bits=64, radius=0)
    assert pairs == {("a", "b"), ("b", "a")}


def test_records_of_a_full_code_are_left_out_and_counted(model: str, tmp_path: Path) -> None:
    """One giant block: 3,000 equal records and two other ones."""
    lines = "".join(f"{at},w5\n" for at in range(3000)) + "a,w7 w8\nb,w7 w8\n"
    (tmp_path / "records.csv").write_text("id,name\n" + lines)
    (tmp_path / "pairs.csv").write_text("id1,id2\na,b\n")
    store = LocalStore(tmp_path / "store")
    collection = load(records=tmp_path / "records.csv", pairs=tmp_path / "pairs.csv", store=store)
    result = Experiment(collection, {"S": Hamming(model, bits=64, radius=0)}, ["PC", "candidates"], store=store).run()
    (row,) = result.rows
    assert row.counts["records_of_full_codes"] == 3000
    assert row.measures["PC"] == 1.0
    assert row.pairs is not None
    assert row.pairs.candidates == 1


@pytest.mark.parametrize("max_block", [2, 5, None])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_a_bound_on_pairs_holds(radius: int, max_block: int | None, model: str, tmp_path: Path) -> None:
    lines = {side: [f"w{at % 7} w{at % 3}" for at in range(n)] for side, n in (("left", 30), ("right", 20))}
    for side, texts in lines.items():
        (tmp_path / f"{side}.csv").write_text("id,name\n" + "".join(f"{at},{text}\n" for at, text in enumerate(texts)))
    (tmp_path / "pairs.csv").write_text("0,0\n")
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    collection = load(**files, store=LocalStore(tmp_path / "store"))
    options = {"bits": 8, "radius": radius, "max_block": max_block}
    expected = Hamming(model, **options).estimate_pairs(Sizes(queries=20, docs=30))  # type: ignore[arg-type]
    assert len(find(collection, tmp_path, model=model, **options)) <= expected <= 600
    assert Hamming(model, radius=0, max_block=2).estimate_pairs(Sizes(queries=20, docs=30)) == 20
    signs = Hamming(model, radius=1, bits=None, max_block=2)  # 16 bits, each of which may differ
    assert signs.estimate_pairs(Sizes(queries=20, docs=3000)) == 20 * (2 * 17 - 1)


def test_two_equal_records_reach_the_bound(model: str, tmp_path: Path) -> None:
    for side in ("left", "right"):
        (tmp_path / f"{side}.csv").write_text("id,name\n0,w1 w2\n1,w5\n")
    (tmp_path / "pairs.csv").write_text("0,0\n")
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    collection = load(**files, store=LocalStore(tmp_path / "store"))
    pairs = find(collection, tmp_path, model=model, radius=0, max_block=2)
    assert len(pairs) == Hamming(model, radius=0, max_block=2).estimate_pairs(Sizes(queries=2, docs=2)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": -1}, "radius must be 0 or more"),
        ({"radius": 8, "bits": 8}, "less than the bits"),
        ({"radius": 1, "bits": 0}, "bits must be 1 to 4096"),
        ({"radius": 1, "max_block": 1}, "2 records or more"),
        ({"radius": 1, "k": 3}, "pairs without order"),
    ],
)
def test_mistakes_are_said(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Hamming("m", **options)  # type: ignore[arg-type]


def test_bits_differ_as_often_as_angles_say() -> None:
    """Charikar: the share of differing bits is angle / π; 3 standard errors of 4,096 planes."""
    from nirank.blocking.bit_codes import count_differences, encode_vectors
    from nirank.blocking.vector_hashing import Hyperplanes

    planes = Hyperplanes.draw(np.zeros(3, np.float32), 1, 4096, seed=2, orthogonal=False)
    angles = np.array([0.1, 0.5, 1.5, 3.0])
    vectors = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)
    codes = encode_vectors(np.vstack([np.eye(3, dtype=np.float32)[:1], vectors]), planes)
    share = count_differences(codes[1:], codes[:1]) / 4096
    expected = angles / np.pi
    assert (np.abs(share - expected) <= 3 * np.sqrt(expected * (1 - expected) / 4096)).all()
