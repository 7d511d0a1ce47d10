"""Training data that a plan writes itself: what is trained on, what is never a negative, what the row says."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from written_fakes import Bench, FirstWordsGenerator, ShownExamples

from nirank.algebra.judged import Judged
from nirank.algebra.node import Node
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.experiment.experiment import Experiment
from nirank.experiment.system_runs import set_seed
from nirank.inference.encoder import read_vectors
from nirank.inference.ngram_models import HashedNGrams
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.first_words import FirstWords
from nirank.stages.sparse import Sparse
from nirank.store import open_store
from nirank.synthesis.clusters import Clusters
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import LogProbability
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.quota_cut import choose_by_quota
from nirank.synthesis.selected_docs import SelectedDocs
from nirank.synthesis.selection import Selection
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.training.examples import Examples
from nirank.training.mining import MinedRows
from nirank.training.models import Train
from nirank.training.negatives import LabelledNegatives, Mined
from nirank.training.recipe import Recipe
from nirank.training.training_sets import Fields, Mixture

DOCS = {f"d{i}": {"title": f"thing{i}", "text": f"common about thing{i} and kind{i % 7}"} for i in range(130)}
DOCS["twin"] = {"title": "Thing5", "text": "common about  thing5 and kind5"}
DOCS["empty"] = {"title": "", "text": " "}
QUERIES = {"q1": "thing1 common", "q2": "common kind3"}
QRELS = {"q1": {"d1": 1}, "q2": {"d3": 1}}
QUERIES_OF_ALL = SyntheticQueries(FirstWordsGenerator())
QUICK = Recipe(steps=2, batch=4, learning_rate=1e-3)


@pytest.fixture
def collection() -> Collection:
    return Collection.of(DOCS, QUERIES, QRELS)


@pytest.fixture
def bench(collection: Collection, tmp_path: Path) -> Bench:
    return Bench(collection, tmp_path)


def find_node(node: Node, task: str) -> Node:
    return next(below for below in node.walk() if below.task.endswith(task))


def test_t12_negatives_are_of_ranks_93_to_100_and_never_the_positive(bench):
    node = bench.compile(Synthetic(QUERIES_OF_ALL, Mined(BM25(), (93, 100), 4)))
    mined = MinedRows.open(bench.run(find_node(node, ":mine_rows")))
    ranking = bench.run(find_node(node, ":search"))
    assert len(mined.queries) == 131  # of the empty document nothing is written
    assert (np.diff(mined.offsets) == 4).all()
    q = np.repeat(mined.queries, 4)
    ranks = {(q, d): rank for q, d, rank in zip(ranking.query_rows, ranking.rows, ranking.ranks, strict=True)}
    assert {93 <= ranks[pair] <= 100 for pair in zip(q, mined.negatives, strict=True)} == {True}
    positives = np.repeat(mined.positives, 4)
    assert (mined.negatives != positives).all()
    prints = bench.collection.docs.fingerprints
    assert (prints[mined.negatives] != prints[positives]).all()


def test_the_source_and_its_twins_are_never_negatives_however_high_they_rank(bench):
    node = bench.compile(Synthetic(QUERIES_OF_ALL, Mined(BM25(), (1, 5), 5)))
    mined = MinedRows.open(bench.run(find_node(node, ":mine_rows")))
    queries, docs = bench.run(find_node(node, ":list_texts")), bench.collection.docs
    (five,) = np.flatnonzero(np.array(list(queries.ids))[mined.queries] == "d5#0")
    found = docs.ids.take(mined.negatives[mined.offsets[five] : mined.offsets[five + 1]])
    assert len(found) > 0
    assert not {"d5", "twin"} & set(found)
    ranking = bench.run(find_node(node, ":search"))
    assert {"d5", "twin"} <= set(docs.ids.take(ranking.rows[ranking.query_rows == mined.queries[five]]))


def test_examples_are_the_queries_and_their_documents(bench):
    node = bench.compile(Synthetic(QUERIES_OF_ALL, teacher=BM25()))
    examples = Examples.open(bench.run(node))
    texts = examples.texts.to_pylist()
    pairs = {(texts[q], texts[d]) for q, d in zip(examples.queries, examples.positives, strict=True)}
    assert ("thing3 common", "thing3 common about thing3 and kind3") in pairs
    assert len(pairs) == 131
    assert examples.scores is not None  # the teacher's


def test_evaluated_queries_are_counted_or_left_out(bench):
    """Their words are no part of what is trained on, unless they are to be left out."""
    mark, drop = (Synthetic(QUERIES_OF_ALL, on_overlap=on) for on in ("mark", "drop"))
    kept = QueryTable.open(bench.run(bench.compile(mark).get_input("queries").get_input("written"))).kept.sum()
    table = QueryTable.open(bench.run(bench.compile(drop).get_input("queries").get_input("written")))
    assert table.kept.sum() == kept - 1
    assert [table.queries[row] for row in np.flatnonzero(np.array(table.reasons) == "evaluated too")] == [
        "thing1 common"
    ]
    others = Bench(Collection.of(DOCS, {"q": "other"}, {"q": {"d1": 1}}), bench.place)
    assert others.compile(mark).address == bench.compile(mark).address
    assert others.compile(drop).address != bench.compile(drop).address


def test_filters_run_one_after_the_other_and_quotas_are_cut_at_the_end(bench):
    filters = (RoundTrip(BM25(), 3), LogProbability(share=0.5))
    queries = replace(QUERIES_OF_ALL, generator=FirstWordsGenerator(2), filters=filters)
    table = QueryTable.open(bench.run(bench.compile(Synthetic(queries)).get_input("queries").get_input("written")))
    assert set(table.reasons) >= {"", "filter: round trip in 3", "filter: best 50 % by log-probability"}
    assert len(table) == 2 * len(DOCS) - 1  # of the empty document there is one line that says so
    random = Selection(20, by="random", min_characters=1, seed=0)
    cut = replace(queries, selection=random, keep_rate=0.25)
    table = QueryTable.open(bench.run(bench.compile(Synthetic(cut)).get_input("queries").get_input("written")))
    assert len(np.unique(table.docs)) == 80
    assert len(np.unique(table.docs[table.kept])) == 20
    assert "more than the quota" in table.reasons


def test_each_seed_of_an_experiment_chooses_documents_of_its_own(bench):
    data = Synthetic(replace(QUERIES_OF_ALL, selection=Selection(20, by="random", min_characters=1)))
    nodes = [find_node(bench.compile(set_seed(data, seed)), ":draw_docs") for seed in (1, 2, 1)]
    assert [node.params["seed"] for node in nodes] == [1, 2, 1]
    assert not np.array_equal(*(SelectedDocs.open(bench.run(node)).rows for node in nodes[:2]))


def test_a_round_trip_searches_no_deeper_than_it_looks(bench):
    shallow, deep = (replace(QUERIES_OF_ALL, filters=(RoundTrip(of, 3),)) for of in (BM25(), BM25() % 1000))
    nodes = [bench.compile(Synthetic(queries)) for queries in (shallow, deep)]
    assert [find_node(node, ":search").depth for node in nodes] == [3, 1000]
    tables = [QueryTable.open(bench.run(node.get_input("queries").get_input("written"))) for node in nodes]
    assert tables[0].reasons == tables[1].reasons
    assert not tables[0].kept.all()


def test_they_stand_wherever_training_data_stand(bench):
    data = Synthetic(QUERIES_OF_ALL, Mined(BM25(), (2, 9), 1))
    for kind, stage in (("bi_encoder", Dense), ("sparse_encoder", Sparse), ("cross_encoder", CrossEncoder)):
        assert stage(Train(HashedNGrams(width=8), data, kind, seed=1)).model.data == data
    again = Train(HashedNGrams(width=8), data, seed=1, rounds=2).expand_rounds().data
    assert isinstance(again, Synthetic)
    assert again.negatives.of == Dense(Train(HashedNGrams(width=8), data, seed=1))
    assert Mixture((data, Fields())).title == "queries written by first 2 words + title and text of the documents"


def test_the_row_says_that_no_label_was_read(collection, tmp_path):
    model = Train(HashedNGrams(buckets=512, width=16), Synthetic(QUERIES_OF_ALL), recipe=QUICK)
    result = Experiment(collection, {"D": Dense(model)}, ["nDCG@10"], store=open_store(tmp_path / "store")).run()
    (row,) = result.rows
    assert row.status == "ok", row.error
    assert (row.zero_shot, row.trained_on_test, row.new_documents) == ("no", False, None)
    (trained,) = row.trained_on
    assert (trained.written, trained.kept, trained.overlap, trained.dropped) == (131, 131, 1, False)
    assert "131 kept, no label, 1 of them with the words of evaluated ones" in " ".join(str(result.table()).split())
    (written,) = row.written
    assert [(sieve.entered, sieve.left) for sieve in written.sieves] == [(131, 131)]
    assert written.sieves[0].kept[0] == ("d0", "thing0 common")
    assert (written.documents, written.tokens) == (132, 262)
    result.save(tmp_path / "out")
    (path,) = (tmp_path / "out/written").iterdir()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    assert len(lines) == 132
    assert lines[0] == {
        "doc_id": "d0", "cluster": "-1", "number": "0", "raw": "thing0 common", "query": "thing0 common", "reason": "",
        "logprob": "-1", "tokens": "2",
    }  # fmt: skip
    assert path.name in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Synthetic(QUERIES_OF_ALL, LabelledNegatives()), "written queries have no labelled ones"),
        (lambda: Synthetic(QUERIES_OF_ALL, on_overlap="refuse"), "on_overlap"),
        (lambda: Synthetic(QUERIES_OF_ALL, teacher=FirstWords()), "a pipeline that scores documents"),
        (lambda: replace(QUERIES_OF_ALL, keep_rate=0.5), "keep_rate is for a selection"),
        (lambda: replace(QUERIES_OF_ALL, keep_rate=1.5), r"keep_rate must lie in \(0, 1\]"),
    ],
)
def test_what_cannot_be_meant(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_column_that_documents_lack_is_said_before_anything_runs(bench):
    with pytest.raises(DataError, match="there is no column or metadata key 'abstrakt'"):
        bench.compile(Synthetic(replace(QUERIES_OF_ALL, doc_text="abstrakt")))


def test_the_nearest_of_its_cluster_are_spared(bench):
    """Those that a search by the same vectors finds first among the documents of the cluster."""
    encoder = Dense(HashedNGrams(buckets=512, width=16))
    queries = replace(QUERIES_OF_ALL, selection=Selection(12, encoder, clusters=4, min_characters=1, seed=0))
    all_near, spared = (Synthetic(queries, Mined(encoder, (1, 30), 30), spare=spare) for spare in (0, 3))
    node = bench.compile(spared)
    qrels = bench.run(find_node(node, ":list_judgements"))
    selected = next(below for below in node.walk() if below.task.endswith(":draw_from_clusters"))
    clusters = Clusters.open(bench.run(selected.get_input("clusters")))
    vectors, _ = read_vectors(bench.run(selected.get_input("vectors")))
    place = {row: at for at, row in enumerate(clusters.rows.tolist())}
    for query in range(len(qrels.queries)):
        part = slice(qrels.offsets[query], qrels.offsets[query + 1])
        rows, grades = qrels.rows[part], qrels.grades[part]
        (source,) = rows[grades == 2]
        members = clusters.rows[clusters.assigned == clusters.assigned[place[source]]]
        others = members[members != source]
        assert (grades == 1).sum() == min(3, len(others))
        cosines = vectors[others] @ vectors[source]
        least = min((vectors[row] @ vectors[source] for row in rows[grades == 1]), default=np.inf)
        assert least >= np.sort(cosines)[-min(3, len(others)) :].min() - 1e-6
    mined = [MinedRows.open(bench.run(find_node(bench.compile(data), ":mine_rows"))) for data in (all_near, spared)]
    pairs = [set(zip(np.repeat(m.queries, np.diff(m.offsets)), m.negatives, strict=True)) for m in mined]
    spared_pairs = set(zip(qrels.query_rows[qrels.grades == 1], qrels.rows[qrels.grades == 1], strict=True))
    assert pairs[0] & spared_pairs
    assert not pairs[1] & spared_pairs
    assert len(mined[1].queries) == len(qrels.queries)  # one positive each


def test_clusters_keep_their_quotas_when_filters_took_more_of_some():
    """Sizes 1, 2, 3, 10, 34, 50 and n = 20 give 1, 1, 1, 2, 6, 9; where too few are left, others give more."""
    sizes = np.array([1, 2, 3, 10, 34, 50])
    clusters = np.repeat(np.arange(6), [1, 2, 3, 5, 12, 18])
    selected = SelectedDocs(np.arange(len(clusters)) + 100, clusters, sizes)
    chosen = choose_by_quota(selected.rows, selected, 20)
    assert np.bincount(clusters[chosen - 100], minlength=6).tolist() == [1, 1, 1, 2, 6, 9]
    firsts = [selected.rows[clusters == cluster][:quota] for cluster, quota in enumerate([1, 1, 1, 2, 6, 9])]
    assert set(chosen) == set(np.concatenate(firsts))
    left = np.concatenate([selected.rows[clusters != 5], selected.rows[clusters == 5][-4:]])
    fewer = choose_by_quota(left, selected, 20)
    assert len(fewer) == 20
    assert np.bincount(clusters[fewer - 100], minlength=6)[5] == 4
    assert set(choose_by_quota(left[:7], selected, 20)) == set(left[:7])


def test_examples_of_training_queries_for_a_prompt_are_said(tmp_path):
    """As wherever judged queries are read: those that are evaluated are refused."""
    training = Collection.of(DOCS, {"t1": "thing9", "t2": "thing8"}, {"t1": {"d9": 1}, "t2": {"d8": 1}})
    evaluated = replace(Collection.of(DOCS, QUERIES, QRELS), open_split=lambda split: training, split="test")
    bench = Bench(evaluated, tmp_path)
    generator = ShownExamples(examples=FewShot(queries=Judged(split="train"), n=1))
    data = Synthetic(replace(QUERIES_OF_ALL, generator=generator))
    table = QueryTable.open(bench.run(bench.compile(data).get_input("queries").get_input("written")))
    assert set(table.queries) - {""} <= {"thing8 thing8", "thing9 thing9"}
    (supervision,) = bench.sources.supervision
    assert (supervision.use, supervision.describe().queries) == ("trained", 1)
    with pytest.raises(ConfigError, match="training queries are evaluated too"):
        bench.compile(
            Synthetic(replace(QUERIES_OF_ALL, generator=ShownExamples(examples=FewShot(queries=Judged(split="test")))))
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bi_encoder", "cross_encoder", "sparse_encoder"])
def test_every_kind_of_model_trains_on_written_queries(tmp_path, kind):
    """With hard negatives, and learning a teacher's margins."""
    docs = {f"d{at}": {"title": f"w{at} w{at + 20}", "text": f"w{at} w{at + 1} w{at + 30}"} for at in range(20)}
    words = Collection.of(docs, {"q": "w1 w31"}, {"q": {"d1": 1}})
    (tmp_path / "base").mkdir()
    make_base = tiny_models.make_splade if kind == "sparse_encoder" else tiny_models.make_bi_encoder
    data = Synthetic(QUERIES_OF_ALL, Mined(BM25(), (2, 9), 2), teacher=BM25())
    model = Train(str(make_base(tmp_path / "base")), data, kind, replace(QUICK, loss="margin_mse"))
    stage = {"bi_encoder": Dense, "sparse_encoder": Sparse}.get(kind)
    system = BM25() % 5 >> CrossEncoder(model) if stage is None else stage(model)
    result = Experiment(words, {"S": system}, ["nDCG@10"], store=open_store(tmp_path / "store")).run()
    assert [row.status for row in result.rows] == ["ok"], result.rows[0].error
    (training,) = result.rows[0].trainings
    assert (training.steps, training.examples) == (2, 20)
