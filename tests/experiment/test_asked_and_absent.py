"""What is asked for and is not there: `--check` and the run refuse it in the same words, and nothing is computed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from nirank.cli.main import cli

DOCS = [
    {
        "_id": "d1",
        "title": "Wine",
        "text": "red wine",
        "metadata": {"year": 1990, "Released": "2014-01-02", "kind": "A"},
    },
    {"_id": "d2", "title": "Tea", "text": "green tea", "metadata": {"year": 2001, "Released": "2016", "kind": "B"}},
]
QUERIES = [{"_id": "q1", "text": "wine", "metadata": {"year": 2000, "Released": "2015", "own": "d1", "split": "test"}}]

# The system, and what is said of it.
SYSTEMS: list[tuple[Any, str]] = [
    ({"bm25": {"doc_text": ["title", "abstrct"]}}, "bm25: doc_text title+abstrct: there is no column or metadata key"),
    ({"bm25": {"doc_text": "{titel}"}}, "no column or metadata key 'titel'"),
    ({"bm25": {"doc_text": "{title"}}, "is no template"),
    ({"bm25": {"fields": {"title": 1, "txt": 2}}}, "bm25: fields title+txt: there is no column or metadata key 'txt'"),
    ({"bm25": {"query_text": "narrative"}}, "bm25: query_text narrative: there is no column or metadata key"),
    ({"bm25": {"query_text": "title"}}, "bm25: query_text title: no record has any text there"),
    (["bm25", {"rm3": {"doc_text": "body"}}], "rm3: doc_text body: there is no column or metadata key 'body'"),
    (["bm25", {"date_decay": {"key": "Relesed"}}], "date_decay: the documents have no date under 'Relesed'"),
    ({"within": {"scope": {"dated": {"when": "before", "key": "kind"}}, "of": "bm25"}}, "no date under 'kind'"),
    (
        {"within": {"scope": {"where": {"match": {"yaer": 1990}}}, "of": "bm25"}},
        "where: no document has metadata 'yaer'",
    ),
    ({"within": {"scope": {"only": {"docs": ["d1", "d3"]}}, "of": "bm25"}}, "only: docs: 'd3' is not a document"),
    ({"within": {"scope": {"only": {"path": "ids.txt"}}, "of": "bm25"}}, "ids.txt:2: 'd9' is not a document"),
    ({"within": {"scope": {"only": {"path": "no.txt"}}, "of": "bm25"}}, "no.txt"),
    ({"run": {"path": "bad.run"}}, "bad.run:1"),
    ({"run": {"path": "absent.run"}}, "absent.run"),
    ({"fold": {"view": {"windows": {"words": 5}}, "of": {"bm25": {"doc_text": "body"}}}}, "bm25: doc_text body"),
    ({"rewrite": {"by": {"first_words": 5}, "of": {"bm25": {"query_text": "title"}}}}, "query_text title: there is no"),
    ({"dense": {"model": "./no-model"}}, "no-model"),
]

# A key of the collection, and what is said of it.
RULES: list[tuple[dict[str, Any], str]] = [
    ({"date": "Relesed"}, "date: no document and no query has metadata 'Relesed'"),
    ({"self_match": {"key": "ownn"}}, "self_match names metadata key 'ownn', which no query has; .*did you mean 'own'"),
    ({"split": "tst"}, "there is no split 'tst'"),
    ({"candidates": "cand.tsv"}, "cand.tsv"),
    ({"candidates": "foreign.tsv"}, "name documents that the corpus lacks"),
    ({"known": "foreign.tsv"}, "none of its 1 pairs is of this collection"),
    ({"qrels": "no.tsv"}, "no.tsv"),
    ({"expect": {"dcs": 2}}, "expect has no 'dcs'"),
    ({"date": "kind", "time": "as_of_query"}, "needs dates, but the documents have none"),
    ({"queries": "long"}, "long"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, records in (("corpus", DOCS), ("queries", QUERIES)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    (tmp_path / "ids.txt").write_text("d1\nd9\n")
    (tmp_path / "bad.run").write_text("q1 Q0 d1 1 much x\n")
    (tmp_path / "foreign.tsv").write_text("q1\td9\n")
    return tmp_path


def check_system(folder: Path, collection: dict[str, Any], system: Any, *options: str) -> tuple[int, list[str]]:
    config = {"collections": [collection], "systems": {"x": system}, "measures": ["RR"], "store": str(folder / "store")}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    result = CliRunner().invoke(cli, ["run", str(folder / "c.yaml"), "--out", str(folder / "out"), *options])
    error: Any = result.exception
    assert error is None or hasattr(error, "messages"), error
    return getattr(error, "exit_code", result.exit_code), [] if error is None else list(error.messages)


@pytest.mark.parametrize(
    ("collection", "system", "message"),
    [*(({}, system, message) for system, message in SYSTEMS), *((rules, "bm25", message) for rules, message in RULES)],
)
def test_check_and_run_refuse_in_the_same_words(
    folder: Path, collection: dict[str, Any], system: Any, message: str
) -> None:
    section = {"path": str(folder), "name": "c", **collection}
    check_result = check_system(folder, section, system, "--check")
    assert check_result[0] == 2
    assert re.search(message, "\n".join(check_result[1])) or message in "\n".join(check_result[1])
    assert check_system(folder, section, system) == check_result
    assert not (folder / "out" / "leaderboard.json").exists()


def test_what_is_there_passes(folder: Path) -> None:
    system = {
        "within": {"scope": {"where": {"match": {"year": 1990}}}, "of": {"bm25": {"doc_text": ["title", "kind"]}}}
    }
    section = {
        "path": str(folder),
        "name": "c",
        "date": "Released",
        "time": "as_of_query",
        "self_match": {"key": "own"},
    }
    assert check_system(folder, section, system, "--check") == (0, [])


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    config = {
        "collections": [{"path": str(folder), "name": "c"}],
        "systems": {"a": {"bm25": {"doc_text": ["abc", "xyz"], "query_text": "narr"}}, "b": SYSTEMS[9][0]},
        "measures": ["RR"],
        "store": str(folder / "store"),
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    error: Any = CliRunner().invoke(cli, ["run", str(folder / "c.yaml"), "--check"]).exception
    assert [message.split(":")[0] for message in error.messages] == ["system 'a'", "system 'a'", "system 'b'"]
