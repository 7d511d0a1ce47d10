"""Forms of texts: SMART, folders of plain texts, SQuAD, JSON that is no line an object, packed files, what lies beside."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.base import files
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.flow.judgement_files import read_qrels
from nirank.store import LocalStore

DOCS = {"a": "apples", "b": "bread"}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def write_file(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def load_files(docs: Path, store: LocalStore, queries: Path | None = None, **options: Any) -> Collection:
    queries = queries or write_file(docs.parent / "q.jsonl", '{"_id": "q", "text": "tea"}\n')
    return load(docs=docs, queries=queries, store=store, **options)


def pack_zstd(content: str) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.CompressedOutputStream(buffer, "zstd") as stream:
        stream.write(content.encode())
    return bytes(buffer.getvalue())


SMART = ".I 001\n.T\nOn\ntea\n.A\nDoe, J.\n.B\n1961\n.W\nGreen tea.\n\n.5 grams of it\n.X\n1\t5\t1\n.I 2\n.W\ncoffee\n"


def test_smart_files(tmp_path: Path, store: LocalStore) -> None:
    docs, queries = write_file(tmp_path / "x.ALL", SMART), write_file(tmp_path / "x.QRY", ".I 1\n.W\nwhat tea\n")
    collection = load_files(docs, store, queries, qrels=write_file(tmp_path / "x.REL", "01 1 0 0.00\n01 2 0 0.00\n"))
    assert collection.docs[0] == {
        "id": "1",
        "title": "On tea",
        "text": "Green tea.\n\n.5 grams of it",
        "metadata": {"author": "Doe, J.", "bibliography": "1961", "references": "1\t5\t1"},
    }
    assert collection.qrels["qrels"].list_judgements() == [("1", "1", 1), ("1", "2", 1)]
    path = write_file(tmp_path / "y.ALL", ".I 1\n.T\nTea\n.I 2\nstray\n.W\n")
    with pytest.raises(
        DataError, match=r"y\.ALL:5: 'stray' stands before any field; expected a field such as \.T or \.W"
    ):
        load_files(path, store, queries)


def test_the_real_smart_files(shared_data: Path, store: LocalStore) -> None:
    upstream = shared_data / "classic" / "cacm" / "upstream"
    documents = [path for path in upstream.iterdir() if path.name.lower().startswith("cacm.all")]
    queries = [path for path in upstream.iterdir() if path.name.lower().startswith(("query", "cacm.qry"))]
    if not (documents and queries):
        pytest.skip("the files as SMART had them are not there")
    collection = load_files(documents[0], store, queries[0], check=False)
    assert len(collection.docs) == 3204 and len(collection.queries) == 64


@pytest.mark.parametrize("ending", [".txt", ""])
def test_a_folder_of_plain_texts(ending: str, tmp_path: Path, store: LocalStore) -> None:
    for name, text in {"1": "[12] The permit\tlapses.", "more/2": "{see} above", "3": "<i> judicial", "4": ""}.items():
        write_file(tmp_path / "pool" / f"{name}{ending}", text)
    write_file(tmp_path / "pool" / "README.md", "about")
    write_file(tmp_path / "pool" / ".hidden", "x")
    collection = load_files(tmp_path / "pool", store)
    assert dict(zip(collection.docs.ids, (collection.docs[row]["text"] for row in range(4)), strict=True)) == {
        f"1{ending}": "[12] The permit\tlapses.",
        f"3{ending}": "<i> judicial",
        f"4{ending}": "",
        f"more/2{ending}": "{see} above",
    }
    finding = next(finding for finding in collection.findings if finding.code == "skipped-files")
    assert (finding.count, finding.examples) == (2, (".hidden", "README.md"))
    (tmp_path / "pool" / f"1{ending}").rename(tmp_path / "pool" / f"0{ending}")
    assert load_files(tmp_path / "pool", store).docs.ids[0] == f"0{ending}", "names are part of the import"


def test_a_corpus_folder_of_texts_in_a_collection(tmp_path: Path, store: LocalStore) -> None:
    for id, text in DOCS.items():
        write_file(tmp_path / "c" / "corpus" / f"{id}.txt", text)
    write_file(tmp_path / "c" / "queries" / "q.txt", "fruit")
    write_file(tmp_path / "c" / "qrels" / "test.json", json.dumps({"q.txt": ["a.txt"]}))
    collection = load(tmp_path / "c", store=store)
    assert (list(collection.docs.ids), list(collection.queries.ids)) == (["a.txt", "b.txt"], ["q.txt"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Section 12\tThe permit lapses.\n", "one line with a tab: a text, or a table of one row"),
        ("just words\nand more\tof them\n", "is plain text"),
        ("[MASK] is a token\n", "is plain text"),
        ("", "is empty"),
        ("word\ttwo\tthree\nword\n", "is plain text"),
    ],
)
def test_a_single_text_is_called_what_it_is(text: str, message: str, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=rf"d\.txt: .*{message}.*a folder of plain texts"):
        load_files(write_file(tmp_path / "d.txt", text), store)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"id": id, "text": text} for id, text in DOCS.items()]),
        json.dumps([{"id": id, "text": text} for id, text in DOCS.items()], indent=2),
        "\n\n".join(json.dumps({"id": id, "text": text}, indent=2) for id, text in DOCS.items()),
        "\n".join(json.dumps({"id": id, "text": text}) for id, text in DOCS.items()),
        json.dumps({id: {"title": "", "text": text} for id, text in DOCS.items()}),
        json.dumps({id: {"Text": text} for id, text in DOCS.items()}, indent=2),
    ],
)
@pytest.mark.parametrize("name", ["d.json", "d.jsonl", "d.txt", "d.json.gz", "d.jsonl.zst"])
def test_json_in_any_layout(content: str, name: str, tmp_path: Path, store: LocalStore) -> None:
    raw = (
        gzip.compress(content.encode())
        if name.endswith("gz")
        else pack_zstd(content)
        if name.endswith("zst")
        else content
    )
    collection = load_files(write_file(tmp_path / name, raw), store)
    assert [collection.docs[row]["text"] for row in range(2)] == list(DOCS.values())


def test_one_object_a_file_and_what_spark_leaves_beside(tmp_path: Path, store: LocalStore) -> None:
    for id, text in DOCS.items():
        write_file(tmp_path / "one" / f"{id}.json", json.dumps({"id": id, "contents": text}, indent=2))
        write_file(tmp_path / "parts" / "corpus" / f"part-{id}.jsonl", json.dumps({"_id": id, "text": text}) + "\n")
    assert list(load_files(tmp_path / "one", store).docs.ids) == ["a", "b"]
    for name in ("_SUCCESS", "._SUCCESS.crc", "README.md"):
        write_file(tmp_path / "parts" / "corpus" / name, "")
    write_file(tmp_path / "parts" / "queries.jsonl", '{"_id": "q", "text": "tea"}\n')
    collection = load(tmp_path / "parts", store=store)
    assert len(collection.docs) == 2
    assert next(finding.count for finding in collection.findings if finding.code == "skipped-files") == 3
    (tmp_path / "parts" / "corpus.parquet").mkdir()
    with pytest.raises(ConfigError, match="is a folder without data; expected a file"):
        load(tmp_path / "parts", store=store)


def test_parquet_as_spark_writes_it(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "c" / "corpus.parquet").mkdir(parents=True)
    for id, text in DOCS.items():
        pq.write_table(
            pa.table({"_id": [id], "text": [text]}), tmp_path / "c" / "corpus.parquet" / f"part-{id}.snappy.parquet"
        )
    write_file(tmp_path / "c" / "corpus.parquet" / "_SUCCESS", "")
    write_file(tmp_path / "c" / "queries.jsonl", '{"_id": "q", "text": "tea"}\n')
    assert list(load(tmp_path / "c", store=store).docs.ids) == ["a", "b"]


SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "Tea",
            "paragraphs": [
                {"context": "Green tea.", "qas": [{"id": "x1", "question": "Which tea?", "answers": []}]},
                {"context": "Black tea.", "qas": [{"id": 7, "question": "No?", "is_impossible": True}]},
            ],
        },
        {"title": "Milk", "paragraphs": [{"context": "White.", "qas": []}]},
    ],
}


def test_squad(tmp_path: Path, store: LocalStore) -> None:
    for indent in (None, 1):
        path = write_file(tmp_path / f"squad{indent}.json", json.dumps(SQUAD, indent=indent))
        collection = load_files(path, store, path, qrels=path)
        assert list(collection.docs.ids) == ["1-1", "1-2", "2-1"]
        assert collection.docs[1] == {"id": "1-2", "title": "Tea", "text": "Black tea.", "metadata": {}}
        assert [collection.queries[row]["text"] for row in range(2)] == ["Which tea?", "No?"]
        assert collection.qrels["qrels"].list_judgements() == [("x1", "1-1", 1), ("7", "1-2", 0)]
    with pytest.raises(DataError, match=r"paragraph 1-1 has no context"):
        load_files(write_file(tmp_path / "s.json", '{"data": [{"paragraphs": [{"qas": []}]}]}'), store)


def test_an_id_twice_names_both_files(tmp_path: Path, store: LocalStore) -> None:
    write_file(tmp_path / "d" / "a.jsonl", '{"_id": "x", "text": "1"}\n\n{"_id": "y", "text": "1"}\n')
    write_file(
        tmp_path / "d" / "b.jsonl", '{"_id": "y", "text": "2"}\n{"_id": "z", "text": "2"}\n{"_id": "z", "text": "2"}\n'
    )
    with pytest.raises(DataError) as error:
        load_files(tmp_path / "d", store)
    message, count_message = error.value.messages
    assert message.endswith("'y' occurs twice") and f"{tmp_path}/d/a.jsonl:3 and {tmp_path}/d/b.jsonl:1:" in message
    assert f"{tmp_path}/d/b.jsonl:2 and :3:" in count_message


# -- packed files, and files that would take all memory ------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl.zst", pack_zstd("x" * 1000)[:-4], "not a whole zstd file"),
        ("d.jsonl.zst", b"no zstd at all", "not a whole zstd file"),
        ("d.jsonl.bz2", b"BZh", r"is packed as \.bz2; expected a plain file"),
        ("d.zip", b"PK\x03\x04", r"is packed as \.zip"),
        ("d.jsonl", pack_zstd("{}"), r"begins like a zstd file; its name should end in \.zst"),
        ("d.jsonl", gzip.compress(b"{}", mtime=0), r"begins like a gzip file; its name should end in \.gz"),
        ("d.txt", "tea".encode("utf-16"), "begins like UTF-16; convert it"),
        ("d.jsonl", b'{"_id": "a", "text": "caf\xe9"}', r"d\.jsonl:1: not valid UTF-8 .*iconv"),
    ],
)
def test_packed_files_that_are_none(name: str, content: bytes, message: str, tmp_path: Path, store: LocalStore) -> None:
    with pytest.raises(DataError, match=message):
        load_files(write_file(tmp_path / name, content), store)


@pytest.mark.parametrize(
    ("name", "begin", "message"),
    [
        ("d.jsonl.gz", '{"_id": "a", "text": "', r":1: the line is longer than 0 MiB"),
        ("d.tsv", "a\t", r":1: the line is longer"),
        ("d.csv", 'id,text\na,"', r"not valid CSV \(field larger than field limit|the line is longer"),
        ("d.trec", "<DOC>\n<DOCNO>a</DOCNO>\n", r":1: the <DOC> is longer"),
        ("d.ALL", ".I 1\n.W\n", r":1: the record is longer"),
        ("t/1.txt", "", "holds more than 0 MiB"),
        ("d.xml", "<top>", "holds more than 0 MiB|the line is longer"),
        ("d.json", "[\n", "holds more than 0 MiB|the line is longer"),
    ],
)
def test_a_record_without_end_is_refused(
    name: str, begin: str, message: str, tmp_path: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nirank.collections.readers import plain_texts, smart_files, tables, trec_files
    from nirank.forms import json_values

    for module in (files, plain_texts, smart_files, tables, trec_files):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 1000)
    for module in (json_values, trec_files):
        monkeypatch.setattr(module, "MAX_PARSED_BYTES", 1500)
    content = begin + ("word " * 20 + "\n") * 50 if "gz" not in name and "tsv" not in name else begin + "word " * 1000
    path = write_file(tmp_path / name, gzip.compress(content.encode()) if name.endswith("gz") else content)
    with pytest.raises(DataError, match=message):
        load_files(
            path.parent if name.startswith("t/") else path,
            store,
            write_file(tmp_path / "q.jsonl", '{"_id": "q", "text": "x"}'),
        )


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_what_unpacks_to_far_too_much_is_refused(pack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PACKED_FREE_BYTES", 1 << 20)
    lines = "q1\ta\t1\n" * 1_000_000
    path = write_file(tmp_path / f"g.tsv.{pack}", gzip.compress(lines.encode()) if pack == "gz" else pack_zstd(lines))
    with pytest.raises(DataError, match=r"unpacks to more than \d+ MiB, over 200 times its size"):
        read_qrels(path)


def test_a_packed_line_without_end_takes_little_memory(tmp_path: Path, store: LocalStore) -> None:
    import tracemalloc

    path = write_file(
        tmp_path / "d.jsonl.gz", gzip.compress(b'{"_id": "a", "text": "' + b"x" * 300_000_000, compresslevel=1)
    )
    tracemalloc.start()
    with pytest.raises(DataError, match=r"d\.jsonl\.gz:1: the line is longer than 64 MiB"):
        load_files(path, store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000_000


# -- TREC topics and documents ---------------------------------------------------------------------

OLD = """<top>
<head> Tipster Topic Description
<num> Number:  051
<dom> Domain:  International Economics

