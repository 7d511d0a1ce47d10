"""CLEF TAR's protocol against every figure that was published for six runs."""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path

import pytest

from nirank.errors import ConfigError, DataError
from nirank.evaluation.clef_tar import Row, TarEvaluation, evaluate_tar, format_value, read_tar_run

LABELS = {
    ("2017", "abs"): "2017-TAR/testing/qrels/qrel_abs_test.txt.gz",
    ("2017", "content"): "2017-TAR/testing/qrels/qrel_content_test.txt.gz",
    ("DTA", "abs"): "2019-TAR/Task2/Testing/DTA/qrels/full.test.dta.abs.2019.qrels.gz",
    ("DTA", "content"): "2019-TAR/Task2/Testing/DTA/qrels/full.test.dta.content.2019.qrels.gz",
    ("Intervention", "abs"): "2019-TAR/Task2/Testing/Intervention/qrels/full.test.intervention.abs.2019.qrels.gz",
    (
        "Intervention",
        "content",
    ): "2019-TAR/Task2/Testing/Intervention/qrels/full.test.intervention.content.2019.qrels.gz",
}
NO_MEASURE = {"topic_id"}  # no measure
ROUNDED = {"norm_area"}  # of each topic, by the scripts; the recomputed figures are not
RUNS = 12


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "screening" / "clef-tar"


@cache
def read_labels(path: Path) -> dict[str, dict[str, int]]:
    labels_by_topic: dict[str, dict[str, int]] = {}
    with gzip.open(path, "rt") as file:
        for topic, _, record, label in map(str.split, file):
            labels_by_topic.setdefault(topic, {})[record] = int(label)
    return labels_by_topic


def evaluate_run(folder: Path, run: str, level: str, results: str) -> tuple[TarEvaluation, str]:
    year = run[:4]
    part = "2017" if year == "2017" else "DTA" if "/DTA/" in results else "Intervention"
    path = folder / run
    rows = read_tar_run(path if path.exists() else path.with_name(path.name + ".gz"))
    return evaluate_tar(rows, read_labels(folder / LABELS[part, level]), year), year  # type: ignore[arg-type]


@pytest.mark.parametrize("at", range(RUNS))
def test_all_published_figures(folder: Path, at: int) -> None:
    with (folder / "golden.tsv").open() as file:
        golden = list(csv.DictReader(file, delimiter="\t"))
    files = list(dict.fromkeys((row["run"], row["level"], row["results_file"]) for row in golden))
    assert len(files) == RUNS
    evaluation, year = evaluate_run(folder, *files[at])
    rows = [row for row in golden if (row["run"], row["level"], row["results_file"]) == files[at]]
    for row in rows:
        name = row["measure"]
        value = {"topics_evaluated": len(evaluation.per_topic)}.get(name, evaluation.overall.get(name))
        if name == "topics_skipped":
            continue  # of the labels' topics and the run's; below
        assert value is not None, name
        assert value == pytest.approx(float(row["recomputed"]), abs=5e-4 if name in ROUNDED else 1e-6), name
        if row["published"]:
            assert float(format_value(value, year, name)) == float(row["published"]), name  # type: ignore[arg-type]
    lines = [line.split() for line in (folder / files[at][2]).read_text().splitlines()]
    n_compared = 0
    for topic, name, value in (line for line in lines if len(line) == 3):
        name = name.replace(".0%", "%")
        if topic == "Skipping":
            assert value in evaluation.skipped
            continue
        if name in NO_MEASURE:
            continue
        values = evaluation.overall if topic == "ALL" else evaluation.per_topic[topic]
        assert float(format_value(values[name], year, name)) == float(value), (topic, name)  # type: ignore[arg-type]
        n_compared += 1
    assert n_compared > 400


def make_rows(*lines: str) -> list[Row]:
    return [Row(*line.split()) for line in lines]


