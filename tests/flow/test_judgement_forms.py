"""Judgements in other forms: headers by their names, pairs, other separators, SMART, JSON."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.collections.collection import Collection
from nirank.errors import DataError
from nirank.experiment.loading import load
from nirank.flow.judgement_files import QrelsFile, read_pairs, read_qrels
from nirank.forms.column_names import JudgementColumns
from nirank.store import LocalStore


def write_file(folder: Path, text: str, name: str = "g.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def list_triples(file: QrelsFile) -> list[tuple[str, str, int]]:
    return list(zip(file.query_ids.to_pylist(), file.doc_ids.to_pylist(), file.grades.tolist(), strict=True))


TWO = [("q1", "a", 1), ("q2", "b", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "corpus-id,score,query-id\na,1,q1\nb,2,q2\n",
        "Query ID;Corpus ID;Score\nq1;a;1\nq2;b;2\n",
        "qid|docno|rel\nq1|a|1\nq2|b|2\n",
        ",query_id,doc_id,label\n0,q1,a,1\n1,q2,b,2\n",
        "Unnamed: 0,query_id,doc_id,label\n0,q1,a,1\n1,q2,b,2\n",
        "query_id,doc_id,note,label\nq1,a,x,1\nq2,b,y,2\n",
        '"q1";"a";"1"\n"q2";"b";"2"\n',
        "q1,0,a,1\nq2,0,b,2\n",
        "query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t2\n",
        "\tquery-id\tcorpus-id\tscore\n0\tq1\ta\t1\n1\tq2\tb\t2\n",
    ],
)
@pytest.mark.parametrize("name", ["g.csv", "g.tsv", "g.txt"])
def test_columns_by_their_names_and_separators_by_structure(text: str, name: str, tmp_path: Path) -> None:
    assert list_triples(read_qrels(write_file(tmp_path, text, name))) == TWO


def test_what_pandas_writes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"query-id": ["q1", "q2"], "corpus-id": ["a", "b"], "score": [1.0, 2.0]}).sort_index(
        ascending=False
    )
    frame.to_parquet(tmp_path / "g.parquet")
    assert sorted(list_triples(read_qrels(tmp_path / "g.parquet"))) == TWO
    frame.astype({"score": int}).to_csv(tmp_path / "g.csv", sep=";")
    assert sorted(list_triples(read_qrels(tmp_path / "g.csv"))) == TWO


@pytest.mark.parametrize("label", ["−1", "–1", "l", "I", "one", "", "score", "1,5"])
def test_an_odd_first_label_is_refused_with_its_line(label: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"g\.qrels:1: "):
        read_qrels(write_file(tmp_path, f"q1\ta\t{label}\nq2\tb\t1\n", "g.qrels"))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("−1", r"begins with U\+2212, not with a minus sign; expected -1"),
        ("1.0", "label '1.0' is not an integer as it is written; expected 1"),
        ("1000000000", "expected up to 999,999,999"),
        ("0.25", "label '0.25' is not an integer$"),
        ("score", "a header needs the names of two columns at least"),
    ],
)
def test_the_remedy_is_said(label: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_qrels(write_file(tmp_path, f"q1 0 a {label}\n", "g.txt"))


@pytest.mark.parametrize(
    "header",
    [
        "ltable_id,rtable_id,label",
        "_id,ltable_id,rtable_id,label",
        "id1,id2,label",
        "left_id,right_id,label",
        "id1,id2",
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_sides_that_do_not_say_which_asks_are_refused(header: str, kind: str, tmp_path: Path) -> None:
    names = header.split(",")
    path = write_file(tmp_path, f"{header}\n{','.join('1' for _ in names)}\n")
    if kind == "parquet":
        path = tmp_path / "g.parquet"
        pq.write_table(pa.table({name: ["1"] for name in names}), path)
    left, right = next((a, b) for a, b in pairwise(names) if a[0] in "li" and a[:2] != "_i")
    with pytest.raises(DataError, match=f"which is the query, which the document.*query: {left}, document: {right}"):
        read_qrels(path)
    columns = JudgementColumns(query=right, document=left, label="label" if "label" in names else None)
    assert list_triples(read_qrels(path, columns)) == [("1", "1", 1)]


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "b", "c", "d"), ("query-id", "b", "score")])
def test_unknown_names_in_parquet_are_never_taken_by_place(names: tuple[str, ...], tmp_path: Path) -> None:
    pq.write_table(pa.table({name: ["1"] for name in names}), tmp_path / "g.parquet")
    with pytest.raises(DataError, match="which is the query, which the document"):
        read_qrels(tmp_path / "g.parquet")
    with pytest.raises(DataError, match="which is the query, which the document"):
        read_pairs(tmp_path / "g.parquet")


def test_a_label_under_an_unknown_name_is_not_taken_for_a_pair(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none is known to hold labels; expected one of score, label"):
        read_qrels(write_file(tmp_path, "query-id,corpus-id,weight\nq,a,0\n"))
    assert list_triples(
        read_qrels(write_file(tmp_path, "query-id,corpus-id,weight\nq,a,0\n"), JudgementColumns(label="weight"))
    ) == [("q", "a", 0)]
    with pytest.raises(DataError, match=r"there is no column 'wait'; it has .*did you mean 'weight'\?"):
        read_qrels(write_file(tmp_path, "query-id,corpus-id,weight\nq,a,0\n"), JudgementColumns(label="wait"))


# -- two tables, and one ---------------------------------------------------------------------------


def load_tables(folder: Path, store: LocalStore, **options: Any) -> Collection:
    for name, rows in (("tableA", "0,canon\n1,sony\n"), ("tableB", "0,sony\n1,canon\n")):
        write_file(folder, f"id,name\n{rows}", f"{name}.csv")
    write_file(folder, "ltable_id,rtable_id,label\n0,1,1\n1,0,0\n1,1,2\n", "gold.csv")
    return load(qrels=folder / "gold.csv", store=store, **options)


def test_tables_that_say_their_side(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    a, b = tmp_path / "tableA.csv", tmp_path / "tableB.csv"
    forward = load_tables(tmp_path, store, docs=b, queries=a)
    backward = load_tables(tmp_path, store, docs=a, queries=b)
    mirrored = [(doc, query, label) for query, doc, label in forward.qrels["qrels"].list_judgements()]
    assert ("0", "1", 1) in forward.qrels["qrels"].list_judgements()
    assert sorted(backward.qrels["qrels"].list_judgements()) == sorted(mirrored)
    shop_file = write_file(tmp_path, "id,name\n0,canon\n1,sony\n", "shop.csv")
    with pytest.raises(DataError, match="which is the query"):
        load_tables(tmp_path, store, docs=b, queries=shop_file)
    columns = {"qrels": {"query": "rtable_id", "document": "ltable_id", "label": "label"}}
    assert len(load_tables(tmp_path, store, docs=b, queries=shop_file, columns=columns).qrels["qrels"]) == 3


def test_pairs_of_one_table_hold_in_both_directions(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    records = write_file(tmp_path, "id,name\n0,Ada Park\n1,Ada Parke\n2,Bo\n3,Bo Li\n", "records.csv")
    for text in ("id1,id2\n0,1\n2,3\n", "id1,id2\n0,1\n1,0\n2,3\n", "0,1\n2,3\n"):
        collection = load(
            docs=records, queries=records, qrels=write_file(tmp_path, text, "m.csv"), self_match="id", store=store
        )
        assert {(q, d) for q, d, _ in collection.qrels["qrels"].list_judgements()} == {
            ("0", "1"),
            ("1", "0"),
            ("2", "3"),
            ("3", "2"),
        }
    named = load(
        docs=records, queries=records, qrels=write_file(tmp_path, "query_id,doc_id\n0,1\n", "m.csv"), store=store
    )
    assert ("0", "1", 1) in named.qrels["qrels"].list_judgements()


def test_two_columns_are_pairs_and_the_audit_says_so(tmp_path: Path) -> None:
    file = read_qrels(write_file(tmp_path, "q1\ta\nq2\tb\n", "g.tsv"))
    assert (list_triples(file), file.form) == ([("q1", "a", 1), ("q2", "b", 1)], "pairs")


# -- SMART and JSON --------------------------------------------------------------------------------


def test_smart_judgements(tmp_path: Path) -> None:
    cacm = read_qrels(write_file(tmp_path, "01 1410  0 0\n01 1572  0 0\n02 2434  0 0\n", "cacm.rel"))
    assert (list_triples(cacm), cacm.form) == ([("1", "1410", 1), ("1", "1572", 1), ("2", "2434", 1)], "smart")
    cisi = read_qrels(write_file(tmp_path, "     1     28\t0\t0.000000\n     1     35\t0\t0.000000\n", "CISI.REL"))
    assert list_triples(cisi) == [("1", "28", 1), ("1", "35", 1)]
    trec = read_qrels(write_file(tmp_path, "1 0 13 0\n1 0 14 0\n", "med.rel"))
    assert list_triples(trec) == [("1", "13", 0), ("1", "14", 0)], "TREC's zeros are at another place"


@pytest.mark.parametrize(
    ("value", "judged"),
    [
        ({"q1": ["a", "b"], "q2": []}, [("q1", "a", 1), ("q1", "b", 1)]),
        ({"q1": {"a": 2, "b": 0}}, [("q1", "a", 2), ("q1", "b", 0)]),
        ([{"query-id": "q1", "corpus-id": 7, "score": 1.0, "spans": [1]}], [("q1", "7", 1)]),
        ({"qid": "q1", "docid": "a", "rel": 3}, [("q1", "a", 3)]),
    ],
)
def test_json_judgements(value: Any, judged: list[tuple[str, str, int]], tmp_path: Path) -> None:
    for indent in (None, 1):
        assert list_triples(read_qrels(write_file(tmp_path, json.dumps(value, indent=indent), "g.json"))) == judged


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"q1": "a"}, "which is the query"),
        ({"q1": ["a"], "q2": 3}, "query 'q2' has a number; expected"),
        (["a"], r"g\.json:1: a string; expected"),
        ({"q1": [["a"]]}, "'q1' holds a list"),
        ({"q1": {"a": 0.5}}, r"g\.json:1: label '0.5' is not an integer"),
        ([{"query-id": "q1", "corpus-id": ["a"], "score": 1}], "'corpus-id' holds a list"),
        (3, "no judgement; expected"),
    ],
)
def test_json_that_judges_nothing(value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_qrels(write_file(tmp_path, json.dumps(value), "g.json"))
