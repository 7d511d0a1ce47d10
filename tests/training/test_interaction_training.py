"""DRMM and PACRR: what they learn from a pre-fetcher's lists, and how they stand in a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from numpy.typing import NDArray
from safetensors.numpy import load_file

from nirank.algebra.context import Context
from nirank.algebra.judged import Judged
from nirank.algebra.tuned import grid
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.flow.ranking import Ranking
from nirank.inference.interaction_models import InteractionFiles, read_years, score_query
from nirank.inference.interactions import InteractionDesign, Interactions
from nirank.inference.mixture import Mixture
from nirank.inference.word_pieces import WordPieces
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.interaction import Interaction
from nirank.store import open_store
from nirank.training.interaction_fitting import InteractionFitting, TrainingLists, fit_interaction, select_retrieved
from nirank.training.interaction_models import InteractionRecipe, TrainInteraction
from nirank.training.mining import MinedRows
from nirank.training.models import Soup, Train
from nirank.training.negatives import LabelledNegatives, Mined
from nirank.training.training_sets import Fields, TrainingSet
from nirank.training.watch import Watch

VOCABULARY, DEPTH = 60, 8
Draw = Callable[[np.random.Generator], list[int]]


def cut_words(texts: list[list[int]]) -> WordPieces:
    counts = np.zeros(VOCABULARY, np.int64)
    for text in texts:
        counts[np.unique(text)] += 1
    offsets = np.append(0, np.cumsum([len(text) for text in texts])).astype(np.int64)
    return WordPieces(offsets, np.array([word for text in texts for word in text], np.int32), counts)


def make_vectors() -> NDArray[np.float32]:
    vectors = np.random.default_rng(5).normal(size=(VOCABULARY, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_lists(
    queries: list[list[int]], docs: list[list[int]], scores: list[float], *, design: InteractionDesign, years: list[int]
) -> TrainingLists:
    """Every query's list has as many documents of its own, of which the first is its positive."""
    n, depth = len(queries), len(docs) // len(queries)
    query_texts = Texts.of({f"q{q:03}": {"text": "x", "metadata": {"date": "2000"}} for q in range(n)})
    doc_texts = Texts.of({f"d{d:05}": {"text": "x", "metadata": {"date": str(year)}} for d, year in enumerate(years)})
    q, d = np.repeat(np.arange(n), depth), np.arange(n * depth)
    ranking = Ranking.build(query_texts.ids, doc_texts.ids, q, d, np.array(scores), source="test")
    positives, negatives = d.reshape(n, depth)[:, 0], d.reshape(n, depth)[:, 1:].ravel()
    offsets = np.arange(n + 1, dtype=np.int64) * (depth - 1)
    rows = np.arange(n)
    mined = MinedRows(rows, positives, offsets, negatives, np.column_stack((rows, positives)), {"examples": n})
    interactions = Interactions(design, make_vectors(), {"m": "1"}, cut_words(queries), cut_words(docs))
    return TrainingLists.of(mined, ranking, query_texts, doc_texts, interactions, Context())


def fit(lists: TrainingLists, place: Path, seed: int = 1, **recipe: Any) -> InteractionFiles:
    place.mkdir(parents=True, exist_ok=True)
    kind = lists.interactions.design.kind
    fitting = InteractionFitting(InteractionRecipe(**recipe).resolve(kind), 4, True, DEPTH, seed, "base", {})
    fit_interaction(fitting, lists, None, place, Context(device="cpu"))
    return InteractionFiles.open(place / "model", "model")


def make_design(kind: Any, date_key: str | None = None) -> InteractionDesign:
    sizes = {"doc_terms": 12, "ngrams": 2, "filters": 4, "k_max": 2} if kind == "pacrr" else {}
    return InteractionDesign(kind, query_terms=4, **sizes, date_key=date_key)


def draw_words(random: np.random.Generator, n: int = 12) -> list[int]:
    return random.integers(0, VOCABULARY, n).tolist()


