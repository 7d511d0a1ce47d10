"""Collections in files: layouts, versions, judgement sets, candidates, tables and TREC files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore

DOCS = {"a": "apples", "b": "bread", "c": "corn"}


def write_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def to_json_lines(texts: dict[str, str]) -> str:
    return "".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in texts.items())


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_file(tmp_path / "c" / "corpus.jsonl", to_json_lines(DOCS))
    write_file(tmp_path / "c" / "queries.jsonl", to_json_lines({"q1": "fruit", "q2": "rolls", "q3": "ears"}))
    write_file(tmp_path / "c" / "qrels" / "test.tsv", "q1\ta\t2\nq1\tb\t1\nq2\tb\t1\n")
    return tmp_path / "c"


def count_findings(collection: Collection) -> dict[str, int]:
    return {finding.code: finding.count for finding in collection.findings}


# -- versions of the queries ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["queries.question.jsonl", "queries-question.jsonl.gz", "queries.question.tsv"])
def test_a_version_of_the_queries(name: str, folder: Path, store: LocalStore) -> None:
    write_file(
        folder / name,
        "q1\twhich fruit?\nq2\twhich rolls?\n" if name.endswith("tsv") else to_json_lines({"q1": "which fruit?"}),
    )
    collection = load(folder, queries="question", store=store)
    assert (collection.name, collection.queries[0]["text"]) == ("c-question", "which fruit?")
    assert collection.origin["conventions"]["queries"] == "question"
    assert load(folder, store=store).queries[0]["text"] == "fruit"
    with pytest.raises(
        ConfigError, match=r"no queries in version 'qestion'; it has question; did you mean 'question'\?"
    ):
        load(folder, queries="qestion", store=store)


def test_a_version_has_the_metadata_of_the_plain_queries(folder: Path, store: LocalStore) -> None:
    plain = [{"_id": "q1", "text": "x", "metadata": {"own": "a", "n": 1}}, {"_id": "q2", "text": "y"}]
    write_file(folder / "queries.jsonl", "".join(json.dumps(query) + "\n" for query in plain))
    write_file(
        folder / "queries.v.jsonl", '{"_id": "q1", "text": "z", "metadata": {"n": 2}}\n{"_id": "q2", "text": "w"}\n'
    )
    collection = load(folder, queries="v", self_match={"key": "own"}, store=store)
    assert collection.queries[0] == {"id": "q1", "title": "", "text": "z", "metadata": {"own": "a", "n": 2}}
    own_rows = collection.find_own_documents()
    assert own_rows is not None and own_rows.tolist() == [0, -1]
    write_file(folder / "queries.jsonl", "".join(json.dumps(query) + "\n" for query in plain).replace('"a"', '"b"'))
    assert load(folder, queries="v", store=store).queries[0]["metadata"]["own"] == "b", "imported again"


def test_a_file_of_queries_instead(folder: Path, store: LocalStore, tmp_path: Path) -> None:
    collection = load(
        folder,
        queries=write_file(tmp_path / "mine.csv", 'id,text\nq2,"buns, and\nrolls"\n'),
        store=store,
        max_dangling=1,
        check=False,
    )
    assert collection.queries[0]["text"] == "buns, and\nrolls"


# -- judgement sets ------------------------------------------------------------------------------


def test_named_judgement_sets(folder: Path, store: LocalStore) -> None:
    write_file(folder / "qrels" / "test.content.tsv.gz", "q1\ta\t1\n")
    write_file(folder / "qrels" / "dev.csv", "doc_id,query_id,label\nc,q3,1\n")
    collection = load(folder, store=store)
    assert {name: len(judgements) for name, judgements in collection.qrels.items()} == {"qrels": 3, "content": 1}
    assert [judgements.name for judgements in collection.qrels.values()] == ["qrels", "content"]
    dev = load(folder / "dev", store=store)
    assert dev.qrels["qrels"].list_judgements() == [("q3", "c", 1)], "columns by their names"


def test_thresholds_and_files_by_set(folder: Path, store: LocalStore, tmp_path: Path) -> None:
    path = write_file(tmp_path / "other.test.txt", "q2 0 c 1\n")
    qrels = {"broad": {"min_rel": 1}, "strict": {"min_rel": 2}, "mine": str(tmp_path / "other.{split}.txt")}
    collection = load(folder, qrels=qrels, store=store)
    assert {name: judgements.count_relevant().sum() for name, judgements in collection.qrels.items()} == {
        "broad": 3,
        "strict": 1,
        "mine": 1,
    }
    assert len(load(folder, qrels=path, store=store).qrels["qrels"]) == 1
    with pytest.raises(ConfigError, match="no option 'minrel'; expected path and min_rel"):
        load(folder, qrels={"x": {"minrel": 2}}, store=store)
    with pytest.raises(ConfigError, match="min_rel must be an integer from 1, got 0"):
        load(folder, qrels={"x": {"min_rel": 0}}, store=store)


# -- candidates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["candidates.tsv", "candidates.tsv.gz", "candidates/test.csv"])
@pytest.mark.parametrize("header", [True, False])
def test_candidates(name: str, header: bool, folder: Path, store: LocalStore) -> None:
    sep = "," if name.endswith("csv") else "\t"
    rows = [("q1", "b"), ("q1", "a"), ("q1", "a"), ("q2", "c"), ("q3", "a")]
    head = f"query-id{sep}corpus-id\r\n" if header else ""
    write_file(folder / name, head + "".join(f"{q}{sep}{d}\r\n" for q, d in rows))
    collection = load(folder, store=store)
    assert collection.candidates is not None
    assert collection.candidates.to_dict() == {"q1": ["a", "b"], "q2": ["c"]}, "declared queries only"
    assert count_findings(collection)["repeated-candidates"] == 1
    assert count_findings(collection)["relevant-outside-candidates"] == 1
    without_candidates = load(folder, candidates=False, store=store)
    assert (without_candidates.candidates, without_candidates.origin["conventions"]["candidates"]) == (None, "not used")


def test_candidates_outside_the_corpus(folder: Path, store: LocalStore) -> None:
    write_file(folder / "candidates.tsv", "q1\ta\nq1\tNOPE\nq1\tb\nq9\ta\n")
    with pytest.raises(DataError, match=r"candidates: 1 of 3 name documents that the corpus lacks .*\(q1 NOPE\)"):
        load(folder, store=store)
    findings = count_findings(load(folder, store=store, max_dangling=0.5))
    assert findings["candidates-outside"] == 1
    assert findings["candidates-without-query"] == 1
    assert findings["no-candidates"] == 1, "q2 has none, and gets no results"


def test_candidates_may_be_listed_with_labels(folder: Path, store: LocalStore) -> None:
    write_file(folder / "candidates.tsv", "q1\ta\t1\nq1\tb\t0\n")
    pairs = load(folder, store=store).candidates
    assert pairs is not None and pairs.to_dict()["q1"] == ["a", "b"]


@pytest.mark.parametrize(("text", "message"), [("q1\ta\n\t b\n", ":2: ")])
def test_candidate_files_that_are_none(text: str, message: str, folder: Path, store: LocalStore) -> None:
    write_file(folder / "candidates.tsv", text)
    with pytest.raises(DataError, match=message):
        load(folder, store=store)


# -- tables, TREC files, files one by one --------------------------------------------------------


def test_files_one_by_one_in_every_form(tmp_path: Path, store: LocalStore) -> None:
    forms = {
        "docs.tsv": "a\tapples\nb\tbread\nc\tcorn\n",
        "docs.csv": "docid,contents\na,apples\nb,bread\nc,corn\n",
        "array.json": json.dumps([{"id": id, "text": text} for id, text in DOCS.items()]),
        "docs.jsonl": "".join(json.dumps({"id": id, "contents": text}) + "\n" for id, text in DOCS.items()),
        "docs.txt": "".join(
            f"<DOC>\n<DOCNO> {id} </DOCNO>\n<TEXT>\n{text}\n</TEXT>\n</DOC>\n" for id, text in DOCS.items()
        ),
    }
    queries = write_file(
        tmp_path / "topics.txt",
        "<top lang='en'>\n<num> Number: q1\n<title> fruit\n\n<desc> Description:\nmore\n</top>\n",
    )
    qrels = write_file(tmp_path / "qrels.txt", "q1 0 a 1\n")
    pq.write_table(pa.table({"docid": list(DOCS), "text": list(DOCS.values())}), tmp_path / "docs.parquet")
    collections = [
        load(docs=write_file(tmp_path / name, text), queries=queries, qrels=qrels, store=store)
        for name, text in forms.items()
    ]
    collections.append(load(docs=tmp_path / "docs.parquet", queries=queries, qrels=qrels, store=store))
    for collection in collections:
        assert collection.docs.digest == collections[0].docs.digest
        assert (collection.split, collection.docs[0]["text"]) == (None, "apples")
        assert collection.qrels["qrels"].list_judgements() == [("q1", "a", 1)]
    assert collections[0].queries[0] == {"id": "q1", "title": "", "text": "fruit", "metadata": {"description": "more"}}


def test_a_folder_of_trec_files_and_xml_topics(tmp_path: Path, store: LocalStore) -> None:
    for number in (1, 2):
        text = f"<DOC>\n<DOCNO>d{number}</DOCNO>\n<HEADLINE>The &amp; head</HEADLINE>\n<P>red <b>wine</b></P>\n</DOC>\n"
        write_file(tmp_path / "disk" / f"part{number}.gz", text)
    topics = write_file(
        tmp_path / "t.xml", '<topics><topic number="7"><query>wine</query><narrative>n</narrative></topic></topics>'
    )
    collection = load(name="disk", docs=tmp_path / "disk", queries=topics, store=store)
    assert list(collection.docs.ids) == ["d1", "d2"]
    assert (collection.docs[0]["title"], collection.docs[0]["text"].split()) == ("The & head", ["red", "wine"])
    assert collection.queries[0] == {"id": "7", "title": "", "text": "wine", "metadata": {"narrative": "n"}}


def test_a_table_without_title_and_text_is_seen_whole(tmp_path: Path, store: LocalStore) -> None:
    docs = write_file(tmp_path / "a.csv", 'id,name,price\n0,"radio, red",12\n1,lamp,\n')
    collection = load(docs=docs, queries=write_file(tmp_path / "b.csv", "id,name,price\n0,red radio,12\n"), store=store)
    from nirank.collections.text_view import TITLE_AND_TEXT, TextView

    assert collection.docs.text_columns == ("name", "price")
    assert list(collection.docs.read(TextView(TITLE_AND_TEXT))) == ["radio, red 12", "lamp"]
    assert list(collection.docs.read(TextView("name"))) == ["radio, red", "lamp"]


def test_parquet_in_parts_with_metadata(tmp_path: Path, store: LocalStore) -> None:
    from datetime import date

    (tmp_path / "c" / "corpus").mkdir(parents=True)
    for part, id in enumerate("ab"):
        table = pa.table(
            {"_id": [id], "title": ["T"], "text": [id * 3], "date": [date(2020, 1, part + 1)], "n": [part]}
        )
        pq.write_table(table, tmp_path / "c" / "corpus" / f"{part:05}.parquet")
    write_file(tmp_path / "c" / "queries.jsonl", to_json_lines({"q": "x"}))
    collection = load(tmp_path / "c", store=store)
    assert [collection.docs[row]["metadata"] for row in (0, 1)] == [
        {"date": "2020-01-01", "n": 0},
        {"date": "2020-01-02", "n": 1},
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("d.csv", "name,text\nx,y\n", "no column holds ids; found name, text"),
        ("d.csv", "id,id\nx,y\n", "column 'id' occurs twice"),
        ("d.csv", 'id,text\nx,"y\n', r"d\.csv:2: not valid CSV"),
        ("d.csv", "id,text\nx\n", r"d\.csv:2: 1 columns; expected 2: id, text"),
        ("d.tsv", "x\ty\nz\n", r"d\.tsv:2: 1 columns; expected 2"),
        ("d.tsv", "x\ty\tz\tw\n", "4 columns and no header"),
        ("d.parquet", "no parquet", "not a readable Parquet file"),
        ("d.txt", "<DOC>\n<TEXT>x</TEXT>\n</DOC>\n", r"d\.txt:1: the document has no <DOCNO>"),
        ("d.txt", "<DOC>\n<DOCNO>x</DOCNO>\n<DOC>\n", r"d\.txt:3: a <DOC> inside the one of line 1"),
        ("d.txt", "<DOC>\n<DOCNO>x</DOCNO>\n", r"d\.txt:1: the <DOC> has no </DOC>"),
        ("d.json", '["a"]', "a JSON string; expected an object"),
        ("d.json", '[{"a": }]', "not valid JSON"),
        ("d.txt", "just words\n", "its form is not recognised; expected JSON lines, CSV"),
        ("d.xml", "<top>\n<title> x\n</top>\n", r"d\.xml:1: the topic has no <num>"),
        ("d.xml", '<topics><topic number="1"><query>x</topic>', r"d\.xml:1: not valid XML"),
        ("d.xml", '<!DOCTYPE a [<!ENTITY b "c">]><topics><topic number="1"/></topics>', "declares XML entities"),
    ],
)
def test_hostile_files(name: str, text: str, message: str, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=message):
        load(docs=write_file(tmp_path / name, text), queries=write_file(tmp_path / "q.tsv", "q\tx\n"), store=store)


def test_files_that_are_missing_or_ambiguous(tmp_path: Path, folder: Path, store: LocalStore) -> None:
    with pytest.raises(ConfigError, match="needs docs and queries; queries missing"):
        load(docs=tmp_path / "x", store=store)
    with pytest.raises(
        ConfigError, match=r"docs: .*corpus\.json: there is no such file .*did you mean '.*corpus\.jsonl'"
    ):
        load(docs=folder / "corpus.json", queries=folder / "queries.jsonl", store=store)
    with pytest.raises(ConfigError, match="docs is for collections without a source"):
        load(folder, docs=folder / "corpus.jsonl", store=store)
    with pytest.raises(ConfigError, match="names a version of a folder's queries"):
        load("python-stdlib", queries="question", store=store)
    write_file(folder / "corpus.csv", "id,text\na,b\n")
    with pytest.raises(DataError, match=r"has both corpus\.jsonl and corpus\.csv"):
        load(folder, store=store)


# -- pinned collections --------------------------------------------------------------------------


def test_trap_18_pinned_counts_and_digests(folder: Path, store: LocalStore) -> None:
    collection = load(folder, store=store)
    digest = collection.origin["digests"]["docs"]
    pinned = {"docs": 3, "queries": 2, "judgements": 3, "docs_digest": digest}
    assert load(folder, store=store, expect=pinned).docs.digest == digest
    with pytest.raises(DataError, match=r"expected 3 queries, found 2"):
        load(folder, store=store, expect={"queries": 3})
    write_file(folder / "corpus.jsonl", to_json_lines({**DOCS, "a": "changed"}))
    with pytest.raises(DataError, match=f"expected {digest} docs_digest, found "):
        load(folder, store=store, expect=pinned)
    with pytest.raises(ConfigError, match=r"expect has no 'query'; .* did you mean 'queries'\?"):
        load(folder, store=store, expect={"query": 2})
