"""CLEF's Technology-Assisted Reviews: the real files' counts, and the oddities that they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore

COUNTS = {
    "2017-train": (20, 149_095, 2_494, 435),
    "2017-test": (30, 117_561, 1_857, 607),
    "2018-train": (42, 241_669, 3_982, 945),
    "2018-test": (30, 218_496, 3_964, 678),
    "2019-DTA-test": (8, 30_521, 440, 250),
    "2019-Intervention-train": (20, 31_645, 448, 286),
    "2019-Intervention-test": (20, 41_996, 937, 510),
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_real_sets(name: str, shared_data: Path, tmp_path: Path) -> None:
    collection = load(shared_data / "screening/clef-tar" / name, store=LocalStore(tmp_path / "store"))
    assert collection.candidates is not None
    relevant = [int(judgements.count_relevant().sum()) for judgements in collection.qrels.values()]
    assert (len(collection.queries), len(collection.candidates), *relevant) == COUNTS[name]
    assert list(collection.qrels) == ["abstract", "content"]
    counts = {finding.code: finding.count for finding in collection.findings}
    oddities = {
        "2017-train": {"repeated-candidates": 610, "stray-candidates": 2, "labels-outside": 310},
        "2017-test": {"no-relevant": 1, "labels-outside": 1},
    }
    assert oddities.get(name, {}).items() <= counts.items()
    assert "Query" not in collection.queries[0]["text"] and collection.queries[0]["metadata"]["boolean"]


TOPIC = "Topic: {id} \n\nTitle: On {id}: a review \n\nQuery: \n1 “a”[tw] AND b\nTitle: not this\n\nPids: \n    11 \n    12 \n    11\n{more}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    topics = tmp_path / "tar" / "2018-TAR" / "Task2" / "Testing" / "topics"
    topics.mkdir(parents=True)
    (topics / "1").write_text(TOPIC.format(id="CD1", more="review id: 4\n"))
    (topics / "2").write_text(TOPIC.format(id="CD2", more="    13\n"))
    labels = topics.parent / "qrels"
    labels.mkdir()
    (labels / "qrel_abs_task2").write_text("CD1     0  11      1  \r\nCD2     0  99      1  \r\n")
    (labels / "qrel_content_task2").write_text("CD2     0  13      1  \r\n")
    return tmp_path / "tar"


def test_a_small_layout(folder: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    collection = load(folder, split="2018-test", store=store)
    assert collection.candidates is not None
    assert collection.candidates.to_dict() == {"CD1": ["11", "12"], "CD2": ["11", "12", "13"]}
    assert collection.queries[0]["text"] == "On CD1: a review"
    assert collection.queries[0]["metadata"] == {"boolean": "1 “a”[tw] AND b\nTitle: not this"}
    judged = {
        name: {(q, d): grade for q, d, grade in judgements.list_judgements()}
        for name, judgements in collection.qrels.items()
    }
    assert [key for key, grade in judged["abstract"].items() if grade] == [("CD1", "11")], "99 is no candidate"
    assert [key for key, grade in judged["content"].items() if grade] == [("CD2", "13")]
    assert len(judged["abstract"]) == 5, "every candidate is judged"
    boolean = load(folder / "2018-test", queries="boolean", store=store)
    assert boolean.queries[0]["text"].startswith("1 “a”[tw]")
    (folder / "corpus.jsonl").write_text(
        '{"_id": "12", "title": "T", "text": "words"}\n{"_id": "77", "text": "other"}\n'
    )
    assert sorted(load(folder / "2018-test", store=store).docs.ids) == ["11", "12", "13"]


def test_a_search_that_found_nothing_is_a_topic_with_an_empty_pool(folder: Path, tmp_path: Path) -> None:
    (folder / "2018-TAR/Task2/Testing/topics/3").write_text("Topic: CD3\nTitle: knees\nQuery:\nmri[tiab]\nPids: \n")
    collection = load(folder / "2018-test", name="own", store=LocalStore(tmp_path / "store"))
    assert collection.candidates is not None
    assert collection.candidates.to_dict()["CD3"] == []
    assert int(collection.qrels["abstract"].counts[collection.queries.ids.find_rows(["CD3"])[0]]) == 0
    (empty_topics,) = [finding for finding in collection.findings if finding.code == "empty-topics"]
    assert (empty_topics.severity, empty_topics.examples) == ("warning", ("CD3",))
    assert empty_topics.message == "own: 1 of 3 topics list no PMIDs: nothing can be returned"
    assert not any("clef-tar" in finding.message for finding in collection.findings)


def test_mistakes(folder: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with pytest.raises(ConfigError, match="several sets; choose one of 2018-test"):
        load(folder, store=store)
    with pytest.raises(ConfigError, match=r"no set '2018-tset'; it has 2018-test; did you mean '2018-test'\?"):
        load(folder / "2018-tset", store=store)
    (folder / "2018-TAR/Task2/Testing/qrels/qrel_abs_task2").unlink()
    with pytest.raises(DataError, match="has no 2018-TAR/Task2/Testing/qrels/qrel_abs_task2"):
        load(folder / "2018-test", store=store)
    (folder / "2018-TAR/Task2/Testing/topics/1").write_text("Topic: CD1\nTitle:\nQuery:\nx\nPids:\n1\n")
    with pytest.raises(DataError, match=r"topics/1: has nothing behind 'Title:'"):
        load(folder / "2018-test", store=store)
    (folder / "2018-TAR/Task2/Testing/topics/1").write_text("Topic: CD1\nTitle: x\nPids:\n1\n")
    with pytest.raises(DataError, match=r"topics/1: has no 'Query:'"):
        load(folder / "2018-test", store=store)