def test_rules_that_no_stored_run_exercises() -> None:
    judged = {"t": {"a": 1, "b": 0, "c": 2, "d": 0, "x": 3}}
    hidden = evaluate_tar(
        make_rows("t NF b", "t NS d", "t AF a", "t NF a", "t NF x", "t NF new", "t NF c"), judged, "2017"
    )
    values = hidden.per_topic["t"]
    assert (values["num_docs"], values["num_shown"], values["num_feedback"], values["last_rel"]) == (4, 4, 1, 4)
    assert values["ap"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    repeated = evaluate_tar(make_rows("t 0 b", "t 1 a", "t 1 d", "t 0 c"), judged, "2019").per_topic["t"]
    assert (repeated["threshold"], repeated["recall_threshold"], repeated["r"]) == (3, 0.5, 0.5)
    assert repeated["total_cost"] == 1 - 19 + 20 * 1 + 20 * 1
    evaluation = evaluate_tar(make_rows("u 0 b", "t 0 a"), {**judged, "v": {"z": 1}}, "2018")
    assert (evaluation.skipped, evaluation.absent) == (("u",), ("v",))
    assert evaluate_tar([], judged, "2017").overall == {}


def test_areas_are_rounded_before_the_mean() -> None:
    judged = {topic: {"a": 1, **{f"n{at}": 0 for at in range(n)}} for topic, n in (("t", 8), ("u", 29))}
    lines = [
        f"{topic} NF {record}"
        for topic, labels_of_topic in judged.items()
        for record in (*list(labels_of_topic)[1:5], "a", *list(labels_of_topic)[5:])
    ]
    for year in ("2017", "2018", "2019"):
        evaluation = evaluate_tar(make_rows(*lines), judged, year)  # type: ignore[arg-type]
        areas = [values["norm_area"] for values in evaluation.per_topic.values()]
        assert areas == [0.529, 0.864]  # of 4.5 / 8.5 and 25.5 / 29.5
        assert evaluation.overall["norm_area"] == sum(areas) / 2
    assert [values["norm_threshold"] for values in evaluation.per_topic.values()] == [1.0, 1.0]


def test_costs_of_2017() -> None:
    judged = {"t": {**{f"r{at}": 1 for at in range(5)}, **{f"n{at}": 0 for at in range(15)}}}
    values = evaluate_tar(make_rows("t AF r0", "t NF n0", "t AF n1", "t NS r1", "t NF r2"), judged, "2017").per_topic[
        "t"
    ]
    assert values["total_cost"] == 4 + 2 * 2
    assert values["total_cost_uniform"] == pytest.approx(8 + 2 * 16 * 3 / 5)
    assert values["total_cost_weighted"] == pytest.approx(8 + 2 * 16 * (1 / 2 + 1 / 4))


def test_how_values_are_printed() -> None:
    assert [format_value(value, "2019") for value in (2, 0.12345, 2183.5, -3.25)] == ["2", "0.123", "2184.0", "-3.25"]
    assert format_value(0.6, "2019", "cg_threshold") == "1.0"
    assert format_value(1706.0004, "2017") == "1706.0"


def test_more_rows_than_labels_and_nothing_found() -> None:
    values = evaluate_tar(make_rows("t 0 m", "t 0 n", "t 0 o"), {"t": {"a": 1}}, "2019").per_topic["t"]
    assert (values["last_rel"], values["wss_100"], values["wss_95"], values["ap"], values["norm_area"]) == (
        0,
        0,
        0,
        0,
        0,
    )


def test_mistakes_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("t 0 a 1 1 x\nu 0 a 1 1 x\nt 0 b 2 1 x\n")
    with pytest.raises(DataError, match=r"a.run:3: topic 't' again"):
        read_tar_run(tmp_path / "a.run")
    (tmp_path / "b.run").write_text("t 0\n")
    with pytest.raises(DataError, match=r"b.run:1: expected topic, action, record"):
        read_tar_run(tmp_path / "b.run")
    with pytest.raises(ConfigError, match="expected 2017, 2018 or 2019"):
        evaluate_tar([], {}, "2020")  # type: ignore[arg-type]
