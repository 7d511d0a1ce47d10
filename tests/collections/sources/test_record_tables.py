"""Tables of records: two or one, pair files of every form, what is text, who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.collections.collection import Collection
from nirank.collections.text_view import TextView
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore

LEFT = "id,title,text,class\n0,apple pie,sweet,7\n1,bread,,8\n2,corn,yellow,9\n"
RIGHT = "id,title,text,class\n0,bread,loaf,8\n1,pie of apples,,7\n2,corn,yellow,9\n3,dill,green,5\n"
MATCHES = {("0", "1"), ("1", "0"), ("2", "2")}  # left, right


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "tableA.csv").write_text(LEFT)
    (folder / "tableB.csv").write_text(RIGHT)
    (folder / "test.csv").write_text("ltable_id,rtable_id,label\n0,1,1\n1,0,1\n2,2,1\n2,0,0\n")
    (folder / "train.csv").write_text("ltable_id,rtable_id,label\n1,2,0\n")
    pairs = {"train": folder / "train.csv", "test": folder / "test.csv"}
    return {"left": folder / "tableA.csv", "right": folder / "tableB.csv", "pairs": pairs, "exclude": ["class"]}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text("id,name\na,apple\nb,apples\nc,corn\nd,corn\n")
    return path


def list_matches(collection: Collection) -> set[tuple[str, str]]:
    """Return the matches as (query, document)."""
    (qrels,) = collection.qrels.values()
    return {(judgement.query_id, judgement.doc_id) for judgement in qrels.list_judgements() if judgement.relevance >= 1}


def count_findings(collection: Collection) -> dict[str, int]:
    return {finding.code: finding.count for finding in collection.findings}


def test_the_side_that_asks_is_the_queries_and_the_other_the_corpus(tables, store: LocalStore) -> None:
    collection = load(**tables, store=store)
    assert (collection.name, collection.split, collection.unit, collection.relation) == (
        "shop",
        "test",
        "pair",
        "two_sided",
    )
    assert (len(collection.docs), len(collection.queries)) == (3, 4)  # all records ask, whatever the pairs name
    assert list_matches(collection) == {(right, left) for left, right in MATCHES}
    assert collection.origin["conventions"] == {"ask": "right", "excluded": "class"}
    asked_from_left = load(**tables, ask="left", store=store)
    assert (len(asked_from_left.docs), len(asked_from_left.queries), list_matches(asked_from_left)) == (4, 3, MATCHES)
    assert asked_from_left.origin["conventions"]["ask"] == "left"
    assert (asked_from_left.docs.digest, asked_from_left.queries.digest) == (
        collection.queries.digest,
        collection.docs.digest,
    )


def test_every_column_is_text_unless_it_is_excluded(tables, store: LocalStore) -> None:
    collection = load(**tables, store=store)
    assert list(collection.docs.read(TextView(("title", "text")))) == ["apple pie sweet", "bread", "corn yellow"]
    assert list(collection.docs.read(TextView("marked")))[:2] == [
        "[COL] title [VAL] apple pie [COL] text [VAL] sweet",
        "[COL] title [VAL] bread",
    ]
    assert list(collection.docs.read_metadata("class")) == ["7", "8", "9"]
    all_columns = load(**{**tables, "exclude": ()}, store=store)
    assert next(iter(all_columns.docs.read(TextView(("title", "text"))))) == "apple pie sweet 7"
    assert all_columns.docs.digest != collection.docs.digest


def test_all_columns_are_read_though_one_is_called_title(tmp_path: Path, store: LocalStore) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("id,title,brand,label\n1,camera,sony,x\n")
    collection = load(left=tmp_path / "a.csv", right=tmp_path / "b.csv", store=store)
    assert list(collection.docs.read(TextView(("title", "text")))) == ["camera sony x"]
    assert list(collection.docs.take([0]).read(TextView(("title", "text")))) == ["camera sony x"]
    assert "title-only" not in count_findings(collection)
    assert count_findings(collection)["no-judgements"] == 0
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "corpus.csv").write_text("id,title,brand,label\n1,camera,sony,x\n")
    (folder / "queries.csv").write_text("id,text\n1,camera\n")
    without_title = load(folder, store=store)
    assert list(without_title.docs.read(TextView(("title", "text")))) == ["camera"]
    assert without_title.docs.digest != collection.docs.digest


def test_the_view_of_all_columns_survives_the_store(tables, tmp_path: Path, store: LocalStore) -> None:
    from nirank.collections.texts import Texts

    texts = load(**tables, store=store).docs
    place = tmp_path / "saved"
    place.mkdir()
    texts.take([0, 1, 2]).save(place)
    stored = Texts.open(place)
    assert stored.digest == texts.digest
    assert list(stored.read(TextView(("title", "text")))) == list(texts.read(TextView(("title", "text"))))


PAIR_FILES = {
    "magellan.csv": "_id,ltable_id,rtable_id\n0,0,1\n1,1,0\n2,2,2\n",
    "pandas.csv": ",ltable_id,rtable_id,label\n0,0,1,1\n1,1,0,1\n2,2,2,1\n3,2,0,0\n",
    "bare.csv": "0,1\n1,0\n2,2\n",
    "bare_labels.csv": "0,1,1\n1,0,1\n2,2,1\n0,0,0\n",
    "jedai.csv": "D1|D2\n0|1\n1|0\n2|2\n",
    "ids.tsv": "id1\tid2\n0\t1\n1\t0\n2\t2\n",
    "truth.csv": "ltable_id,rtable_id,label\n0,1,True\n1,0,True\n2,2,True\n3,3,False\n",
    "gold.csv": "ltable_id,rtable_id,gold\n0,1,1\n1,0,1\n2,2,1\n3,3,0\n",
    "named.csv": "query-id,corpus-id,score\n1,0,1\n0,1,1\n2,2,1\n",  # says itself which side asks: the right one
}


@pytest.mark.parametrize("name", [*PAIR_FILES, "pairs.parquet"])
@pytest.mark.parametrize("ask", ["right", "left"])
def test_pair_files_of_every_form(name: str, ask: str, tables, tmp_path: Path, store: LocalStore) -> None:
    path = tmp_path / name
    if name in PAIR_FILES:
        path.write_text(PAIR_FILES[name])
    else:
        pq.write_table(pa.table({"ltable_id": [0, 1, 2, 2], "rtable_id": [1, 0, 2, 0], "label": [1, 1, 1, 0]}), path)
    if name == "named.csv" and ask == "left":
        pytest.skip("its columns say that the right side asks")
    collection = load(**{**tables, "pairs": path}, ask=ask, store=store, check=False)
    expected = {(right, left) for left, right in MATCHES} if ask == "right" else MATCHES
    assert (collection.split, list_matches(collection)) == (None, expected)


def test_one_table(table: Path, tmp_path: Path, store: LocalStore) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("id1,id2,label\na,b,1\nb,a,1\nc,c,1\nd,c,1\na,c,0\na,x,1\n")
    collection = load(records=table, pairs={"gold": pairs}, max_dangling=1, store=store)
    assert (collection.relation, collection.unit, collection.split, collection.self_match) == (
        "self",
        "pair",
        "gold",
        "id",
    )
    assert list_matches(collection) == {("a", "b"), ("b", "a"), ("c", "c"), ("c", "d"), ("d", "c"), ("a", "x")}
    assert collection.origin["counts"]["pairs"] == 5  # a b, c c, c d, a c, a x
    assert repr(collection) == "<Collection one/gold: 4 records, pairs: 5 labels>".replace("one", tmp_path.name)
    assert collection.scope is not None
    assert not collection.scope.allows([0, 1], [0, 1]).any()
    assert collection.scope.allows([0, 1], [1, 0]).all()
    expected = {"mirrored-pairs": 1, "own-pairs": 1, "absent-records": 1, "repeated-records": 1}
    assert {key: count_findings(collection)[key] for key in expected} == expected
    load(records=table, pairs=pairs, max_dangling=1, expect={"pairs": 5, "judgements": 5}, store=store)


@pytest.mark.parametrize("header", ["", "query-id,corpus-id,score\n", "id1,id2,label\n"])
def test_pairs_of_one_table_hold_in_both_directions(
    header: str, table: Path, tmp_path: Path, store: LocalStore
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"{header}a,b,1\n")
    assert list_matches(load(records=table, pairs=pairs, store=store)) == {("a", "b"), ("b", "a")}
    pairs.write_text(f"{header}a,b,1\nb,a,0\n")
    with pytest.raises(DataError, match="have labels"):
        load(records=table, pairs=pairs, store=store)


def test_some_records_of_one_table_are_another_side(table: Path, store: LocalStore) -> None:
    collection = load(records=table, store=store)
    assert collection.sample(2).relation == "two_sided"
    assert collection.sample(4).relation == "self"


def test_no_pairs_and_other_splits(tables, store: LocalStore) -> None:
    collection = load(**{**tables, "pairs": None}, store=store)
    assert (collection.split, dict(collection.qrels), collection.open_split) == (None, {}, collection.open_split)
    test_collection = load(**tables, store=store)
    assert test_collection.open_split is not None
    train = test_collection.open_split("train")
    assert (train.split, len(train.qrels["pairs"]), train.docs.digest) == ("train", 1, test_collection.docs.digest)
    two = dict.fromkeys(("one", "other"), tables["pairs"]["train"])
    with pytest.raises(ConfigError, match="has several splits; choose one of one, other"):
        load(**{**tables, "pairs": two}, store=store)


def test_several_files_are_one_set(tables, tmp_path: Path, store: LocalStore) -> None:
    """As figures over all labelled pairs need it; a pair that stands in two files counts once."""
    train, test = tables["pairs"]["train"], tables["pairs"]["test"]
    more_pairs = tmp_path / "more.csv"
    more_pairs.write_text("ltable_id,rtable_id\n0,1\n2,3\n")
    collection = load(
        **tables | {"pairs": {"test": test, "all": [str(train), test, more_pairs]}}, split="all", store=store
    )
    assert list_matches(collection) == {(right, left) for left, right in {*MATCHES, ("2", "3")}}
    assert len(collection.qrels["pairs"]) == 6
    assert load(**tables | {"pairs": [train, test]}, store=store).split is None
    more_pairs.write_text("ltable_id,rtable_id,label\n2,0,1\n")
    with pytest.raises(DataError, match=r"test\.csv and .*more\.csv.*have labels 0 and 1"):
        load(**tables | {"pairs": {"all": [test, more_pairs]}}, store=store)


def test_named_columns(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "a.csv").write_text("key,name\n7,apple\n")
    (tmp_path / "b.csv").write_text("code,name\n9,apples\n")
    (tmp_path / "p.csv").write_text("idAbt,idBuy,same\n7,9,1\n")
    columns = {
        "left": {"id": "key"},
        "right": {"id": "code"},
        "pairs": {"left": "idAbt", "right": "idBuy", "label": "same"},
    }
    files = {"left": tmp_path / "a.csv", "right": tmp_path / "b.csv", "pairs": tmp_path / "p.csv", "columns": columns}
    assert list_matches(load(**files, store=store)) == {("9", "7")}
    assert list_matches(load(**files, ask="left", store=store)) == {("7", "9")}
    (tmp_path / "b.csv").write_text("key,name\n9,apples\n")
    assert list_matches(load(**{**files, "columns": {"id": "key", "pairs": columns["pairs"]}}, store=store)) == {
        ("9", "7")
    }
    with pytest.raises(
        DataError, match=r"columns idAbt, idBuy, same: which is the left record, .*: \{pairs: \{left: …"
    ):
        load(**{**files, "columns": {"id": "key", "pairs": {"label": "same"}}}, store=store)
    with pytest.raises(DataError, match=r"b\.csv: there is no column 'code'"):
        load(**files, store=store)
    with pytest.raises(ConfigError, match="columns: 'docs': expected"):
        load(**{**files, "columns": {"docs": {"id": "key"}}}, store=store)


def test_json_records_have_the_columns_of_all(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "name": "apple"}\n{"id": 2, "price": 3.0, "name": null}\n')
    collection = load(records=tmp_path / "a.jsonl", store=store)
    assert list(collection.docs.read(TextView(("title", "text")))) == ["apple", "3"]
    assert list(collection.docs.read(TextView("marked"))) == ["[COL] name [VAL] apple", "[COL] price [VAL] 3"]


@pytest.mark.parametrize("tables_end", ["", "1,bread\n"])
@pytest.mark.parametrize("pairs_end", ["", "1,1,1\n"])
def test_tables_and_pairs_of_nothing(tables_end: str, pairs_end: str, tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "a.csv").write_text("id,name\n" + tables_end)
    (tmp_path / "p.csv").write_text("ltable_id,rtable_id,label\n" + pairs_end)
    (tmp_path / "b.csv").write_text("id,name\n1,bread\n")
    pairs = {"train": tmp_path / "p.csv", "test": tmp_path / "p.csv"}
    collection = load(left=tmp_path / "a.csv", right=tmp_path / "b.csv", pairs=pairs, store=store, check=False)
    assert ("no-documents" in count_findings(collection)) == (not tables_end)
    assert ("absent-records" in count_findings(collection)) == (not tables_end and bool(pairs_end))
    collection = load(records=tmp_path / "a.csv", pairs=pairs, store=store, check=False)
    assert (len(collection.docs), len(collection.qrels["pairs"])) == (bool(tables_end), bool(tables_end and pairs_end))


def test_columns_that_stand_the_other_way_round(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "a.csv").write_text("id,name\na1,apple\na2,bread\n")
    (tmp_path / "b.csv").write_text("id,name\nb1,apple\nb2,bread\n")
    (tmp_path / "p.csv").write_text("b1,a1\nb2,a2\n")
    files = {"left": tmp_path / "a.csv", "right": tmp_path / "b.csv", "pairs": tmp_path / "p.csv"}
    with pytest.raises(DataError, match="2 would be there if left and right were exchanged"):
        load(**files, store=store)
    (tmp_path / "p.csv").write_text("idAbt,idBuy\na1,b1\na2,b2\n")
    with pytest.raises(DataError, match="if it is a header, say columns"):
        load(**files, store=store)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"right": None}, "right is missing: two tables are left and right"),
        ({"left": None, "right": None}, "pairs, exclude goes with tables of records"),
        ({"records": "x.csv"}, "records is one table and left and right are two"),
        ({"ask": "rigth"}, "ask: expected right, left or both, got 'rigth'; did you mean 'right'"),
        (
            {"exclude": ["clas"]},
            "exclude: there is no column 'clas' of text; there are title, text, class; did you mean",
        ),
        ({"exclude": 3}, "exclude: expected names of columns, got 3"),
        ({"qrels": "x.tsv"}, "qrels does not go with tables of records"),
        ({"self_match": "id"}, "self_match does not go with tables of records"),
        ({"source": "python-stdlib"}, "left is for collections without a source"),
        ({"split": "tset"}, "there is no split 'tset'; it has test, train; did you mean 'test'"),
    ],
)
def test_mistakes(changed: dict[str, Any], message: str, tables, store: LocalStore) -> None:
    with pytest.raises(ConfigError) as error:
        load(**{**tables, **changed}, store=store)
    assert message in str(error.value).replace("?", "")


def test_files_that_are_not_there(tables, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(ConfigError, match=r"right: .*tableC\.csv: there is no such file or folder"):
        load(**{**tables, "right": tmp_path / "shop" / "tableC.csv"}, store=store)
    with pytest.raises(ConfigError, match=r"pairs: test: .*tets\.csv: there is no such file; did you mean"):
        load(**{**tables, "pairs": {"test": tmp_path / "shop" / "tets.csv"}}, store=store)
    with pytest.raises(ConfigError, match="left and right are the same file"):
        load(**{**tables, "right": tables["left"]}, store=store)


def test_a_column_of_text_called_metadata(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "a.csv").write_text("id,name,metadata\n1,apple,red\n")
    with pytest.raises(DataError, match=r"a\.csv:2: a column of text cannot be called metadata; rename or exclude it"):
        load(records=tmp_path / "a.csv", store=store)
    collection = load(records=tmp_path / "a.csv", exclude="metadata", store=store)
    assert list(collection.docs.read_metadata("metadata")) == ["red"]


def test_records_are_numbered_where_null_stands_for_the_column_of_ids(tmp_path: Path, store: LocalStore) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part, names in (("a", ("saw", "rake")), ("b", ("drill",))):
        (folder / f"{part}.csv").write_text("name;size\n" + "".join(f"{name};1\n" for name in names))
    pq.write_table(pa.table({"name": ["a saw", "a drill"]}), tmp_path / "right.parquet")
    (tmp_path / "pairs.csv").write_text("left,right,label\n0,0,1\n2,1,1\n")
    options = {"left": folder, "right": tmp_path / "right.parquet", "pairs": tmp_path / "pairs.csv", "store": store}
    collection = load(**options, columns={"id": None})
    assert list(collection.docs.read(TextView("name"))) == ["saw", "rake", "drill"]
    assert (list(collection.docs.ids), list(collection.queries.ids)) == (["0", "1", "2"], ["0", "1"])
    assert len(collection.qrels["pairs"]) == 2
    with pytest.raises(DataError, match="where null numbers the records"):
        load(**options, columns={"right": {"id": None}})
