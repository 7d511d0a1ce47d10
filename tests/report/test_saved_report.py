"""A report that was written is read back whole, and written again byte for byte; folders of earlier versions are read."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_examples import make_report

from nirank.errors import DataError
from nirank.report import list_run_files, read_report, write_report
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.query_set import QuerySet

RESULTS = sorted(Path(__file__).parents[2].glob("experiments/*/results/**/leaderboard.json"))


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same(found: Any, expected: Any) -> None:
    """Compare values and arrays, NaN being equal to NaN."""
    if isinstance(expected, QuerySet):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert to_plain(found) == to_plain(expected)


@pytest.mark.parametrize("options", [{}, {"hostile": True}, {"n_seeds": 2, "n_failed": 1, "n_collections": 3}])
def test_a_report_is_read_as_it_was_written_and_written_again_byte_for_byte(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    report = make_report(3, 25, **options)
    report = replace(report, query_sets=[replace(each, folder=None) for each in report.query_sets])
    for query_set in report.query_sets:
        next(iter(query_set.values["BM25" if not options.get("hostile") else report.rows[0].system].values()))[3] = (
            np.nan
        )
    write_report(tmp_path / "a", report)
    saved = read_report(tmp_path / "a")
    assert list(saved.rows) == list(report.rows)
    assert saved.measures == report.measures
    assert to_plain(saved.comparisons) == to_plain(report.comparisons)
    assert saved.manifest == report.manifest
    assert len(saved.query_sets) == len(report.query_sets)
    for found, expected in zip(saved.query_sets, report.query_sets, strict=True):
        assert_same(found, expected)
    write_report(tmp_path / "b", saved)
    assert read_files(tmp_path / "b") == read_files(tmp_path / "a")


def test_names_that_unicode_cannot_say_are_read_back(tmp_path: Path) -> None:
    report = make_report(1, 3)
    name = "half \udc80"
    values = {name: report.query_sets[0].values["BM25"]}
    report = replace(
        report,
        rows=[replace(report.rows[0], system=name)],
        comparisons=[],
        query_sets=[replace(report.query_sets[0], values=values, signs={}, folder=None)],
    )
    write_report(tmp_path, report)
    assert list(read_report(tmp_path).query_sets[0].values) == [name]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: str(path.parent).rpartition("experiments/")[2])
def test_committed_results_are_read(path: Path) -> None:
    report = read_report(path.parent)
    assert report.rows and report.measures
    assert {"findings", "drawings", "plan"} <= set(report.manifest)


def test_a_folder_without_its_manifest_is_read(tmp_path: Path) -> None:
    write_report(tmp_path, make_report(2, 3))
    (tmp_path / "manifest.json").unlink()
    assert read_report(tmp_path).measures == ("nDCG@10", "RR@10", "R@20")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("leaderboard.json", None, "leaderboard.json: cannot be read"),
        ("manifest.json", "{", "manifest.json: is no manifest that can be read"),
        ("manifest.json", "[]", "manifest.json: is no manifest; expected a mapping, got list"),
        ("per_query.parquet", "PAR1", "per_query.parquet: is no table of values by query"),
        ("details/scifact-test-qrels/queries.json", "{}", "queries.json: is no list of queries"),
        ("details/scifact-test-qrels/queries.json", "7", "queries.json: is no list of queries"),
    ],
)
def test_what_is_no_folder_of_results_is_one_sentence(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    write_report(tmp_path, make_report(2, 3))
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_report(tmp_path)


def test_a_save_that_was_killed_leaves_a_folder_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_report(tmp_path, make_report(2, 30))
    with monkeypatch.context() as patch:
        patch.setattr("nirank.report.folder._move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_report(tmp_path, make_report(2, 20))
    (query_set,) = read_report(tmp_path).query_sets
    assert len(query_set.ids) == 20 and not query_set.texts
    assert "has other queries than per_query.parquet, and is not read; write the results again" in caplog.text
    (tmp_path / "details" / ".unfinished-0").mkdir()  # what a process leaves that is killed at once
    (tmp_path / "details" / ".unfinished-0" / "lists-0000.js").write_text("")
    write_report(tmp_path, make_report(2, 20))
    (query_set,) = read_report(tmp_path).query_sets
    assert len(query_set.texts) == 20
    assert not list(tmp_path.rglob(".unfinished*"))


def test_a_second_run_removes_the_queries_of_the_first(tmp_path: Path) -> None:
    write_report(tmp_path, make_report(2, 5, n_collections=2))
    assert [path.name for path in sorted((tmp_path / "details").iterdir())] == [
        "nfcorpus-test-qrels",
        "scifact-test-qrels",
    ]
    (tmp_path / "written").mkdir()
    report = make_report(2, 5)
    write_report(tmp_path, report)
    assert not list((tmp_path / "details").glob("nfcorpus*/*"))
    assert [each.collection for each in read_report(tmp_path).query_sets] == ["scifact"]
    write_report(tmp_path, replace(report, query_sets=[]))
    assert not list(tmp_path.glob("details/*/*")) and not (tmp_path / "per_query.parquet").exists()


def test_what_comes_from_the_environment_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nirank.base.secrets._placeholders", {"s3cret-word": "${TOKEN}"})
    report = make_report(2, 3)
    manifest = {
        **report.manifest,
        "findings": {"scifact": [{"message": "read from s3cret-word"}]},
        "drawings": {"BM25": "Dense(s3cret-word)"},
        "plan": [{**report.manifest["plan"][0], "label": "index of s3cret-word"}],
    }
    write_report(tmp_path, replace(report, manifest=manifest))
    for name, content in read_files(tmp_path).items():
        assert b"s3cret-word" not in content, name
    saved = read_report(tmp_path).manifest
    assert saved["plan"][0]["label"] == "index of ${TOKEN}" and saved["drawings"] == {"BM25": "Dense(${TOKEN})"}


def test_files_that_say_the_same_stay_as_they_are(tmp_path: Path) -> None:
    def write(report: Report) -> dict[str, int]:
        write_report(tmp_path, report, run_files=list_run_files(report.rows, {}))
        return {str(path): path.stat().st_ino for path in tmp_path.glob("details/*/*")} | {
            "values": (tmp_path / "per_query.parquet").stat().st_ino
        }

    assert write(make_report(2, 5)) == write(make_report(2, 5))
    assert set(write(make_report(2, 5)).values()).isdisjoint(write(make_report(2, 6)).values())
    assert json.loads((tmp_path / "manifest.json").read_text())["files"]["per_query.parquet"]["content"]
