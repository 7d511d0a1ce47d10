"""Cells that are no strings: one conversion for ids, texts and judgements, whatever file they stand in."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.collections.collection import Collection
from nirank.errors import DataError
from nirank.experiment.loading import load
from nirank.flow.judgement_files import read_qrels
from nirank.forms.cells import NotText, cell_to_id, cell_to_text, cell_to_value
from nirank.store import LocalStore


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("Straße".encode(), "Straße"),
        (7, "7"),
        (7.0, "7"),
        (0.5, "0.5"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        (Decimal("7.000"), "7"),
        (Decimal("0.50"), "0.50"),
        (True, "true"),
        (date(2020, 1, 2), "2020-01-02"),
        (None, None),
        (float("nan"), None),
        (Decimal("NaN"), None),
        (["a", "b", None, 3], "a b 3"),
    ],
)
def test_a_cell_as_text(value: Any, text: str | None) -> None:
    assert cell_to_text(value) == text


def test_what_is_no_text() -> None:
    for value, message in (({"a": 1}, "an object"), ([["a"]], "a list that holds a list"), (b"\xe4", "not UTF-8")):
        with pytest.raises(NotText, match=message):
            cell_to_text(value)
    for value in (True, ["a"], {"a": 1}):
        with pytest.raises(NotText):
            cell_to_id(value)
    assert cell_to_value({"a": [b"x", float("inf"), True, 1.0], b"k": None}) == {"a": ["x", None, True, 1.0]}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def load_cells(folder: Path, store: LocalStore, columns: dict[str, Any]) -> Collection:
    pq.write_table(pa.table(columns), folder / "corpus.parquet")
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "tea"}\n')
    return load(docs=folder / "corpus.parquet", queries=folder / "queries.jsonl", store=store, check=False)


def test_text_stored_as_bytes_is_read_as_text(tmp_path: Path, store: LocalStore) -> None:
    cells = [value.encode() for value in ("grüner Tee", "Kaffee")]
    collection = load_cells(tmp_path, store, {"_id": [b"d1", b"d2"], "text": cells, "note": cells})
    assert collection.docs[0] == {"id": "d1", "title": "", "text": "grüner Tee", "metadata": {"note": "grüner Tee"}}
    assert not [finding for finding in collection.findings if finding.code in ("converted-ids", "made-texts")], (
        "bytes are text"
    )
    table = load_cells(tmp_path, store, {"_id": [b"d1", b"d2"], "name": cells})
    assert table.docs[0]["name"] == "grüner Tee"


@pytest.mark.parametrize("name", ["text", "note", "name"])
def test_bytes_that_are_no_text_are_refused_with_row_and_column(name: str, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=rf"corpus\.parquet:2: {name} .*bytes that are not UTF-8"):
        load_cells(
            tmp_path,
            store,
            {"_id": ["a", "b"], name: [b"tea", b"\xe4"], **({"text": ["x", "y"]} if name == "note" else {})},
        )


def test_ids_are_the_same_in_texts_and_judgements(tmp_path: Path, store: LocalStore) -> None:
    kinds = {
        "float": pa.array([1.0, 2.0]),
        "int": pa.array([1, 2]),
        "decimal": pa.array([Decimal("1.00"), Decimal("2.00")]),
        "bytes": pa.array([b"1", b"2"]),
        "text": pa.array(["1", "2"]),
        "dictionary": pa.array(["1", "2"]).dictionary_encode(),
    }
    for kind, ids in kinds.items():
        collection = load_cells(tmp_path, store, {"_id": ids, "text": ["tea", "coffee"]})
        assert list(collection.docs.ids) == ["1", "2"], kind
        pq.write_table(pa.table({"query-id": ["q", "q"], "corpus-id": ids, "score": ids}), tmp_path / "q.parquet")
        judged = read_qrels(tmp_path / "q.parquet")
        assert (judged.doc_ids.to_pylist(), judged.grades.tolist()) == (["1", "2"], [1, 2]), kind
    (tmp_path / "corpus.jsonl").write_text('{"_id": 1.0, "text": "tea"}\n{"_id": 2, "text": "x"}\n')
    collection = load(docs=tmp_path / "corpus.jsonl", queries=tmp_path / "queries.jsonl", store=store)
    assert list(collection.docs.ids) == ["1", "2"]
    assert {finding.code: finding.count for finding in collection.findings}["converted-ids"] == 2


def test_texts_that_were_no_strings_are_counted(tmp_path: Path, store: LocalStore) -> None:
    rows = [
        {"_id": "a", "text": ["one sentence.", "another"]},
        {"_id": "b", "title": 0, "text": None},
        {"_id": "c", "text": "x"},
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "q.jsonl").write_text('{"_id": "q", "text": "tea"}\n')
    collection = load(docs=tmp_path / "d.jsonl", queries=tmp_path / "q.jsonl", store=store)
    assert [collection.docs[row]["text"] for row in (0, 1)] == ["one sentence. another", ""]
    assert collection.docs[1]["title"] == "0"
    assert {finding.code: finding.count for finding in collection.findings}["made-texts"] == 2


def test_nested_parquet_is_refused_in_a_sentence(tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=r"corpus\.parquet:1: text is an object; expected text, or a list of texts"):
        load_cells(tmp_path, store, {"_id": ["a"], "text": [{"en": "tea"}]})
    with pytest.raises(DataError, match=r"corpus\.parquet:1: _id is an object"):
        load_cells(tmp_path, store, {"_id": [{"n": 1}], "text": ["tea"]})
    collection = load_cells(tmp_path, store, {"_id": ["a"], "text": ["tea"], "more": [{"year": 2001, "tags": ["x"]}]})
    assert collection.docs[0]["metadata"] == {"more": {"year": 2001, "tags": ["x"]}}
    with pytest.raises(DataError, match=r"g\.parquet: column 'score' holds lists; expected ids or numbers"):
        pq.write_table(pa.table({"query-id": ["q"], "corpus-id": ["a"], "score": [[1]]}), tmp_path / "g.parquet")
        read_qrels(tmp_path / "g.parquet")
    pq.write_table(
        pa.table({"query-id": ["q"], "corpus-id": ["a"], "score": [1], "spans": [[1, 2]]}), tmp_path / "g.parquet"
    )
    assert len(read_qrels(tmp_path / "g.parquet")) == 1, "a column that is not needed may hold anything"


def test_times_that_python_cannot_hold(tmp_path: Path, store: LocalStore) -> None:
    far = pa.array([2**62], pa.timestamp("us"))
    with pytest.raises(DataError, match=r"corpus\.parquet: a value after row 0 cannot be read"):
        load_cells(tmp_path, store, {"_id": ["a"], "text": ["tea"], "when": far})
