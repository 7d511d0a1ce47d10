"""Collections made in memory are checked as those that are read from files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nirank.collections.collection import Collection
from nirank.errors import DataError, NirankError
from nirank.experiment.loading import load

DOCS = {"d1": "green tea", "d2": "roasted beans", "d3": "cocoa"}
QUERIES = {"q1": "tea", "q2": "beans"}


def test_ids_that_are_numbers_become_text_and_are_counted() -> None:
    collection = Collection.of({1: "a b", np.int64(2): "c"}, {7: "a"}, {7: {1: 1}}, candidates={7: [1, "2"]})
    assert list(collection.docs.ids) == ["1", "2"] and len(collection.qrels["qrels"]) == 1
    assert collection.candidates is not None and len(collection.candidates) == 2
    assert [(finding.code, finding.count) for finding in collection.findings if finding.code == "converted-ids"] == [
        ("converted-ids", 2),
        ("converted-ids", 1),
    ]


def test_values_become_what_json_has() -> None:
    metadata = {"at": date(2020, 1, 2), "when": pd.Timestamp("2021-05-06"), "n": np.float32(0.5), "no": float("nan")}
    metadata |= {"tags": ("a", np.int64(2)), "none": pd.NA, "never": pd.NaT, "set": {"y", "x"}}
    (record,) = Collection.of({"d": {"title": None, "text": "x", "metadata": metadata}}, {"q": "x"}).docs
    expected = {"at": "2020-01-02", "when": "2021-05-06T00:00:00", "n": 0.5, "tags": ["a", 2], "set": ["x", "y"]}
    assert {name: value for name, value in record["metadata"].items() if value is not None} == expected


def test_other_keys_are_metadata_unless_there_is_neither_title_nor_text() -> None:
    collection = Collection.of({"d": {"title": "T", "text": "x", "brand": "B"}}, {"q": "x"})
    assert (collection.docs.text_columns, list(collection.docs.read_metadata("brand"))) == (("title", "text"), ["B"])
    table = Collection.of({"d": {"name": "T", "price": 2.0}, "e": {"name": "U"}}, {"q": "x"})
    assert table.docs.text_columns == ("name", "price") and table.docs[1]["price"] == ""


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"docs": [("a", "x")]}, "documents: expected a mapping of ids to texts, got a list"),
    ({"docs": {"a": 5}}, "documents, 'a': expected a text, or a mapping"),
    ({"docs": {"a": {"text": [{"x": 1}]}}}, "documents, 'a': text is a list that holds an object"),
    ({"docs": {None: "x"}}, "the record has no _id"),
    ({"docs": {True: "x"}}, "_id is a boolean"),
    ({"docs": {1: "x", "1": "y"}}, "id '1' occurs twice"),
    ({"docs": {}}, "there are no documents"),
    ({"queries": {"q1": "", "q2": " "}}, "2 of 2 queries have no text"),
    ({"qrels": {"q1": ["d1"]}}, "query 'q1': expected .document id: label., got a list"),
    ({"qrels": {"q1": {"d1": 0.5}}}, "query 'q1', document 'd1' has label 0.5; expected a whole number"),
    ({"qrels": {"q1": {"d1": float("nan")}}}, "has label nan; expected a whole number"),
    ({"qrels": {"q1": {"d1": None}}}, "has label None; expected a whole number"),
    ({"qrels": {"q1": {"d1": 10**25}}}, "expected a whole number"),
    ({"qrels": {"q1": {"d1": "1"}}}, "has label '1'; expected a whole number"),
    ({"qrels": {"q1": {"": 1}}}, "a document id is ''; expected text or a number"),
    ({"qrels": {"q1": {"nope": 1}}}, "1 of 1 judgements name documents that the corpus lacks"),
    ({"qrels": {"nope": {"d1": 1}}}, "1 of 1 judged query ids are not among the 2 queries"),
    ({"qrels": {1: {"d1": 1}, "1": {"d1": 0}}}, "have labels 1 and 0; expected one"),
    ({"candidates": {"q1": "d1"}}, "candidates: query 'q1': expected a list of document ids, got text"),
    ({"candidates": {"q1": ["nope"]}}, "candidates: 1 of 1 name documents that the corpus lacks"),
    ({"known": ["d1"]}, "known: expected .query id: document ids., got a list"),
    ({"known": {"q1": ["nope"]}}, "known: none of its 1 pairs is of this collection"),
    ({"self_match": "ids"}, "self_match must be"),
    ({"min_rel": 0}, "min_rel must be"),
]


@pytest.mark.parametrize(("parts", "message"), REFUSED)
def test_what_cannot_be_trusted_is_refused_in_one_sentence(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(NirankError, match=message) as error:
        Collection.of(**({"docs": DOCS, "queries": QUERIES, "qrels": {"q1": {"d1": 1}, "q2": {"d2": 1}}} | parts))
    assert error.value.exit_code == 2


def test_labels_are_whole_numbers_of_any_type() -> None:
    collection = Collection.of(DOCS, QUERIES, {"q1": {"d1": 1.0, "d2": np.int8(0)}, "q2": {"d2": True}})
    assert collection.qrels["qrels"].grades.tolist() == [1, 0, 1]


def test_memory_and_files_find_the_same(tmp_path: Path) -> None:
    docs = {"d1": {"title": "Tea", "text": "Tea is green"}, "d2": {"text": ""}, "d3": {"text": "beans &amp; nuts"}}
    judged = {"q1": {"d1": 1, "d3": 0}, "q2": {"d3": 1}}
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": id, **fields}) + "\n" for id, fields in docs.items())
    )
    query_lines = "".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in QUERIES.items())
    (tmp_path / "queries.jsonl").write_text(query_lines)
    (tmp_path / "qrels").mkdir()
    lines = [f"{query}\t{doc}\t{label}\n" for query, graded in judged.items() for doc, label in graded.items()]
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    files, memory = load(tmp_path, name="c"), Collection.of(docs, QUERIES, judged, name="c")
    assert memory.docs.digest == files.docs.digest and memory.queries.digest == files.queries.digest
    of_files = {(finding.code, finding.count) for finding in files.findings}
    assert {(finding.code, finding.count) for finding in memory.findings} == of_files and of_files


def test_findings_can_be_looked_at_without_being_refused() -> None:
    collection = Collection.of(DOCS, QUERIES, {"q1": {"nope": 1}}, check=False)
    assert any(finding.severity == "error" for finding in collection.findings)
    with pytest.raises(DataError, match="judgements name documents"):
        Collection.of(DOCS, QUERIES, {"q1": {"nope": 1}})
