"""Stopping rules on the lists of systems: in Python, in YAML, in the tables and in leaderboard.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nirank import BM25, Collection, Complete, Cut, Experiment
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.results.leaderboard import read_leaderboard
from nirank.stopping.combined import AnyRule
from nirank.stopping.counts import Consecutive, Fixed
from nirank.stopping.hypergeometric import Hypergeometric
from nirank.stopping.knee import Knee
from nirank.stopping.rule import Promise
from nirank.store import open_store

RULES = ["knee", {"consecutive": 8}, {"hypergeometric": {"target": 0.8}}, "target", "oracle"]


def make_reviews(**options: object) -> Collection:
    """Three topics; of the relevant documents of t the terms come thick, of u one stands last, v has none."""
    docs = {f"d{at:02}": "statin " * max(1, 12 - at) + "filler " * at for at in range(40)}
    judged = {
        "t": {"d00": 1, "d01": 1, "d02": 1, "d05": 1},
        "u": {"d00": 1, "d01": 1, "d39": 1},
        "v": {"d00": 0},
    }
    return Collection.of(docs, dict.fromkeys("tuv", "statin"), judged, name="reviews", **options)


def test_every_rule_is_evaluated_on_every_whole_order(tmp_path: Path) -> None:
    systems = {"BM25": BM25(), "cut": BM25() >> Cut(5), "whole": BM25() >> Cut(5) >> Complete()}
    experiment = Experiment(make_reviews(), systems, ["AP"], stopping=RULES, store=open_store(tmp_path / "store"))
    result = experiment.run()
    rows = {row.system: row for row in result.rows}
    assert rows["cut"].stopping == ()
    outcomes = {outcome.rule: outcome for outcome in rows["BM25"].stopping}
    assert list(outcomes) == ["knee", "consecutive(n=8)", "hypergeometric(target=0.8)", "target", "oracle"]
    consecutive = outcomes["consecutive(n=8)"]
    assert (consecutive.topics, consecutive.left_out, consecutive.promise, consecutive.kept) == (2, 1, None, None)
    ranks = [rank_of(result.rankings[("reviews", None, "BM25")], "t", doc) for doc in ("d00", "d01", "d02", "d05")]
    (of_t, of_u) = consecutive.ends
    assert (of_t.topic, of_t.read, of_t.found, of_t.size) == ("t", max(ranks) + 8, 4, 40)
    assert (of_u.topic, of_u.found, of_u.relevant) == ("u", 2, 3)
    assert consecutive.least_recall == pytest.approx(2 / 3)
    assert outcomes["oracle"].recall == 1 and outcomes["oracle"].asks == "truth"
    assert outcomes["oracle"].ends[1].read == 40
    assert outcomes["hypergeometric(target=0.8)"].promise == Promise(0.8, 0.95)
    assert outcomes["target"].asks == "sample" and outcomes["target"].recall == 1
    result.save(tmp_path / "out")
    assert read_leaderboard(tmp_path / "out" / "leaderboard.json").rows[0].stopping == rows["BM25"].stopping
    text = " ".join(str(result.table(details=True)).split())
    for expected in (
        "Stopping rules: reviews",
        "recall ≥ 0.8 in 95%",
        "2 topics, 1 without relevant documents left out",
        "oracle: knows all labels (an oracle)",
        "target: asks for a random sample",
        "cut: not evaluated, as the lists are no whole orders of the candidates",
    ):
        assert expected in text, expected
    for file in ("leaderboard.md", "report.html"):
        assert "Stopping rules: reviews" in (tmp_path / "out" / file).read_text()


def rank_of(ranking: object, query: str, doc: str) -> int:
    row = list(ranking.queries).index(query)
    listed = [ranking.docs[at] for at in ranking.rows[ranking.offsets[row] : ranking.offsets[row + 1]]]
    return listed.index(doc) + 1


def test_lists_are_ranked_to_their_end_where_rules_read_them(tmp_path: Path) -> None:
    docs = {f"d{at:04}": "statin" for at in range(1200)}
    collection = Collection.of(docs, {"t": "statin"}, {"t": {"d0003": 1}})
    result = Experiment(collection, {"A": BM25()}, ["AP"], stopping=["half"], store=open_store(tmp_path)).run()
    assert result.rows[0].stopping[0].ends[0].read == 600


def test_documents_known_before_the_review_count_nowhere(tmp_path: Path) -> None:
    known = {"t": ["d00", "d01"], "u": []}
    result = Experiment(
        make_reviews(known=known), {"A": BM25()}, ["AP"], stopping=["oracle"], store=open_store(tmp_path)
    ).run()
    end = result.rows[0].stopping[0].ends[0]
    assert (end.topic, end.size, end.relevant) == ("t", 38, 2)


def test_rules_are_read_from_a_configuration(tmp_path: Path) -> None:
    config = write_config(tmp_path, ["knee", {"consecutive": 8}, {"any": [{"fixed": 3}, {"hypergeometric": 0.9}]}])
    assert load_config(config).stopping == (Knee(), Consecutive(8), AnyRule((Fixed(3), Hypergeometric(0.9))))
    assert load_config(write_config(tmp_path, "knee")).stopping == (Knee(),)


def write_config(folder: Path, stopping: object) -> Path:
    (folder / "docs").mkdir(exist_ok=True)
    np.savetxt(folder / "docs" / "corpus.jsonl", ['{"_id": "1", "text": "a"}'], fmt="%s")
    text = {"collections": [str(folder / "docs")], "systems": {"A": "bm25"}, "measures": ["AP"], "stopping": stopping}
    path = folder / "config.yaml"
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize(
    ("stopping", "messages"),
    [
        (["kne"], ["there is no stopping rule 'kne'; did you mean 'knee'?"]),
        (
            [{"consecutive": {"m": 5}}, {"hypergeometric": {"target": 95}}],
            ["stopping rule 'consecutive' has no option 'm'", "target must be above 0 and at most 1"],
        ),
        (["fixed"], ["stopping rule 'fixed' needs 'documents'"]),
        ([{"half": 3}], ["stopping rule 'half' has no options"]),
        ([{"any": ["knee"]}], ["stopping rule 'any': expected two or more rules"]),
        ([["knee"]], ["a stopping rule is a name or a mapping with one"]),
    ],
)
def test_mistakes_in_rules_are_found_where_they_are(tmp_path: Path, stopping: object, messages: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write_config(tmp_path, stopping))
    for message in messages:
        assert any(message in found and "config.yaml:1:" in found for found in error.value.messages), error.value


def test_a_rule_that_is_asked_for_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"stopping: the rule consecutive\(n=8\) is there twice"):
        Experiment(make_reviews(), {"A": BM25()}, ["AP"], stopping=[{"consecutive": 8}, Consecutive(8)], store=tmp_path)
