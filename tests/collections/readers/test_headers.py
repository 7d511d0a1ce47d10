"""Names of columns: known ones however they are spelt, those that the user gives, and labels that are never text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def load_file(folder: Path, store: LocalStore, text: str, name: str = "d.csv", **options: Any) -> Collection:
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "q.jsonl").write_text('{"_id": "q", "text": "tea"}\n')
    return load(docs=folder / name, queries=folder / "q.jsonl", store=store, **options)


@pytest.mark.parametrize(
    "header",
    [
        "id,Title,Abstract",
        "ID , TITLE,abstract ",
        "Document ID,title,doc_text",
        "doc-id,Headline,Full Text",
        "_id,title,text",
    ],
)
def test_letter_case_blanks_and_hyphens_do_not_count(header: str, tmp_path: Path, store: LocalStore) -> None:
    collection = load_file(tmp_path, store, f"{header}\nd1,Tea,green leaves\n")
    assert collection.docs[0] == {"id": "d1", "title": "Tea", "text": "green leaves", "metadata": {}}
    tabs = load_file(tmp_path, store, f"{header}\nd1,Tea,green leaves\n".replace(",", "\t"), "d.tsv")
    assert tabs.docs[0] == collection.docs[0]


def test_keys_of_objects_too(tmp_path: Path, store: LocalStore) -> None:
    collection = load_file(tmp_path, store, '{"_id": "d1", "title": "Tea", "Text": "green"}\n', "d.jsonl")
    assert collection.docs[0]["text"] == "green"
    exact = load_file(tmp_path, store, '{"_id": "d1", "Text": "other", "text": "green"}\n', "d.jsonl")
    assert exact.docs[0] == {"id": "d1", "title": "", "text": "green", "metadata": {"Text": "other"}}
    with pytest.raises(DataError, match=r"d\.jsonl:1: 'Text' and 'TEXT' are one name but for their spelling; name one"):
        load_file(tmp_path, store, '{"_id": "d1", "Text": "other", "TEXT": "green"}\n', "d.jsonl")


def test_text_under_an_unknown_key_is_an_error(tmp_path: Path, store: LocalStore) -> None:
    lines = '{"_id": "d1", "wording": "tea"}\n{"_id": "d2", "wording": "cocoa"}\n'
    with pytest.raises(
        DataError, match=r"no record has a title or a text; found '_id', 'wording'; .*columns: \{text: wording\}"
    ):
        load_file(tmp_path, store, lines, "d.jsonl")
    assert load_file(tmp_path, store, lines, "d.jsonl", columns={"text": "wording"}).docs[1]["text"] == "cocoa"
    collection = load_file(tmp_path, store, lines, "d.jsonl", columns={"text": []})
    assert collection.docs[1]["metadata"] == {"wording": "cocoa"}


def test_all_blank_is_an_error_but_ids_alone_are_none(tmp_path: Path, store: LocalStore) -> None:
    for text, name in (
        ('{"_id": "d1", "text": ""}\n{"_id": "d2", "text": " "}\n', "d.jsonl"),
        ("id,text\nd1,\nd2,\n", "d.csv"),
        ("id,name,price\nd1,,\nd2,,\n", "d.csv"),
    ):
        with pytest.raises(DataError, match="all 2 records are blank"):
            load_file(tmp_path, store, text, name)
    assert len(load_file(tmp_path, store, '{"_id": "d1"}\n{"_id": "d2"}\n', "d.jsonl").docs) == 2


def test_named_columns(tmp_path: Path, store: LocalStore) -> None:
    text = "key,notes,summary,title,included\n1,red,tea leaves,x,1\n2,,coffee,y,0\n"
    columns = {"id": "key", "text": ["summary", "notes"], "title": "title", "label": "included"}
    collection = load_file(tmp_path, store, text, columns=columns)
    assert collection.docs[0] == {"id": "1", "title": "x", "text": "tea leaves red", "metadata": {"included": "1"}}
    assert collection.docs[1]["text"] == "coffee"
    assert collection.qrels["qrels"].list_judgements() == [("q", "1", 1), ("q", "2", 0)]
    tabs = load_file(tmp_path, store, text.replace(",", "\t"), "d.tsv", columns={"docs": columns})
    assert tabs.docs.digest == collection.docs.digest
    plain = load_file(tmp_path, store, text.replace("key", "id"))
    assert plain.docs[0]["text"] == "", "another address: what is asked of the columns counts"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": "sumary"}, r"there is no column 'sumary'; it has id, summary, included; did you mean 'summary'\?"),
        ({"id": "key"}, "there is no column 'key'"),
        ({"label": "label"}, "there is no column 'label'"),
        ({"queries": {"text": "query"}}, r"q\.jsonl: there is no column 'query'; it has _id, text"),
        ({"txt": "summary"}, r"columns: docs: there is no 'txt'; expected .*; did you mean 'text'\?"),
        ({"docs": {"id": 3}}, "columns: docs: id: expected the name of a column, got 3"),
        ({"docs": {}, "text": "x"}, "columns: 'text' stands beside docs"),
        ("text", "columns: expected a mapping"),
        ({"queries": {"label": "x"}}, "columns: queries: there is no column of labels"),
        ({"qrels": {"doc": "x"}}, "columns: qrels: there is no 'doc'; expected query, document, label"),
    ],
)
def test_names_that_are_not_there(columns: Any, message: str, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        load_file(tmp_path, store, "id,summary,included\n1,tea,1\n", columns=columns)


def test_columns_are_for_files_that_have_some(tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(ConfigError, match="columns names columns of files"):
        load("python-stdlib", columns={"text": "x"}, store=store)
    with pytest.raises(DataError, match="in the form of TREC documents, which has no columns to name"):
        load_file(tmp_path, store, "<DOC>\n<DOCNO>d</DOCNO>\ntea\n</DOC>\n", "d.trec", columns={"text": "x"})


@pytest.mark.parametrize("label", ["label_included", "Label", "included", "relevant"])
def test_labels_and_row_numbers_of_a_table_are_never_text(label: str, tmp_path: Path, store: LocalStore) -> None:
    from nirank.collections.text_view import TITLE_AND_TEXT, TextView

    collection = load_file(tmp_path, store, f",id,name,{label}\n0,a,tea,1\n1,b,coffee,0\n")
    assert list(collection.docs.read(TextView(TITLE_AND_TEXT))) == ["tea", "coffee"]
    assert collection.docs[0]["metadata"] == {"Unnamed: 0": "0", label: "1"}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_in_csv(separator: str, tmp_path: Path, store: LocalStore) -> None:
    text = 'record_id,title,abstract\n1,"Tea, green",leaves\n2,Coffee,"be""ans"\n'.replace(",", separator, 2)
    body = "\n".join(line if at == 0 else line.replace(",", separator) for at, line in enumerate(text.splitlines()))
    collection = load_file(tmp_path, store, body + "\n")
    assert (collection.docs.ids[1], collection.docs[1]["text"]) == ("2", 'be"ans')


def test_a_header_without_ids_says_what_separates(tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match="no column holds ids; found name, text; expected one of _id, id, .*record_id"):
        load_file(tmp_path, store, "name;text\nx;y\n")


def test_files_with_other_columns_in_one_folder(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_text("id,name\na,tea\n")
    (tmp_path / "d" / "2.csv").write_text("id,name,price\nb,coffee,3\n")
    (tmp_path / "q.jsonl").write_text('{"_id": "q", "text": "tea"}\n')
    with pytest.raises(DataError, match=r"2\.csv:2: has columns name, price; expected name, as in the first file"):
        load(docs=tmp_path / "d", queries=tmp_path / "q.jsonl", store=store)


def test_a_header_says_what_separates_even_where_a_row_is_wrong(tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=r"d\.csv:2: 3 columns; expected 2: id, text"):
        load_file(tmp_path, store, "id;text\na;tea;green\n")
