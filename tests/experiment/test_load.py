"""load(): sources, splits, declared queries, the store, refusals."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nirank.algebra.node import Node, StoredArtifact
from nirank.base.memo import open_null_memo
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.flow.scope import Scope


class CountingStore:
    """Artifacts as plain folders; counts how many were made."""

    def __init__(self, root: Path) -> None:
        self.root, self.n_commits = root, 0

    def find(self, node: Node) -> StoredArtifact | None:
        folder = self.root / node.address
        return StoredArtifact(folder, json.loads((folder / "meta.json").read_text())) if folder.exists() else None

    @contextmanager
    def commit(self, node: Node, meta: Mapping[str, Any]) -> Iterator[Path]:
        beside = self.root / f"{node.address}.new"
        beside.mkdir(parents=True)
        try:
            yield beside
            (beside / "meta.json").write_text(json.dumps(meta))
            beside.rename(self.root / node.address)
            self.n_commits += 1
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def require_writable(self) -> None:
        pass

    def read_checksums(self, node: Node) -> set[str]:
        return set()

    def remove(self, node: Node) -> None:
        shutil.rmtree(self.root / node.address)

    def read_descriptions(self) -> Iterator[Mapping[str, Any]]:
        return iter(())

    def verify(self, stored: StoredArtifact) -> bool:
        return True

    def lock(self, node: Node, waiting: Any) -> Any:
        return nullcontext()

    def open_memo(self, space: Mapping[str, Any], kind: Any) -> Any:
        return open_null_memo(space, kind)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store")


def write_beir(
    folder: Path,
    docs: Mapping[str, Any] | None = None,
    queries: Mapping[str, Any] | None = None,
    packed: bool = False,
    **qrels: str,
) -> Path:
    def write(name: str, content: str) -> None:
        path = folder / (f"{name}.gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())

    docs = {"a": "apples", "b": "bread"} if docs is None else docs
    queries = {"q1": "fruit", "q2": "rolls"} if queries is None else queries
    for name, side in (("corpus", docs), ("queries", queries)):
        rows = ({"_id": id, **(value if isinstance(value, dict) else {"text": value})} for id, value in side.items())
        write(f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for split, content in qrels.items():
        write(f"qrels/{split}.tsv", content)
    return folder


def count_findings(collection: Collection) -> dict[str, int]:
    """Return what was found, but for the form of files: most of the small ones here have no header."""
    return {finding.code: finding.count for finding in collection.findings if finding.code != "judgement-form"}


# --- folders, splits, declared queries ---------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder(tmp_path: Path, store: CountingStore, packed: bool) -> None:
    folder = write_beir(
        tmp_path / "small", packed=packed, test="query-id\tcorpus-id\tscore\r\nq2\tb\t2\r\n", train="q1\ta\t1\n"
    )
    test = load(folder, store=store, measures=["nDCG@10"])
    assert (test.name, test.split, list(test.queries.ids), test.measures) == ("small", "test", ["q2"], ("nDCG@10",))
    assert [tuple(judgement) for judgement in test.qrels["qrels"].list_judgements()] == [("q2", "b", 2)]
    assert count_findings(test) == {"line-ends": 0, "labels-differ": 0}
    train = load(str(folder / "train"), store=store, name="other", min_rel=2)
    assert (train.name, train.split, list(train.queries.ids)) == ("other", "train", ["q1"])
    assert train.qrels["qrels"].min_rel == 2
    assert test.docs.digest == train.docs.digest


def test_splits_to_choose_from(tmp_path: Path, store: CountingStore) -> None:
    one_split = write_beir(tmp_path / "only", validation="q1\ta\t1\n")
    assert load(one_split, store=store).split == "validation"
    two_splits = write_beir(tmp_path / "several", train="q1\ta\t1\n", dev="q2\tb\t1\n")
    with pytest.raises(ConfigError, match="several splits; choose one of dev, train"):
        load(two_splits, store=store)
    for source, split in ((two_splits, "trian"), (two_splits / "trian", None)):
        with pytest.raises(ConfigError, match=r"no split 'trian'; it has dev, train; did you mean 'train'\?"):
            load(source, split=split, store=store)
    with pytest.raises(ConfigError, match="names split 'dev', but split 'train' is asked for"):
        load(two_splits / "dev", split="train", store=store)


def test_other_splits_have_their_own_judgements_and_what_is_asked_of_all(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", test="q2\ta\t1\n", train="q1\tb\t2\n")
    (folder / "candidates.tsv").write_text("q1\ta\nq2\tb\n")
    file = tmp_path / "better.tsv"
    file.write_text("q1\ta\t1\nq2\tb\t1\n")

    def train(**options: Any) -> Collection:
        test = load(folder, split="test", store=store, **options)
        assert ("q2", "b", 1) in [tuple(judgement) for judgement in next(iter(test.qrels.values())).list_judgements()]
        assert test.open_split is not None
        return test.open_split("train")

    for qrels in (file, str(file), {"better": file}, {"better": {"path": file, "min_rel": 2}}):
        collection = train(qrels=qrels)
        ((name, judged),) = collection.qrels.items()
        assert [tuple(row) for row in judged.list_judgements()] == [("q1", "b", 2)]
        assert (name, judged.min_rel) == (
            "better" if isinstance(qrels, dict) else "qrels",
            2 if isinstance(qrels, dict) and isinstance(qrels["better"], dict) else 1,
        )
    (tmp_path / "made.test.tsv").write_text("q2\tb\t1\n")
    (tmp_path / "made.train.tsv").write_text("q1\ta\t1\n")
    by_split = train(qrels=str(tmp_path / "made.{split}.tsv"))
    assert [tuple(row) for row in by_split.qrels["qrels"].list_judgements()] == [("q1", "a", 1)]
    assert by_split.candidates is not None
    assert train(qrels=file, candidates=False).candidates is None


def test_a_list_of_files_is_one_judgement_set(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", test="q2\ta\t1\n", train="q1\tb\t2\n")
    files = [folder / "qrels" / f"{split}.tsv" for split in ("train", "test")]
    both = load(folder, qrels={"all": {"path": files, "min_rel": 2}}, store=store)
    assert [tuple(row) for row in both.qrels["all"].list_judgements()] == [("q1", "b", 2), ("q2", "a", 1)]
    assert list(both.queries.ids) == ["q1", "q2"]
    assert both.open_split is not None
    assert [tuple(row) for row in both.open_split("train").qrels["all"].list_judgements()] == [("q1", "b", 2)]
    by_name = load(folder, qrels={"all": {"path": [str(files[0]), str(folder / "qrels" / "{split}.tsv")]}}, store=store)
    assert len(by_name.qrels["all"]) == 2
    for path in ([], ["", "x"], 3):
        with pytest.raises(ConfigError, match="qrels: all: expected"):
            load(folder, qrels={"all": {"path": path}}, store=store)


def test_other_splits_without_judgements_are_refused(tmp_path: Path, store: CountingStore) -> None:
    queries = {"q1": {"text": "x", "metadata": {"split": "train"}}, "q2": {"text": "y", "metadata": {"split": "test"}}}
    folder = write_beir(tmp_path / "c", queries=queries)
    file = tmp_path / "given.tsv"
    file.write_text("q1\ta\t1\nq2\tb\t1\n")
    test = load(folder, split="test", qrels=file, store=store)
    assert test.open_split is not None
    with pytest.raises(
        ConfigError, match=r"has no judgements of its own for split 'train'; name a path, in which {split}"
    ):
        test.open_split("train")


def test_declared_are_the_judged_and_those_whose_metadata_name_the_split(tmp_path: Path, store: CountingStore) -> None:
    queries = {
        "q1": {"text": "one", "metadata": {"split": "test"}},
        "q2": {"text": "two", "metadata": {"split": "train"}},
        "q3": {"text": "three"},
        "q4": {"text": "four", "split": "test"},
    }
    folder = write_beir(tmp_path / "c", queries=queries, test="q3\ta\t1\n")
    collection = load(folder, store=store)
    assert list(collection.queries.ids) == ["q1", "q3", "q4"]
    assert count_findings(collection) == {"unjudged-queries": 2}
    train = load(folder, split="train", store=store)
    assert (list(train.queries.ids), dict(train.qrels)) == (["q2"], {})


def test_without_judgements_all_queries_are_declared(tmp_path: Path, store: CountingStore) -> None:
    collection = load(write_beir(tmp_path / "c"), store=store)
    assert (list(collection.queries.ids), dict(collection.qrels), collection.split) == (["q1", "q2"], {}, None)
    assert count_findings(collection) == {"no-judgements": 0}


# --- traps ---------------------------------------------------------------------------------------


def test_trap_06_judged_queries_that_are_no_topics_are_counted(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", queries={"q1": "fruit"}, test="q1\ta\t1\nq2\tb\t1\n")
    collection = load(folder, store=store)
    assert count_findings(collection) == {"judged-not-in-topics": 1}
    assert collection.qrels["qrels"].counts.tolist() == [1]


def test_trap_06_unjudged_topics_are_counted(tmp_path: Path, store: CountingStore) -> None:
    queries = {f"q{i}": {"text": f"query {i}", "metadata": {"split": "test"}} for i in range(200)}
    folder = write_beir(tmp_path / "c", queries=queries, test="".join(f"q{i}\ta\t1\n" for i in range(43)))
    collection = load(folder, store=store)
    assert len(collection.queries) == 200
    assert int((collection.qrels["qrels"].counts > 0).sum()) == 43
    assert count_findings(collection) == {"unjudged-queries": 157}


def test_trap_06_changed_ids_are_refused(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", queries={"q1": "fruit"}, test="q1.0\ta\t1\n")
    with pytest.raises(
        DataError, match=r"1 of 1 judged query ids are not among the 1 queries; 0 ids are shared.*q1\.0"
    ):
        load(folder, store=store)
    assert "judged-not-in-topics" in count_findings(load(folder, store=store, check=False))


STRANGE = ["01", "1", "007", "1e3", "NA", "null", "x" * 60, "ü", "🙂", "doc 7", "#x"]


def test_trap_12_ids_meet_their_judgements_byte_for_byte(tmp_path: Path, store: CountingStore) -> None:
    side = {id: f"text of {i}" for i, id in enumerate(STRANGE)}
    folder = write_beir(tmp_path / "c", docs=side, queries=side, test="".join(f"{id}\t{id}\t1\n" for id in STRANGE))
    for _ in range(2):  # imported, then found again
        collection = load(folder, store=store)
        assert list(collection.docs.ids) == list(collection.queries.ids) == STRANGE
        assert sorted(collection.qrels["qrels"].list_judgements()) == sorted((id, id, 1) for id in STRANGE)


def test_trap_14_repeats_are_counted_and_contradictions_refused(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", test="q1\ta\t1\nq1\ta\t1\n", dev="q1\ta\t1\nq1\ta\t0\n")
    assert count_findings(load(folder, store=store))["repeated-judgements"] == 1
    with pytest.raises(DataError, match=r"dev\.tsv:1 and :2"):
        load(folder / "dev", store=store)


def test_trap_16_dangling_judgements(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", test="q1\ta\t1\nq1\tNOPE\t1\n")
    with pytest.raises(DataError, match=r"recall cannot pass 0\.5 "):
        load(folder, store=store)
    collection = load(folder, store=store, max_dangling=1)
    qrels = collection.qrels["qrels"]
    assert count_findings(collection) == {"dangling-judgements": 1, "queries-in-no-split": 1}
    assert qrels.count_relevant().tolist() == [2]
    assert qrels.dangling == (("q1", "NOPE", 1),)


def test_trap_17_only_the_querys_own_document_goes(tmp_path: Path, store: CountingStore) -> None:
    docs = {"a": "apples", "q1": "fruit", "q2": "rolls"}
    queries = {"q1": {"text": "fruit", "metadata": {"of": "q2"}}, "q9": {"text": "nine", "metadata": {"of": "gone"}}}
    folder = write_beir(tmp_path / "c", docs=docs, queries=queries, test="q1\ta\t1\nq9\ta\t1\n")
    assert load(folder, store=store).find_own_documents() is None
    for rule, own_rows in (("id", [1, -1]), ({"key": "of"}, [2, -1])):
        collection = load(folder, store=store, self_match=rule)  # type: ignore[arg-type]
        assert count_findings(collection)["self-match-missed"] == 1
        rows = collection.find_own_documents()
        assert rows is not None and rows.tolist() == own_rows
        scope = Scope(collection.queries.ids, collection.docs.ids, own_rows=rows)
        allowed = scope.list_rows(0)
        assert allowed is not None and sorted(allowed.tolist()) == sorted({0, 1, 2} - {own_rows[0]})
        assert scope.list_rows(1) is None
        doc_rows = np.arange(3)
        assert scope.allows(np.zeros(3, np.int64), doc_rows).tolist() == [row != own_rows[0] for row in range(3)]
    with pytest.raises(ConfigError, match="metadata key 'absent', which no query has"):
        load(folder, store=store, self_match={"key": "absent"})


# --- the store -----------------------------------------------------------------------------------


def test_imported_once_wherever_the_files_lie(tmp_path: Path, store: CountingStore) -> None:
    docs = {"a": {"text": "x\ud800"}, "b": {"text": ""}}
    folder = write_beir(tmp_path / "c", docs=docs, test="q1\ta\t1\n")
    first = load(folder, store=store)
    assert store.n_commits == 2
    os.utime(folder / "corpus.jsonl", (1, 1))
    shutil.copytree(folder, tmp_path / "elsewhere")
    second = load(tmp_path / "elsewhere", store=store, name="c")
    assert store.n_commits == 2
    assert second.findings == first.findings
    assert {"replaced-surrogates", "encoding-damage", "empty-documents"} <= count_findings(second).keys()
    assert first.origin["digests"] == second.origin["digests"]
    write_beir(folder, docs={"a": "changed"}, test="q1\ta\t1\n")
    assert load(folder, store=store).docs.columns["text"].to_pylist() == ["changed"]
    assert store.n_commits == 3, "the queries stayed"


def test_a_failed_import_leaves_nothing(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c")
    (folder / "corpus.jsonl").write_text('{"_id": "a"}\n{"_id": "a"}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:1 and :2: id 'a' occurs twice"):
        load(folder, store=store)
    assert list(store.root.iterdir()) == []


def test_the_users_store_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "mine"))
    folder = write_beir(tmp_path / "c", test="q1\ta\t1\n")
    first, second = load(folder), load(folder)
    assert (tmp_path / "mine" / "artifacts").is_dir()
    assert first.docs.digest == second.docs.digest and first.findings == second.findings


# --- what cannot be loaded -------------------------------------------------------------------------


def test_sources_that_do_not_exist(tmp_path: Path, store: CountingStore) -> None:
    write_beir(tmp_path / "scifact", test="q1\ta\t1\n")
    with pytest.raises(
        ConfigError, match=r"no such folder; expected a folder with corpus\.jsonl.*did you mean '.*/scifact'\?"
    ):
        load(tmp_path / "scifac", store=store)
    with pytest.raises(ConfigError, match=r"neither a folder nor an ir_datasets id.*did you mean 'vaswani'\?"):
        load("vaswanni", store=store)
    with pytest.raises(ConfigError, match=r"did you mean 'python-stdlib'\?"):
        load("python_stdlib", store=store)
    with pytest.raises(ConfigError, match="is a file; expected a folder"):
        load(tmp_path / "scifact" / "corpus.jsonl", store=store)
    with pytest.raises(ConfigError, match="several splits; choose one of trec-web-2009, ") as error:
        load("clueweb09/catb", store=store)
    assert len(error.value.messages) == 1


def test_folders_that_are_no_collection(tmp_path: Path, store: CountingStore) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        load(tmp_path / "empty", store=store)
    assert len(error.value.messages) == 2 and "has no queries; expected a file queries.jsonl" in str(error.value)
    two_files = write_beir(tmp_path / "both")
    (two_files / "corpus.jsonl.gz").write_bytes(gzip.compress(b'{"_id": "a"}\n'))
    with pytest.raises(DataError, match=r"has both corpus\.jsonl and corpus\.jsonl\.gz"):
        load(two_files, store=store)
    odd = write_beir(tmp_path / "odd")
    (odd / "corpus.jsonl").unlink()
    (odd / "corpus.jsonl").mkdir()
    with pytest.raises(ConfigError, match="is a folder without data; expected a file"):
        load(odd, store=store)


def test_empty_files_are_errors_of_the_audit(tmp_path: Path, store: CountingStore) -> None:
    folder = write_beir(tmp_path / "c", docs={}, queries={}, test="")
    with pytest.raises(DataError) as error:
        load(folder, store=store)
    assert error.value.messages == ("c: there are no documents", "c: there are no queries")
    collection = load(folder, store=store, check=False)
    assert (len(collection.docs), len(collection.queries)) == (0, 0)


def test_options_are_checked_all_at_once(tmp_path: Path, store: CountingStore) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, min_rel=0, self_match="ids", max_dangling=5, store=store)  # type: ignore[arg-type]
    assert len(error.value.messages) == 3


# --- ir_datasets -----------------------------------------------------------------------------------


class Article(NamedTuple):
    doc_id: str
    title: str
    abstract: str
    year: int
    marked_up_doc: bytes


class Topic(NamedTuple):
    query_id: str
    title: str
    narrative: str

    def default_text(self) -> str:
        return self.title


class Judged(NamedTuple):
    query_id: str
    doc_id: str
    relevance: int


def register_dataset(
    id: str, articles: list[Article], judged: list[Judged] | None, fail: Exception | None = None
) -> None:
    import ir_datasets
    from ir_datasets.formats import BaseDocs, BaseQrels, BaseQueries

    class Docs(BaseDocs):  # type: ignore[misc]
        def docs_iter(self) -> Iterator[Article]:
            if fail is not None:
                raise fail
            return iter(articles)

        def docs_cls(self) -> type:
            return Article

    class Queries(BaseQueries):  # type: ignore[misc]
        def queries_iter(self) -> Iterator[Topic]:
            return iter([Topic("1", "fruit", "long"), Topic("2", "rolls", ""), Topic("3", "tea", "")])

        def queries_cls(self) -> type:
            return Topic

    class Qrels(BaseQrels):  # type: ignore[misc]
        def qrels_iter(self) -> Iterator[Judged]:
            return iter(judged or [])

    parts = [Docs(), Queries()] + ([Qrels()] if judged is not None else [])
    ir_datasets.registry._registered.pop(id, None)
    ir_datasets.registry.register(id, ir_datasets.Dataset(*parts))


ARTICLES = [Article("a", "Apples", "are red", 2001, b"<a>"), Article("b", "", "bread \ud800", 0, b"")]


def test_an_ir_datasets_id(store: CountingStore) -> None:
    register_dataset("nirank-made/test", ARTICLES, [Judged("1", "a", 2), Judged("2", "b", 0)])
    collection = load("nirank-made/test", store=store)
    assert (collection.name, collection.split) == ("nirank-made/test", None)
    assert list(collection.queries.ids) == ["1", "2", "3"], "all topics are declared"
    assert collection.docs[0] == {"id": "a", "title": "Apples", "text": "are red", "metadata": {"year": 2001}}
    assert collection.queries[0] == {
        "id": "1",
        "title": "",
        "text": "fruit",
        "metadata": {"title": "fruit", "narrative": "long"},
    }
    assert sorted(collection.qrels["qrels"].list_judgements()) == [("1", "a", 2), ("2", "b", 0)]
    assert count_findings(collection) == {
        "replaced-surrogates": 1,
        "encoding-damage": 1,
        "unjudged-queries": 1,
        "no-relevant": 1,
        "impossible-dates-documents": 1,
        "partial-dates-documents": 1,
    }
    register_dataset("nirank-made/test", [*ARTICLES, Article("c", "C", "", 1, b"")], None)
    assert len(load("nirank-made/test", store=store).docs) == 3, "what the user registers may change under its id"


def test_splits_of_ir_datasets(store: CountingStore) -> None:
    register_dataset("nirank-parent", ARTICLES, None)
    assert dict(load("nirank-parent", store=store).qrels) == {}
    register_dataset("nirank-parent/train", ARTICLES, [Judged("1", "a", 1)])
    assert load("nirank-parent", store=store).name == "nirank-parent/train"
    register_dataset("nirank-parent/test", ARTICLES, [Judged("2", "b", 1)])
    assert load("nirank-parent", store=store).name == "nirank-parent/test"
    assert load("nirank-parent", split="train", store=store).name == "nirank-parent/train"
    with pytest.raises(ConfigError, match=r"no split 'tets'; it has train, test; did you mean 'test'\?"):
        load("nirank-parent", split="tets", store=store)


def test_default_text_of_ir_datasets(tmp_path: Path, store: CountingStore) -> None:
    import ir_datasets

    (tmp_path / "docs.tsv").write_text("a\tapples are red\nb\tbread\n")
    (tmp_path / "queries.tsv").write_text("1\tfruit\n")
    (tmp_path / "qrels").write_text("1 0 a 1\n")
    dataset = ir_datasets.create_dataset(*(str(tmp_path / name) for name in ("docs.tsv", "queries.tsv", "qrels")))
    ir_datasets.registry.register("nirank-generic", dataset)
    collection = load("nirank-generic", store=store)
    assert collection.docs.columns["text"].to_pylist() == ["apples are red", "bread"]
    assert len(collection.qrels["qrels"]) == 1


@pytest.mark.parametrize("error", [ConnectionError("refused"), RuntimeError("All download sources failed", [1, 2])])
def test_a_download_that_fails_is_one_line(store: CountingStore, error: Exception) -> None:
    register_dataset("nirank-far", ARTICLES, None, fail=error)
    with pytest.raises(
        DataError, match=r"its docs are not on this machine and cannot be fetched.*IR_DATASETS_HOME"
    ) as refusal:
        load("nirank-far", store=store)
    assert "\n" not in str(refusal.value)


# --- real collections ------------------------------------------------------------------------------


def test_the_standard_library(store: CountingStore) -> None:
    first = load("python-stdlib", store=store)
    assert (first.split, first.name) == ("test", "python-stdlib")
    assert len(first.docs) == len(first.queries) == len(first.qrels["qrels"]) > 2000
    assert count_findings(first).keys() == {
        *("repeated-queries", "training-overlap", "twin-documents", "twins-judged-differently", "markup"),
    }
    second = load("python-stdlib", store=store)
    assert store.n_commits == 2 and second.docs.digest == first.docs.digest and second.findings == first.findings


@pytest.mark.parametrize(
    ("source", "docs", "queries", "judgements", "corpus_ids", "query_ids"),
    [
        ("beir/scifact", 5183, 300, 339, ("4983", "70490", "198309074"), ("1", "51", "1395")),
        ("beir/scifact/train", 5183, 809, 919, ("4983", "70490", "198309074"), None),
        ("beir/nfcorpus", 3633, 323, 12334, ("MED-10", "MED-1009", "MED-999"), None),
        ("beir/nfcorpus/train", 3633, 2590, 110575, ("MED-10", "MED-1009", "MED-999"), None),
        ("beir/nq-utd", 800, 80, 800, None, None),
        (
            "beir/xquad-zh",
            240,
            1190,
            1190,
            ("00-00", "01-04", "47-04"),
            ("56beb4343aeaaa14008c925b", "56d6f3500d65d21400198294", "5737a25ac3c5551400e51f54"),
        ),
        ("classic/vaswani", 11429, 93, 2083, ("1", "10", "11429"), ("1", "10", "93")),
        ("classic/cranfield", 1400, 225, 1612, ("1", "10", "1400"), ("1", "10", "225")),
        ("classic/cacm", 3204, 52, 796, ("CACM-0001", "CACM-0010", "CACM-3204"), ("1", "10", "64")),
    ],
)
def test_real_collections(
    shared_data: Path,
    source: str,
    docs: int,
    queries: int,
    judgements: int,
    corpus_ids: tuple[str, str, str] | None,
    query_ids: tuple[str, str, str] | None,
) -> None:
    collection = load(shared_data / source)
    assert (len(collection.docs), len(collection.queries), len(collection.qrels["qrels"])) == (
        docs,
        queries,
        judgements,
    )
    for side, expected in ((collection.docs, corpus_ids), (collection.queries, query_ids)):
        assert expected is None or (side.ids[0], side.ids[9], side.ids[len(side) - 1]) == expected
    assert not [finding for finding in collection.findings if finding.severity == "error"]
    assert collection.qrels["qrels"].dangling == ()


def test_records_of_real_collections(shared_data: Path) -> None:
    scifact = load(shared_data / "beir/scifact")
    record = scifact.docs[0]
    assert record["title"].startswith("Microstructural development of human newborn cerebral white matter")
    assert record["text"].startswith("Alterations of the architecture of cerebral white matter")
    cacm = load(shared_data / "classic/cacm").docs[0]
    assert cacm == {
        "id": "CACM-0001",
        "title": "Preliminary Report-International Algebraic Language",
        "text": "",
        "metadata": {"date": "1958-12", "ca": "CA581203", "authors": ["Perlis, A. J.", "Samelson,K."]},
    }
    cranfield = load(shared_data / "classic/cranfield")
    assert count_findings(cranfield)["empty-documents"] == 2
    assert "self-match" not in count_findings(cranfield), "its query ids equal those of unrelated documents"
    regulations = load(shared_data / "regulatory/ca-regs", self_match={"key": "corpus_id"})
    own_rows = regulations.find_own_documents()
    assert own_rows is not None and (own_rows >= 0).all() and len(own_rows) == 99
    grades = load(shared_data / "beir/nq-utd").qrels["qrels"].grades
    assert np.bincount(grades).tolist() == [503, 94, 203]
