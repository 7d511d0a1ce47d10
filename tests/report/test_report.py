"""Leaderboards as files: nothing lost, everything escaped, names stable."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.collections.audit import Finding
from nirank.errors import ConfigError
from nirank.ranking import Ranking
from nirank.report import check_names, html_table, text_table, write
from nirank.report.files import run_paths
from nirank.report.manifest import manifest
from nirank.report.sensitivity import sensitivity_grids

EVIL = "<script>alert('x')</script> | \"&"


def row(system: str, value: float | None, collection: str = "tiny", **more: Any) -> dict[str, Any]:
    return {
        "collection": collection, "split": "test", "qrels": "qrels", "unit": "query", "system": system, "seed": None,
        "fold": None, "summary_of": None, "status": "ok", "depth": 10,
        "queries": {"declared": 2, "judged": 2, "answered": 1, "missing": 1}, "measures": {"AP": value},
        "nulls": {} if value is not None else {"AP": "AP reaches deeper"}, "answerable": {}, "counts": {"empty_queries": 1},
        "cost": {"ms_per_query": 1.234, "index_s": 2.0, "measured": "now"},
        "conventions": {"ties": "t", "mean": "m", "gain": "g", "min_rel": 1, "self_match": "keep"},
        "pipeline": "BM25()", "address": "0" * 32, **more,
    }  # fmt: skip


def save(folder: Path, rows: list[dict[str, Any]], **more: Any) -> None:
    told = manifest(
        rows=rows, systems={}, collections=[{"name": EVIL, "source": "s"}], measures=["AP"], began=None, seconds=1.0,
        computed=[], command=["nirank", EVIL],
    )  # fmt: skip
    options: dict[str, Any] = {
        "measures": ["AP"],
        "manifest": told,
        "findings": {},
        "runs": {},
        "comparisons": [],
        "evidence": {},
        "drawings": {},
    }
    write(folder, rows, **{**options, **more})


def test_best_values_are_marked_and_nulls_have_reasons() -> None:
    text = text_table([row("A", 0.5), row("B", 0.7), row("C", None)], ["AP"])
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines[3:6]] == [["A", "0.5000"], ["B", "0.7000"], ["C", "-"]]
    assert "C, AP: AP reaches deeper" in text
    assert "missing 1" in text
    assert "empty queries 1" in text
    assert html_table([row("A", 0.5), row("B", 0.7)], ["AP"]).count("<b>") == 1


def test_the_best_of_what_is_better_low_is_the_lowest() -> None:
    rows = [row(name, None, measures={"last_rel": value}, nulls={}) for name, value in (("A", 30.0), ("B", 7.0))]
    assert "<b>7.0</b>" in html_table(rows, ["last_rel"])
    against = {"p_baseline": 0.01, "difference": -23.0}
    rows[1] |= {"baseline": "A", "alpha": 0.05, "against": {"last_rel": against}}
    assert "7.0 ▲" in text_table(rows, ["last_rel"])


def test_what_models_and_training_cost_is_shown_where_there_are_any(tmp_path: Path) -> None:
    plain = {
        "ms_per_query": 1.0,
        "index_s": 2.0,
        "training_s": None,
        "parameters": 0,
        "device_s": 0.0,
        "devices": ["cpu"],
    }
    neural = plain | {"parameters": 22_713_216, "device_s": 3.26, "devices": ["cuda:0 (Fast)"], "measured": "stored"}
    trained = neural | {"training_s": 61.5, "parameters": None}

    def lines(*costs: dict[str, Any]) -> list[str]:
        return text_table([row(f"S{at}", 0.5, cost=cost) for at, cost in enumerate(costs)], ["AP"]).splitlines()

    assert lines(plain)[1].split()[-3:] == ["ms/query", "index", "s"]
    assert re.split("  +", lines(plain, neural)[1])[-4:] == ["index s", "parameters", "device s", "device"]
    assert re.split("  +", lines(plain, neural)[4])[-3:] == ["22.7M", "3.3*", "cuda:0 (Fast)"]
    assert re.split("  +", lines(plain, neural)[3])[-3:] == ["0", "0.0", "cpu"]
    assert re.split("  +", lines(plain, trained)[1])[-4:] == ["training s", "parameters", "device s", "device"]
    assert re.split("  +", lines(plain, trained)[4])[-4:-1] == ["61.5*", "-", "3.3*"]
    save(tmp_path, [row("A", 0.5, cost=plain), row("B", 0.5, cost=neural), row("C", 0.5, cost={})])
    table = list(csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines()))
    names = ["ms_per_query", "index_s", "training_s", "parameters", "device_s", "devices"]
    assert list(table[0])[-7:] == [*names, "pipeline"], "the same columns, whatever is in them"
    assert [table[1][name] for name in names] == ["1.0", "2.0", "", "22713216", "3.26", "cuda:0 (Fast)"]
    assert [table[2][name] for name in names] == [""] * 6
    page = (tmp_path / "report.html").read_text()
    assert '<td class="fact">22.7M</td>' in page and "<td><b>0.5000</b></td>" in page


def test_what_the_order_of_ties_decides_is_said_where_it_is_much() -> None:
    wide = {"AP": {"worst": 0.34, "best": 0.72, "queries": 12}}
    text = text_table([row("A", 0.5, ties=wide, queries={"declared": 30, "judged": 30, "answered": 30})], ["AP"])
    assert (
        "Equal scores decide more than 10% of values of A: by their order, AP from 0.3400 to 0.7200 on 12 of 30 queries."
        in text
    )
    narrow = {"AP": {"worst": 0.48, "best": 0.52, "queries": 12}}
    assert "Equal scores" not in text_table([row("A", 0.5, ties=narrow)], ["AP"])


def test_shares_of_judged_results_are_no_news_where_only_relevant_ones_are_judged() -> None:
    def table(labels: int) -> str:
        queries = {"declared": 2, "judged": 2, "answered": 2, "not_relevant_labels": labels}
        shares = (("A", 0.9), ("B", 0.2))
        return text_table([row(name, 0.5, judged_at={"10": at}, queries=queries) for name, at in shares], ["AP"])

    assert "may favour" in table(5)
    assert "may favour" not in table(0)


def test_files_hold_plain_values_whatever_a_stage_declared(tmp_path: Path) -> None:
    declared = {
        "float": np.float32(0.5), "count": np.int64(3), "flag": np.bool_(True), "nothing": float("nan"),
        "least": -np.inf, "array": np.arange(2), "set": {"b", "a"}, "path": Path("x"), 1: (1, None),
    }  # fmt: skip
    save(tmp_path, [row("A", 0.5, split=None, conventions={**row("A", 0.5)["conventions"], "stages": {"s": declared}})])

    def refuse(token: str) -> None:
        raise AssertionError(token)

    (found,) = json.loads((tmp_path / "leaderboard.json").read_text(), parse_constant=refuse)["rows"]
    assert found["conventions"]["stages"]["s"] == {
        "float": 0.5, "count": 3, "flag": True, "nothing": None, "least": None, "array": [0, 1], "set": ["a", "b"],
        "path": "x", "1": [1, None],
    }  # fmt: skip
    with (tmp_path / "leaderboard.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["AP"], line["split"], line["training_s"]) == ("0.5", "", "")


def test_evidence_of_ids_with_tabs_and_quotes_reads_back(tmp_path: Path) -> None:
    told = {"query_id": "q\t1", "doc_id": 'a"b\nc', "text": '"quoted" text'}
    ranking = Ranking.from_dict({"q\t1": {"d": 1.0}})
    key = ("tiny", "test", "A")
    save(tmp_path, [row("A", 0.5)], runs={key: ranking}, evidence={key: lambda: [told]})
    (file,) = (tmp_path / "evidence").rglob("A.tsv.gz")
    with gzip.open(file, "rt", newline="") as lines:
        assert list(csv.DictReader(lines, delimiter="\t")) == [told]


def test_trap_37_bold_never_mixes_zero_shot_and_seen(tmp_path: Path) -> None:
    answers = {"A": (0.5, "yes"), "B": (0.4, "yes"), "C": (0.9, "no"), "D": (0.8, "no"), "E": (0.7, "unknown")}
    rows = [row(name, value, zero_shot=answer) for name, (value, answer) in answers.items()]
    page = html_table(rows, ["AP"])
    assert [name for name in ("0.5000", "0.4000", "0.9000", "0.8000", "0.7000") if f"<b>{name}</b>" in page] == [
        "0.5000",
        "0.9000",
    ]
    assert "zero-shot" in text_table(rows, ["AP"])
    assert "zero-shot" not in text_table(rows[:2], ["AP"])
    save(tmp_path, rows)
    assert "among systems with the same zero-shot answer" in (tmp_path / "report.html").read_text()


def test_what_ties_and_holes_could_move_has_a_table(tmp_path: Path) -> None:
    moved = row(
        "A", 0.5, ties={"AP": {"worst": 0.25, "best": 0.75, "queries": 1}}, judged_at={},
        holes={"AP": {"condensed": 0.6, "at_most": None}},
    )  # fmt: skip
    save(tmp_path, [moved, row("B", 0.4)])
    text = (tmp_path / "leaderboard.md").read_text()
    assert "| AP | A | 0.5000 | 0.2500 to 0.7500 | 1 of 2 |  | 0.6000 |  |" in text
    assert "| AP | B |" not in text
    holes = {name: {"condensed": 0.6, "at_most": 0.9} for name in ("P@95", "WSS@95")}
    values = {"P@95": 0.5, "WSS@95": 0.4}
    judged = row("A", None, measures=values, nulls={}, holes=holes, judged_at={"95": 0.25})
    (grid,) = sensitivity_grids([judged], list(values))
    assert [line[5].text for line in grid.body] == ["25%", ""], "WSS@95 has no cut-off"
    assert "Ties and unjudged documents: tiny test qrels" in (tmp_path / "report.html").read_text()


def test_effort_has_a_chart(tmp_path: Path) -> None:
    curve = [at / 100 for at in range(101)]
    save(tmp_path, [row(EVIL, 0.5, effort=curve), row("B", 0.4, effort=[1.0] * 101), row("C", 0.1)])
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    lines = re.findall(r'<polyline points="([^"]*)"', page)
    assert len(lines) == 2
    assert lines[0].split()[0] == "0.0,200.0"
    assert lines[0].split()[-1] == "400.0,0.0"
    save(tmp_path, [row("C", 0.1)])
    assert "<figure" not in (tmp_path / "report.html").read_text()


def test_failed_rows_say_why() -> None:
    failed = row("A", None, status="failed", error="it broke", cost={}, nulls={})
    assert "A failed: it broke" in text_table([failed, row("B", 0.1)], ["AP"])


def test_everything_is_escaped(tmp_path: Path) -> None:
    finding = Finding("code", "warning", 1, EVIL, (EVIL,))
    save(tmp_path, [row(EVIL, 0.5)], findings={EVIL: (finding,)}, drawings={EVIL: EVIL})
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "\\|" in (tmp_path / "leaderboard.md").read_text()
    assert "<script" not in html_table([row(EVIL, 0.5)], ["AP"])


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    save(tmp_path, [row("A", 0.5), row("B", 0.25, "other")])
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert "other/test" in page


def test_json_csv_and_manifest_agree(tmp_path: Path) -> None:
    rows = [row("A", 1 / 3), row("B", None)]
    save(tmp_path, rows)
    saved = json.loads((tmp_path / "leaderboard.json").read_text())
    assert saved == {"version": 1, "rows": rows, "comparisons": []}
    with (tmp_path / "leaderboard.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [float(one["AP"]) if one["AP"] else None for one in listed] == [1 / 3, None]
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert list(told["files"]) == sorted(path.name for path in tmp_path.iterdir())
    assert told["versions"]["numpy"]


def test_run_files_have_safe_stable_names() -> None:
    keys = [("a/b", "test", "My system é"), ("a/b", "dev", "S"), ("c", None, "..")]
    assert list(run_paths(keys).values()) == [
        "runs/a_b/My_system__.run.gz",
        "runs/a_b-dev/S.run.gz",
        "runs/c/__.run.gz",
    ]
    with pytest.raises(ConfigError, match="would share the file runs/a_b/S.run.gz"):
        check_names([("a/b", None), ("a b", None)], ["S"])
    with pytest.raises(ConfigError, match="rename one"):
        check_names([("a", None)], ["S", "s"])


def test_a_ranking_whose_ids_a_run_file_cannot_hold_is_written_as_a_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = {
        ("tiny", "test", "A"): Ranking.from_dict({"q": {"doc 7": 1.0}}),
        ("tiny", "test", "B"): Ranking.from_dict({"q": {"d": 1.0}}),
    }
    save(tmp_path, [row("A", 1.0), row("B", 1.0)], runs=runs)
    assert [path.name for path in sorted((tmp_path / "runs" / "tiny").iterdir())] == ["A.run.parquet", "B.run.gz"]
    assert "no TREC run file" in caplog.text


def test_a_manifest_that_names_files_outside_is_not_believed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text(
        json.dumps({"files": {"../outside.txt": {}, str(outside): {}, "gone.txt": 7}})
    )
    save(folder, [row("A", 1.0)])
    assert outside.is_file()


def test_findings_are_plain_values() -> None:
    assert dataclasses.asdict(Finding("a", "note", 0, "m"))["examples"] == ()


def test_a_run_file_is_written_again_only_if_it_would_say_something_else(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "tiny" / "A.run.gz"

    def saved(score: float, **more: Any) -> int:
        save(tmp_path, [row("A", 1.0, **more)], runs={("tiny", "test", "A"): Ranking.from_dict({"q": {"d": score}})})
        return path.stat().st_ino

    first = saved(1.0)
    assert saved(1.0) == first
    second = saved(2.0)
    assert second != first
    assert saved(2.0, address="1" * 32) != second
    path.write_bytes(b"damaged")
    saved(2.0, address="1" * 32)
    assert path.read_bytes() != b"damaged"
