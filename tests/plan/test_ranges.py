"""Documents in ranges of rows: the same lists as from all at once, bit by bit, and no range computed twice."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from growth import measure_growth
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_bi_encoder, make_splade

from nirank import (
    BM25,
    BM25F,
    IVF,
    Cut,
    Dense,
    Experiment,
    KeySentences,
    LanguageModel,
    Only,
    Sparse,
    TopTerms,
    load,
    rewrite,
    rrf,
    within,
)
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.algebra.stage import TextMap, stage
from nirank.cli.main import cli
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.leaves import Leaves
from nirank.flow.ranking import Ranking
from nirank.plan.compile import compile_pipeline
from nirank.plan.execute import Runner
from nirank.plan.range_nodes import compile_ranges
from nirank.plan.reporter import Reporter
from nirank.store import LocalStore

WORDS = st.lists(st.integers(0, 11).map("w{}".format), max_size=9).map(" ".join)
IDS = st.lists(st.text("ab1é", min_size=1, max_size=4), min_size=2, max_size=24, unique=True)
QUERIES = {"a": "w1 w2 w2 w7", "b1": "w0 w3", "none": "zzz", "blank": "", "1": "w4 w4 w4 w5 w6 w8 w9 w10 w11"}


@dataclasses.dataclass
class Bench:
    """One store, and what was computed by the last run."""

    store: LocalStore
    computed: list[Node] = dataclasses.field(default_factory=list)
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def rank(self, collection: Collection, pipeline: Pipeline) -> Ranking:
        leaves = Leaves()
        runner = Runner(self.store, leaves.values, Reporter())
        node = compile_pipeline(pipeline, leaves.make_sides(collection))
        ranking: Ranking = runner.get_value(node)
        artifact = runner.run(node)
        assert artifact is not None
        self.computed, self.said = runner.computed, artifact.meta
        return ranking

    def list_labels(self) -> list[str]:
        return [node.label for node in self.computed]


def make_documents(ids: list[str], texts: list[str]) -> dict[str, Any]:
    """Make documents with titles and years; every fifth text is another's copy, so that scores tie."""
    copies = [texts[at // 2] if at % 5 == 4 else text for at, text in enumerate(texts)]
    return {
        id: {"title": text.split(" ")[-1], "text": text, "metadata": {"year": 1990 + at % 7}}
        for at, (id, text) in enumerate(zip(ids, copies, strict=True))
    }


def cut(docs: Mapping[str, Any], size: int | None, **rules: Any) -> Collection:
    return Collection.of(docs, QUERIES, name="toy", ranges=size, check=False, **rules)


def require_same(whole: Ranking, merged: Ranking) -> None:
    assert merged.offsets.tolist() == whole.offsets.tolist()
    assert merged.rows.tolist() == whole.rows.tolist()
    assert merged.scores.dtype == whole.scores.dtype
    assert merged.scores.tobytes() == whole.scores.tobytes()
    assert merged.depth == whole.depth


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "sparse").mkdir()
    return {"dense": str(make_bi_encoder(folder / "dense")), "sparse": str(make_splade(folder / "sparse"))}


LEXICAL: dict[str, Pipeline] = {
    "bm25": BM25(analyzer="whitespace"),
    "bm25 to 3": BM25(analyzer="whitespace", k=3),
    "fields": BM25(fields={"title": 2.0, "text": 1.0}, analyzer="whitespace", k1=1.2, b=0.75),
    "k3": BM25(analyzer="simple", k3=1.0, k=2),
    "stems": BM25(analyzer="english", k1=0.0),
    "bm25f": BM25F(fields={"title": 3.0, "text": 1.0}, b={"title": 0.2, "text": 0.8}, analyzer="whitespace"),
    "behind": BM25(analyzer="whitespace", k=7) >> BM25F(fields={"text": 1.0}, analyzer="whitespace"),
    "fused": rrf(BM25(analyzer="whitespace"), BM25F(fields={"title": 1.0}, analyzer="whitespace")) >> Cut(5),
}
RULES: dict[str, dict[str, Any]] = {
    "all": {},
    "own": {"self_match": "id"},
    "candidates": {"candidates": {"a": ["a", "b", "1", "é"], "b1": ["a"], "1": ["ab", "b", "aa"]}},
    "known": {"known": {"a": ["a", "b"], "1": ["1", "é"]}, "self_match": "id"},
}


def keep_present(rules: Mapping[str, Any], docs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave of candidates and known documents those that are there."""
    return {
        name: {query: [id for id in ids if id in docs] for query, ids in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in rules.items()
    }


def draw_documents(seed: int, n: int = 23) -> dict[str, Any]:
    """Draw ids whose order is not that of rows, and texts, some of them blank."""
    rng = np.random.default_rng(seed)
    ids = ["a", "b", "1", "é", "ab", "aa", "b1", *(f"d{number}" for number in rng.permutation(n - 7))]
    texts = [" ".join(f"w{word}" for word in rng.integers(0, 12, rng.integers(0, 9))) for _ in ids]
    return make_documents(ids, texts)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(LocalStore(tmp_path_factory.mktemp("store")))


@pytest.mark.parametrize(
    ("system", "rule"), [*((system, "own") for system in sorted(LEXICAL)), *(("bm25 to 3", rule) for rule in RULES)]
)
def test_words_are_found_in_ranges_as_in_the_whole(system: str, rule: str, bench: Bench) -> None:
    docs = draw_documents(1)
    whole = bench.rank(cut(docs, None, **RULES[rule]), LEXICAL[system])
    counts = bench.said["counts"]
    assert len(whole)
    require_same(whole, bench.rank(cut(docs, 8, **RULES[rule]), LEXICAL[system]))
    assert bench.said["counts"] == counts


@stage
class Heir(BM25):
    """Says nothing of ranges itself: what it changes may need all documents."""

    name = "heir_of_bm25"


@pytest.mark.parametrize("kind", ["jelinek_mercer", "dirichlet", "heir"])
def test_retrievers_that_do_not_say_by_ranges_search_all_documents_at_once(kind: str, bench: Bench) -> None:
    system = Heir(analyzer="whitespace") if kind == "heir" else LanguageModel(kind, analyzer="whitespace")
    docs = draw_documents(1)
    whole = bench.rank(cut(docs, None), system)
    require_same(whole, bench.rank(cut(docs, 8), system))
    assert "ranges" not in bench.said["declared"]
    assert not any(node.task.startswith("nirank.plan.ranges") for node in bench.computed)


def test_ranges_of_one_document(bench: Bench) -> None:
    docs = draw_documents(1, 9)
    whole, merged = (bench.rank(cut(docs, size), BM25(analyzer="whitespace", k=3)) for size in (None, 1))
    require_same(whole, merged)


@settings(max_examples=8, deadline=None)
@given(ids=IDS, size=st.integers(2, 12), data=st.data(), k=st.integers(1, 9), rule=st.sampled_from(sorted(RULES)))
def test_words_are_found_in_any_ranges(
    ids: list[str], size: int, data: st.DataObject, k: int, rule: str, bench: Bench
) -> None:
    texts = data.draw(st.lists(WORDS, min_size=len(ids), max_size=len(ids)))
    docs = make_documents(ids, texts)
    rules, bm25 = keep_present(RULES[rule], docs), BM25(analyzer="whitespace", k=k)
    whole = bench.rank(cut(docs, None, **rules), bm25)
    require_same(whole, bench.rank(cut(docs, size, **rules), bm25))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "own") for name in ("dense", "euclidean", "behind", "sparse", "only")),
        *(("dense to 4", rule) for rule in RULES),
    ],
)
def test_vectors_are_found_in_ranges_as_in_the_whole(
    name: str, rule: str, bench: Bench, models: dict[str, str]
) -> None:
    systems: dict[str, Pipeline] = {
        "dense": Dense(models["dense"]),
        "dense to 4": Dense(models["dense"], k=4),
        "euclidean": Dense(models["dense"], similarity="euclidean", k=3),
        "behind": BM25(analyzer="whitespace", k=6) >> Dense(models["dense"]),
        "sparse": Sparse(models["sparse"], k=5),
        "only": within(Only(docs=["a", "b", "d1", "d3", "d5", "d7"]), Dense(models["dense"], k=2)),
    }
    docs = draw_documents(2)
    whole = bench.rank(cut(docs, None, **RULES[rule]), systems[name])
    assert len(whole)
    require_same(whole, bench.rank(cut(docs, 8, **RULES[rule]), systems[name]))


def test_a_rule_on_dates_holds_in_ranges(bench: Bench, models: dict[str, str]) -> None:
    docs = draw_documents(3)
    queries = {id: {"text": text, "metadata": {"year": 1993}} for id, text in QUERIES.items()}
    for system in (BM25(analyzer="whitespace", k=4), Dense(models["dense"], k=4)):
        whole, merged = (
            bench.rank(
                Collection.of(docs, queries, name="dated", date="year", time="as_of_query", ranges=size, check=False),
                system,
            )
            for size in (None, 6)
        )
        require_same(whole, merged)


def test_an_index_of_each_range_is_another_index_than_one_of_all(bench: Bench, models: dict[str, str]) -> None:
    ivf = IVF(models["dense"], clusters=2, probes=2, k=5)
    docs = draw_documents(4)
    whole = bench.rank(cut(docs, None), ivf)
    merged = bench.rank(cut(docs, 12), ivf)
    assert bench.said["declared"]["ranges"] == 2
    assert [index["n"] for index in bench.said["declared"]["index"]] == [12, 11]
    assert merged.scores.tolist() == whole.scores.tolist()  # all clusters are searched; FAISS breaks ties otherwise


def test_appended_documents_make_new_ranges_only(bench: Bench, models: dict[str, str]) -> None:
    docs = draw_documents(5, 30)
    first = dict(list(docs.items())[:20])
    bm25, dense = BM25(analyzer="whitespace", k=7), Dense(models["dense"], k=9)
    for system in (bm25, dense):
        bench.rank(cut(first, 10), system)
    bench.rank(cut(docs, 10), bm25)
    assert [label for label in bench.list_labels() if label.startswith("index")] == [
        "index of rows 21 to 30 of toy documents"
    ]
    bench.rank(cut(docs, 10), dense)
    assert bench.list_labels() == [
        "vectors of rows 21 to 30 of toy documents",
        f"{dense.title} in rows 21 to 30 of toy documents",
        dense.title,
    ]


def test_a_document_that_changes_changes_its_range_only(bench: Bench, models: dict[str, str]) -> None:
    docs = draw_documents(6)
    for system in (BM25(analyzer="whitespace"), Dense(models["dense"])):
        bench.rank(cut(docs, 8), system)
        changed = {**docs, list(docs)[9]: {"title": "", "text": "w3 w3 w7"}}
        whole = bench.rank(cut(changed, None), system)
        require_same(whole, bench.rank(cut(changed, 8), system))
        made = [label for label in bench.list_labels() if label.startswith(("index of", "vectors of"))]
        assert [label.partition(" of ")[2] for label in made] == ["rows 9 to 16 of toy documents"]


def test_a_deeper_list_of_ranges_serves_a_shorter_one(bench: Bench) -> None:
    docs = draw_documents(7)
    deep = bench.rank(cut(docs, 8), BM25(analyzer="whitespace", k=9))
    short = bench.rank(cut(docs, 8), BM25(analyzer="whitespace", k=3))
    assert not bench.computed
    require_same(deep.cut(3), short)


def test_documents_of_one_range_are_as_without_ranges(bench: Bench) -> None:
    docs = draw_documents(8)
    bench.rank(cut(docs, None), BM25(analyzer="whitespace"))
    bench.rank(cut(docs, len(docs)), BM25(analyzer="whitespace"))
    assert not bench.computed


@pytest.mark.parametrize(
    "words",
    [TopTerms(2, "whitespace"), KeySentences(1, analyzer="whitespace"), TopTerms(4, "english", idf_floor="stop_words")],
)
def test_words_are_weighed_by_the_counts_of_all_ranges(words: TextMap, bench: Bench) -> None:
    docs = {**draw_documents(13), **{f"the {number}": "the of a w11" for number in range(9)}}
    queries = {"q": "w1 w2 w2 w5. w4 the w8 w8? w3 w9 of", "r": "the w2. w11 w11 w3"}
    system = rewrite(words, BM25(analyzer="whitespace"))
    whole, merged = (
        bench.rank(Collection.of(docs, queries, name="toy", ranges=size, check=False), system) for size in (None, 7)
    )
    require_same(whole, merged)
    assert len(whole)
    assert "index of toy documents" not in bench.list_labels()


def test_a_warning_is_given_once_for_all_ranges(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    docs = draw_documents(9)
    collection = Collection.of(docs, {"q": "zz yy xx w1"}, name="toy", ranges=6, check=False)
    bench.rank(collection, BM25(analyzer="whitespace"))
    assert caplog.text.count("75 % of the query terms occur in no document") == 1
    assert bench.said["declared"]["unknown_terms"] == 0.75


def test_a_plan_shows_ranges_in_one_line(tmp_path: Path, models: dict[str, str]) -> None:
    bench, docs = Bench(LocalStore(tmp_path)), draw_documents(10)
    bm25 = BM25(analyzer="whitespace")
    experiment = Experiment(
        Collection.of(docs, QUERIES, {"a": {"a": 1}}, name="toy", ranges=8, self_match="id", check=False),
        {"One": bm25, "Two": rrf(bm25, Dense(models["dense"]))},
        measures=["nDCG@10"],
        store=bench.store,
    )
    lines = experiment.explain().splitlines()
    (index,) = [line for line in lines if "index of" in line]
    assert "  index of toy documents, 3 ranges  no rate yet" in index
    assert index.endswith("[One, Two]")
    (vectors,) = [line for line in lines if "vectors of toy documents" in line]
    assert "vectors of toy documents, 3 ranges" in vectors
    assert sum(f"{bm25.title} in toy documents, 3 ranges to depth 1000" in line for line in lines) == 1
    assert "rows" not in "".join(lines)
    # Index, vectors, own documents' rules and two searches a range; the counts, the queries' vectors, two lists, a fusion.
    assert lines[-1].startswith("20 computations (31 if nothing were shared): 0 stored, 20 to compute")
    bench.rank(cut(dict(list(docs.items())[:16]), 8), bm25)
    (index,) = [line for line in experiment.explain().splitlines() if "index of" in line]
    assert "index of toy documents, 3 ranges  about" in index
    assert ", 2 stored  [" in index


def test_planning_grows_with_the_number_of_ranges() -> None:
    def plan_ranges(n: int) -> Callable[[], Node]:
        docs = Node.leaf("texts", f"{n}", "docs", tuple(Node.leaf("texts", f"{n}.{at}", f"{at}") for at in range(n)))
        sides = Sides(Node.leaf("texts", "queries", "queries"), docs)
        return lambda: compile_ranges(BM25F(fields={"title": 1.0, "text": 1.0}), sides, 10, {})

    plan_ranges(3)()
    assert measure_growth(plan_ranges, 10) < 1.3


def write_collection(folder: Path, docs: Mapping[str, Any]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": id, **record}) + "\n" for id, record in docs.items())
    )
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in QUERIES.items())
    )
    judged = "".join(f"{query}\ta\t1\n" for query in QUERIES)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def test_a_killed_build_goes_on_with_the_ranges_that_are_done(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "toy", draw_documents(11))
    script = Path(__file__).with_name("killed_build.py")
    command = [sys.executable, str(script), str(folder), str(tmp_path / "killed"), "3"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
    bm25, indexed, lists = BM25(analyzer="whitespace"), [], []
    for name in ("killed", "whole"):
        bench = Bench(LocalStore(tmp_path / name))
        ranges = 6 if name == "killed" else None
        lists.append(bench.rank(load(folder, ranges=ranges, store=bench.store, check=False), bm25))
        indexed.append([label for label in bench.list_labels() if label.startswith("index")])
    assert indexed[0] == [f"index of rows {rows} of toy documents" for rows in ("13 to 18", "19 to 23")]
    require_same(lists[1], lists[0])


def test_a_configuration_asks_for_ranges_and_gets_the_same_files(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "toy", draw_documents(12))
    files = []
    for name, ranges in (("whole", ""), ("cut", ", ranges: 6")):
        (tmp_path / f"{name}.yaml").write_text(
            f"store: {tmp_path / 's'}\ncollections: [{{path: {folder}, self_match: id{ranges}}}]\nmeasures: [nDCG@10, R@5]\n"
            "systems:\n  Words: {bm25: {analyzer: whitespace, k: 8}}\n"
            "  Both: {rrf: [Words, {bm25f: {fields: {title: 2, text: 1}, analyzer: simple}}]}\n"
        )
        arguments = ["run", str(tmp_path / f"{name}.yaml"), "--out", str(tmp_path / name)]
        outcome = CliRunner().invoke(cli, arguments)
        assert outcome.exit_code == 0, outcome.output
        files.append({path.name: path.read_bytes() for path in (tmp_path / name / "runs").rglob("*") if path.is_file()})
    assert len(files[0]) >= 2
    assert files[0] == files[1]


@pytest.mark.parametrize("ranges", [0, -1, True, "5", 2.5])
def test_ranges_are_numbers_of_documents(ranges: Any) -> None:
    with pytest.raises(ConfigError, match="ranges must be how many documents a range has, an integer from 1, got"):
        Collection.of({"a": "x"}, {"q": "x"}, ranges=ranges)
