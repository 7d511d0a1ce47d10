"""The synthetic persons of experiments/blocking/make_people.py are the same everywhere, and what its text says of them."""

from __future__ import annotations

import importlib
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "blocking"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("make_people")


def test_a_seed_makes_the_same_files_everywhere(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["make_people.py", "--records", "2000", "--seed", "7", "--out", str(tmp_path)])
    script.main()
    content = b"".join((tmp_path / name).read_bytes() for name in ("corpus.csv", "queries.csv", "qrels/complete.tsv"))
    assert sha256(content).hexdigest()[:16] == "2c99e9fe4a451588"


def test_a_tenth_of_either_table_has_no_partner(script: ModuleType) -> None:
    left, right, matches = script.make_tables(2000, 1)
    assert (len(left), len(right), len(matches)) == (1000, 1000, 900)
    assert {right_row for right_row, _ in matches} < set(range(1000))
    assert len({left_row for _, left_row in matches}) == 900


def test_a_copy_has_faults_and_is_still_like_its_person(script: ModuleType) -> None:
    left, right, matches = script.make_tables(2000, 1)
    n_equal_fields = [sum(a == b for a, b in zip(right[i], left[j], strict=True)) for i, j in matches]
    assert sum(count == len(script.FIELDS) for count in n_equal_fields) < 45  # a fault can leave a record as it is
    assert min(n_equal_fields) >= 4 and 6.5 < sum(n_equal_fields) / len(n_equal_fields) < 8


def test_another_seed_makes_other_persons_of_the_same_names(script: ModuleType) -> None:
    (first, *_), (second, *_) = script.make_tables(20_000, 1), script.make_tables(20_000, 2)
    assert not {tuple(person) for person in first} & {tuple(person) for person in second}
    names = [{person[0] for person in people} for people in (first, second)]
    assert len(names[0] & names[1]) > 0.8 * len(names[0])