@pytest.mark.parametrize("kind", ["drmm", "pacrr"])
def test_r9_reliance_goes_where_the_information_is(tmp_path: Path, kind: Any) -> None:
    """Labels that texts know nothing of, and a pre-fetcher that does; then the other way round."""
    random = np.random.default_rng(3)
    queries = [draw_words(random, 4) for _ in range(120)]
    noise = [draw_words(random) for _ in range(120 * DEPTH)]
    informed = [float(d % DEPTH == 0) + random.normal() * 0.3 for d in range(len(noise))]
    years = [2000] * len(noise)
    design, recipe = make_design(kind), {"epochs": 20, "learning_rate": 0.01}
    unread = fit(make_lists(queries, noise, informed, design=design, years=years), tmp_path / "unread", **recipe)
    telling = [
        [*queries[d // DEPTH], *text[4:]] if d % DEPTH == 0 else text for d, text in enumerate(noise)
    ]  # the positive has the query's words
    uninformed = random.normal(size=len(noise)).tolist()
    read = fit(make_lists(queries, telling, uninformed, design=design, years=years), tmp_path / "read", **recipe)
    assert unread.mixture.reliance is not None and read.mixture.reliance is not None
    assert unread.mixture.reliance > 0.75
    assert read.mixture.reliance < 0.25


def measure_twins(files: InteractionFiles, folder: Path, lists: TrainingLists) -> float:
    """Return how often the positive of a pair of twins stands above the other."""
    network, design = files.load_network(folder, "cpu"), lists.interactions.design
    wins = []
    for query, terms in lists.terms.items():
        docs = np.array([2 * query, 2 * query + 1])
        years = read_years(design.date_key, lists.queries, lists.docs, np.full(2, query), docs)
        scores = score_query(network, design, terms, lists.read_cells(query, docs, Context()), years)
        wins.append(float(scores[0] > scores[1]))
    return float(np.mean(wins))


def test_r10_twins_with_other_labels_are_told_apart_by_their_years_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(11)

    def make_twins(n: int, date_key: str | None) -> TrainingLists:
        queries = [draw_words(random, 4) for _ in range(n)]
        docs: list[list[int]] = []
        for query in queries:
            positive = [*query, *draw_words(random, 8)]
            twin = list(positive)
            twin[int(random.integers(0, 12))] = int(random.integers(0, VOCABULARY))  # one word is another
            docs += [positive, twin] if random.random() < 0.5 else [twin, positive]
        years = [1999, 1985] * n
        return make_lists(queries, docs, [1.0] * (2 * n), design=make_design("drmm", date_key), years=years)

    rates = {}
    for name, key in (("text", None), ("years", "date")):
        files = fit(make_twins(120, key), tmp_path / name)
        rates[name] = measure_twins(files, tmp_path / name / "model", make_twins(200, key))
    assert rates["text"] == pytest.approx(0.5, abs=0.12)  # three standard deviations of 200 coin flips
    assert rates["years"] > 0.9


@pytest.mark.parametrize("kind", ["drmm", "pacrr"])
def test_the_seed_is_the_weights(tmp_path: Path, kind: Any) -> None:
    random = np.random.default_rng(3)
    queries, docs = [draw_words(random, 4) for _ in range(9)], [draw_words(random) for _ in range(9 * DEPTH)]
    lists = make_lists(
        queries, docs, random.normal(size=len(docs)).tolist(), design=make_design(kind), years=[2000] * 72
    )
    weights = []
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(lists, tmp_path / place, seed, epochs=2, batch=4)
        weights.append(load_file(tmp_path / place / "model" / "interaction.safetensors"))
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert not all((weights[0][name] == weights[2][name]).all() for name in weights[0])
    files = [(tmp_path / place / name).read_bytes() for name in ("curve.json", "training.json") for place in ("a", "b")]
    assert files[0] == files[1] and files[2] == files[3]


def test_only_positives_in_the_list_are_kept_and_the_others_counted() -> None:
    ranking = Ranking.from_dict({"q0": {"d0": 2, "d1": 1}, "q1": {"d2": 1}, "q2": {"d3": 1}, "q3": {}})
    rows = [np.array(values, np.int64) for values in ([0, 0, 1, 2, 3], [0, 3, 0, 3, 1], [0, 1, 2, 3, 3, 3], [1, 1, 2])]
    kept = select_retrieved(MinedRows(*rows, np.zeros((0, 2), np.int64), {"examples": 5}), ranking)
    assert kept.queries.tolist() == [0]
    assert kept.positives.tolist() == [0]
    assert kept.negatives.tolist() == [1]
    assert kept.counts == {
        "examples": 1,
        "negatives": 1,
        "queries without a retrieved positive": 2,
        "removed: no negative in the list": 1,
        "removed: positives not retrieved": 3,
    }


# -- in a plan -------------------------------------------------------------------------------------

DOCS = {
    f"d{i:02}": {"title": f"w{i}", "text": f"w{i} w{i + 1} w{i + 30}", "metadata": {"date": str(1990 + i)}}
    for i in range(20)
}
QUERIES = {f"q{i:02}": {"text": f"w{i} w{i + 1}", "metadata": {"date": str(1992 + i)}} for i in range(20)}
QRELS = {f"q{i:02}": {f"d{i:02}": 1} for i in range(20)}
LISTED = TrainingSet(Judged(), Mined(BM25(), ranks=(1, 10), n=2, choose="random"))
QUICK = InteractionRecipe(epochs=2, batch=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("base")))


def run(tmp_path: Path, systems: dict[str, Any], **options: Any) -> Any:
    collection = Collection.of(DOCS, QUERIES, QRELS)
    store = open_store(tmp_path / "store")
    return Experiment(collection, systems, ["nDCG@10", "R@5"], store=store, **{"folds": 2, **options}).run()


@pytest.mark.parametrize("kind", ["drmm", "pacrr"])
def test_trained_in_a_plan_and_found_again(tmp_path: Path, base: str, kind: Any) -> None:
    model = TrainInteraction(base, LISTED, kind, date_key="date", recipe=QUICK)
    systems = {"BM25": BM25(), "Mixed": BM25() >> Interaction(model)}
    result = run(tmp_path, systems, seeds=[1, 2])
    assert {row.system: row.error for row in result.rows if row.status != "ok"} == {}
    rows = {row.system: row for row in result.rows}
    (first, _) = rows["Mixed (seed 1)"].trainings
    assert first.kind == kind
    assert first.steps == 2 * 3
    assert first.examples_by_reason["examples"] == 10
    assert first.examples_by_reason["queries without a retrieved positive"] == 0
    assert rows["Mixed (seed 1)"].trained_on[0].queries == 10
    mixture = Mixture.open(next((tmp_path / "store").rglob("mixture.json")).parent)
    assert mixture.sd_p > 0
    assert run(tmp_path, systems, seeds=[1, 2]).computed == []
    again = run(tmp_path, {"Mixed": BM25() >> Interaction(replace(model, recipe=replace(QUICK, margin=0.5)))})
    assert not [label for label in again.computed if label.startswith(("positives", "lists", "word pieces", "index"))]
    result.save(tmp_path / "out")
    assert "queries without a retrieved positive" in (tmp_path / "out" / "report.html").read_text()
    written = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert "reliance" in json.dumps(written)


def test_the_best_epoch_of_the_watched_queries_is_the_model(tmp_path: Path, base: str) -> None:
    watch = Watch(Judged(part=(0.5, 1.0)), BM25(), "nDCG@10", patience=1)
    data = replace(LISTED, queries=Judged(part=(0.0, 0.5)))
    recipe = replace(QUICK, epochs=9, learning_rate=0.3)
    model = TrainInteraction(base, data, "drmm", date_key="date", recipe=recipe, watch=watch)
    result = run(tmp_path, {"S": BM25() >> Interaction(model)})
    assert [row.error for row in result.rows if row.status != "ok"] == []
    for training in result.rows[0].trainings:
        per_epoch = -(-training.examples // 4)
        values = dict(training.evaluations)
        assert list(values) == [per_epoch * epoch for epoch in range(1, len(values) + 1)]
        assert training.best_step == next(step for step, value in values.items() if value == max(values.values()))
        assert training.stopped_early == (training.steps < 9 * per_epoch)
        assert training.best_step in (training.steps, training.steps - per_epoch) or not training.stopped_early
        assert training.measure == "nDCG@10"


def test_r8_only_the_head_is_permuted(tmp_path: Path, base: str) -> None:
    folder = str(tiny_models.make_interaction(tmp_path / "made", base))
    systems = {"BM25": BM25(), "Head": BM25() >> Interaction(folder, depth=3), "All": BM25() >> Interaction(folder)}
    long = {f"q{i:02}": " ".join(f"w{word}" for word in range(i, i + 12)) for i in range(9)}
    collection = Collection.of(DOCS, long, {"q00": {"d00": 1}})
    result = Experiment(collection, systems, ["RR"], store=open_store(tmp_path / "store")).run()
    lists = {name: {query: list(docs) for query, docs in result.ranking(name).to_dict().items()} for name in systems}
    assert lists["BM25"] != lists["Head"] != lists["All"]
    for query, docs in lists["BM25"].items():
        assert set(lists["Head"][query][:3]) == set(docs[:3])
        assert lists["Head"][query][3:] == docs[3:]
        assert set(lists["All"][query]) == set(docs)


def test_dates_that_are_not_there_are_told_before_anything_runs(tmp_path: Path, base: str) -> None:
    undated = Collection.of({"a": "w1"}, {"q": "w1"}, {"q": {"a": 1}})
    folder = str(tiny_models.make_interaction(tmp_path / "made", base, date_key="made"))
    trained = TrainInteraction(base, LISTED, date_key="made", recipe=QUICK)
    for model in (folder, trained):
        experiment = Experiment(undated, {"S": BM25() >> Interaction(model)}, ["RR"], store=open_store(tmp_path / "s"))
        with pytest.raises(ConfigError, match="have no date under 'made'; they have no metadata"):
            experiment.check()


def test_networks_are_tuned_by_their_options(base: str) -> None:
    model = TrainInteraction(base, LISTED, recipe=QUICK)
    over = {"interaction.model.query_terms": [5, 9], "interaction.model.data.negatives.of.b": [0.3]}
    tuned = grid(BM25() >> Interaction(model), over)
    mined = Mined(BM25(b=0.3), ranks=(1, 10), n=2, choose="random")
    expected = [replace(model, query_terms=n, data=replace(LISTED, negatives=mined)) for n in (5, 9)]
    assert [pipeline.steps[-1].model for pipeline in tuned] == expected


def test_training_queries_that_are_evaluated_are_refused(tmp_path: Path, base: str) -> None:
    (tmp_path / "c" / "qrels").mkdir(parents=True)
    for name, records in (("corpus", DOCS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": id, **record}) for id, record in records.items()]
        (tmp_path / "c" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    for split, numbers in (("train", range(10)), ("test", range(9, 20))):
        lines = [f"q{i:02}\td{i:02}\t1" for i in numbers]
        (tmp_path / "c" / "qrels" / f"{split}.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    model = TrainInteraction(base, replace(LISTED, queries=Judged(split="train")), recipe=QUICK)
    store = open_store(tmp_path / "store")
    collection = load(tmp_path / "c", split="test", store=store)
    with pytest.raises(ConfigError, match="1 of 10 training queries are evaluated too"):
        Experiment(collection, {"S": BM25() >> Interaction(model)}, ["RR"], store=store).run()


def test_other_stages_and_models_do_not_mix(tmp_path: Path, base: str) -> None:
    network = TrainInteraction(base, LISTED, recipe=QUICK)
    with pytest.raises(ConfigError, match="cross_encoder: needs a cross-encoder; .* is a DRMM"):
        run(tmp_path, {"S": BM25() >> CrossEncoder(network)})
    with pytest.raises(ConfigError, match="interaction: needs a DRMM or a PACRR; .* is a bi-encoder"):
        run(tmp_path, {"S": BM25() >> Interaction(Train(base, Fields()))})
    with pytest.raises(ConfigError, match="train: base is an encoder; .* is a DRMM"):
        Train(network, Fields())
    with pytest.raises(ConfigError, match="soup: encoders from one start are averaged; .* is a DRMM"):
        Soup((network, network))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "knrm"}, "kind"),
        ({"query_terms": 0}, "drmm: query_terms must be 1 or more, got 0"),
        ({"doc_terms": 100}, "drmm: doc_terms does nothing in a DRMM; leave it out"),
        ({"kind": "pacrr", "doc_terms": 2}, "pacrr: ngrams and k_max must not exceed doc_terms, got 3, 2 and 2"),
        ({"date_key": ""}, "drmm: date_key is empty"),
        ({"watch": Watch(Judged(), BM25(), every=5)}, "drmm: watch.every is of steps"),
        ({"base": Train("m", Fields())}, "drmm: base is a model by its name"),
        ({"data": Fields()}, "drmm: its data are judged queries and their lists, {split: train"),
        ({"data": TrainingSet(Judged())}, "drmm: its negatives come from one pre-fetcher's lists"),
        ({"data": TrainingSet(Judged(), LabelledNegatives())}, "drmm: its negatives come from one pre-fetcher's"),
        ({"data": TrainingSet(Judged(), Mined(BM25()), teacher=BM25())}, "leave teacher out"),
        ({"data": TrainingSet(Judged(), Mined(BM25(), margin=1.0))}, "leave margin and relative out"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainInteraction(**{"base": "m", "data": LISTED, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "recipe: epochs must be 1 or more, got 0"),
        ({"batch": 0}, "recipe: batch must be 1 or more, got 0"),
        ({"learning_rate": 0.0}, r"recipe: learning_rate must be above 0, got 0\.0"),
        ({"margin": 0.0}, r"recipe: margin must be above 0, got 0\.0"),
    ],
)
def test_recipes_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        InteractionRecipe(**options)
    with pytest.raises(ConfigError, match="interaction: depth must be 2 or more, got 1"):
        Interaction("m", depth=1)