<title> Topic:  Airbus &amp; Subsidies

<desc> Description:
Document will discuss <b>government</b> assistance.

<narr> Narrative:
A relevant document.

<con> Concept(s):
1. Airbus
<fac> Factor(s):
<nat> Nationality: U.S.
</nat>
</fac>
"""


def read_topics(text: str, folder: Path, store: LocalStore) -> list[dict[str, Any]]:
    docs = write_file(folder / "docs.jsonl", '{"_id": "d", "text": "x"}\n')
    collection = load(docs=docs, queries=write_file(folder / "topics.txt", text), store=store, check=False)
    return [collection.queries[row] for row in range(len(collection.queries))]


@pytest.mark.parametrize("end", ["</top>\n", ""])
def test_topics_of_the_old_form_with_all_fields(end: str, tmp_path: Path, store: LocalStore) -> None:
    first, second = read_topics(OLD + end + OLD.replace("051", "052") + end, tmp_path, store)
    assert (first["id"], first["text"], second["id"]) == ("051", "Airbus & Subsidies", "052")
    assert first["metadata"]["domain"] == "International Economics"
    assert first["metadata"]["description"] == "Document will discuss government assistance."
    assert first["metadata"]["nat"] == "Nationality: U.S."


@pytest.mark.parametrize(
    "text",
    [
        "<top>\n<num>26</num>\n<title>tea</title>\n<top>\n<num>27</num>\n<title>milk</title>\n</top>\n",
        "<TOP><NUM>26</NUM><TITLE>tea</TITLE></TOP>\n<TOP><NUM>27</NUM><TITLE>milk</TITLE></TOP>\n",
        '<top id="26"><title>tea</title></top><top id="27"><title>milk</title></top>\n',
        "<topics><topic><number>26</number><title>tea</title></topic><topic><num>27</num><title>milk</title></topic></topics>",
        "<top>\n<num> Number: 26 \n<desc> Description:\ntea\n</top>\n<top>\n<num> Number: 27\n<desc>milk\n</top>",
    ],
)
def test_other_topics(text: str, tmp_path: Path, store: LocalStore) -> None:
    assert [(topic["id"], topic["text"]) for topic in read_topics(text, tmp_path, store)] == [
        ("26", "tea"),
        ("27", "milk"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<DOC id="a" type="story">\n<HEADLINE>Tea</HEADLINE>\n<TEXT>green</TEXT>\n</DOC>\n',
        "<doc><docno> a </docno><title>Tea</title>green</doc>\n",
        "<?xml version='1.0'?>\n<root>\n<DOC>\n<DOCNO>a</DOCNO>\n<TTL>Tea</TTL>\ngreen</DOC>\n</root>\n",
    ],
)
def test_documents_in_other_spellings(text: str, tmp_path: Path, store: LocalStore) -> None:
    collection = load_files(write_file(tmp_path / "d.trec", text), store)
    assert (collection.docs[0]["id"], collection.docs[0]["title"], collection.docs[0]["text"]) == ("a", "Tea", "green")


# -- files by themselves --------------------------------------------------------------------------


def test_single_files_and_configurations_are_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from nirank.cli.main import cli

    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "d.csv", "id,title,text\n1,Tea,\n2,,\n")
    write_file(tmp_path / "q.jsonl", '{"_id": "q", "text": "tea"}\n')
    write_file(tmp_path / "g.tsv", "q\t1\t1\nq\t1\t1\r\n")
    write_file(tmp_path / "c.yaml", "collections: [{name: mine, docs: d.csv, queries: q.jsonl, qrels: g.tsv}]\nsystems: {B: bm25}\n"
        "measures: [RR]\n")  # fmt: skip
    result = CliRunner().invoke(cli, ["audit", "d.csv", "g.tsv", "c.yaml"])
    assert result.exit_code == 0, result.output
    parts = result.output
    assert "d.csv\n  2 records;" in parts and "empty-records" in parts
    assert "g.tsv\n  1 queries, 1 docs, 1 qrels;" in parts and "repeated-judgements" in parts
    assert "mine\n  2 docs, 1 queries, 1 qrels" in parts and "empty-documents" in parts
    broken = CliRunner().invoke(cli, ["audit", "nothing.csv"])
    assert broken.exit_code == 2 and "cannot-be-loaded" in broken.output


def test_candidates_may_be_a_file_of_judgements(tmp_path: Path, store: LocalStore) -> None:
    docs = write_file(tmp_path / "d.tsv", "a\tapples\nb\tbread\n")
    collection = load_files(docs, store, candidates=write_file(tmp_path / "g.txt", "q 0 a 1\nq 0 b 0\n"))
    assert collection.candidates is not None and collection.candidates.to_dict() == {"q": ["a", "b"]}
