"""Leaderboards as files: nothing lost, everything escaped, names stable."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.collections.findings import Finding
from nirank.errors import ConfigError
from nirank.evaluation.ties import TieBounds
from nirank.flow.ranking import Ranking
from nirank.plan.costs import SystemCost
from nirank.report import format_text, list_run_files, make_detail_grids, render_html_table, write_report
from nirank.report.manifest import make_manifest
from nirank.report.names import name_files, name_run_files
from nirank.report.page.vega import make_bundle
from nirank.report.place import hold_folder, require_place
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.report.sensitivity import make_sensitivity_grids
from nirank.results.leaderboard import read_leaderboard
from nirank.results.row import Conventions, Difference, Holes, QueryCounts, Row

CONVENTIONS = Conventions(ties="t", mean="m", gain="g", min_rel=1, self_match="keep")
EVIL = "<script>alert('x')</script> | \"&"


def make_row(system: str, value: float | None, collection: str = "tiny", **options: Any) -> Row:
    values: dict[str, Any] = {
        "split": "test", "qrels": "qrels", "depth": 10, "queries": QueryCounts(2, 2, 1, missing=1),
        "measures": {"AP": value}, "nulls": {} if value is not None else {"AP": "AP reaches deeper"},
        "counts": {"empty_queries": 1}, "cost": SystemCost(1.234, index_s=2.0, measured="now"),
        "conventions": CONVENTIONS, "pipeline": "BM25()", "address": "0" * 32,
    }  # fmt: skip
    return Row(collection, system, **{**values, **options})


def save(folder: Path, rows: list[Row], **fields: Any) -> None:
    listing = make_manifest(
        rows=rows, systems={}, collections=[{"name": EVIL, "source": "s"}], measures=["AP"], began=None, seconds=1.0,
        computed=[], command=["nirank", EVIL],
    )  # fmt: skip
    listing |= {name: fields.pop(name) for name in ("findings", "drawings") if name in fields}
    report = Report(rows, ["AP"], [], listing)
    write_report(folder, report, run_files=list_run_files(rows, fields.pop("runs", {}), **fields))


def test_best_values_are_marked_and_nulls_have_reasons() -> None:
    text = format_text([make_row("A", 0.5), make_row("B", 0.7), make_row("C", None)], ["AP"])
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines[4:7]] == [["A", "0.5000"], ["B", "0.7000"], ["C", "-"]]
    assert "C, AP: AP reaches deeper" in text
    assert "queries without results 1" in text
    assert "empty queries" not in text, "stands in a table behind"
    assert render_html_table([make_row("A", 0.5), make_row("B", 0.7)], ["AP"]).count("<b>") == 1


def test_the_best_of_what_is_better_low_is_the_lowest() -> None:
    rows = [make_row(name, None, measures={"last_rel": value}, nulls={}) for name, value in (("A", 30.0), ("B", 7.0))]
    assert "<b>7.0</b>" in render_html_table(rows, ["last_rel"])
    difference = Difference("last_rel", "A", "B", 2, -23.0, (-30, -10), 0.01, 0.01, 0.01, 1.0, 2, 0, 0, 9.0)
    rows[1] = replace(rows[1], baseline="A", alpha=0.05, differences={"last_rel": difference})
    assert "7.0 ▲" in format_text(rows, ["last_rel"])


def test_what_models_and_training_cost_is_shown_where_there_are_any(tmp_path: Path) -> None:
    plain = SystemCost(1.0, index_s=2.0, parameters=0, device_s=0.0, devices=("cpu",))
    neural = replace(plain, parameters=22_713_216, device_s=3.26, devices=("cuda:0 (Fast)",), measured="stored")
    trained = replace(neural, training_s=61.5, parameters=None)

    def lines(*costs: SystemCost) -> list[list[str]]:
        rows = [make_row(f"S{at}", 0.5, cost=cost) for at, cost in enumerate(costs)]
        assert "index s" not in format_text(rows, ["AP"])
        text = format_text(rows, ["AP"], make_detail_grids(rows, ["AP"]))
        return [re.split("  +", line) for line in text.partition("Costs: tiny test qrels\n")[2].splitlines()]

    assert lines(plain)[0][-2:] == ["ms/query", "index s"]
    assert lines(plain, neural)[0][-4:] == ["index s", "parameters", "device s", "device"]
    assert lines(plain, neural)[3][-3:] == ["22.7M", "3.3*", "cuda:0 (Fast)"]
    assert lines(plain, neural)[2][-3:] == ["0", "0.0", "cpu"]
    assert lines(plain, trained)[0][-4:] == ["training s", "parameters", "device s", "device"]
    assert lines(plain, trained)[3][-4:-1] == ["61.5*", "-", "3.3*"]
    save(
        tmp_path,
        [make_row("A", 0.5, cost=plain), make_row("B", 0.5, cost=neural), make_row("C", 0.5, cost=SystemCost())],
    )
    table = list(csv.DictReader((tmp_path / "leaderboard.csv").read_text().splitlines()))
    names = ["ms_per_query", "loading_s", "index_s", "training_s", "parameters", "device_s", "devices"]
    assert list(table[0])[-8:] == [*names, "pipeline"], "the same columns, whatever is in them"
    assert [table[1][name] for name in names] == ["1.0", "", "2.0", "", "22713216", "3.26", "cuda:0 (Fast)"]
    assert [table[2][name] for name in names] == [""] * 7
    page = (tmp_path / "report.html").read_text()
    assert '<td class="fact" data-sort="22700000.0">22.7M</td>' in page
    assert '<td class="measure best" data-sort="0.5"><span class="value">0.5000</span>' in page


def test_what_the_order_of_ties_decides_is_said_where_it_is_much() -> None:
    wide = {"AP": TieBounds(worst=0.34, best=0.72, queries=12)}
    text = format_text([make_row("A", 0.5, ties=wide, queries=QueryCounts(30, 30, 30))], ["AP"])
    assert "Ties of A: the order of equal scores moves AP from 0.3400 to 0.7200 (on 12 of 30 queries)." in text
    narrow = {"AP": TieBounds(worst=0.48, best=0.52, queries=12)}
    assert "Ties of A" not in format_text([make_row("A", 0.5, ties=narrow)], ["AP"])


def test_shares_of_judged_results_are_no_news_where_only_relevant_ones_are_judged() -> None:
    def table(labels: int) -> str:
        queries = QueryCounts(2, 2, 2, not_relevant_labels=labels)
        shares = (("A", 0.9), ("B", 0.2))
        return format_text([make_row(name, 0.5, judged_at={"10": at}, queries=queries) for name, at in shares], ["AP"])

    assert "may favour" in table(5)
    assert "may favour" not in table(0)


def test_files_hold_plain_values_whatever_a_stage_declared(tmp_path: Path) -> None:
    declared = {
        "float": np.float32(0.5), "count": np.int64(3), "flag": np.bool_(True), "nothing": float("nan"),
        "least": -np.inf, "array": np.arange(2), "set": {"b", "a"}, "path": Path("x"), 1: (1, None),
    }  # fmt: skip
    save(tmp_path, [make_row("A", 0.5, split=None, conventions=replace(CONVENTIONS, stages={"s": declared}))])

    def refuse(token: str) -> None:
        raise AssertionError(token)

    (stored_row,) = json.loads((tmp_path / "leaderboard.json").read_text(), parse_constant=refuse)["rows"]
    assert stored_row["conventions"]["stages"]["s"] == {
        "float": 0.5, "count": 3, "flag": True, "nothing": None, "least": None, "array": [0, 1], "set": ["a", "b"],
        "path": "x", "1": [1, None],
    }  # fmt: skip
    with (tmp_path / "leaderboard.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["AP"], line["split"], line["training_s"]) == ("0.5", "", "")


def test_evidence_of_ids_with_tabs_and_quotes_reads_back(tmp_path: Path) -> None:
    passage = {"query_id": "q\t1", "doc_id": 'a"b\nc', "text": '"quoted" text'}
    ranking = Ranking.from_dict({"q\t1": {"d": 1.0}})
    key = ("tiny", "test", "A")
    save(tmp_path, [make_row("A", 0.5)], runs={key: ranking}, evidence={key: lambda: [passage]})
    (file,) = (tmp_path / "evidence").rglob("A.tsv.gz")
    with gzip.open(file, "rt", newline="") as lines:
        assert list(csv.DictReader(lines, delimiter="\t")) == [passage]


def test_trap_37_bold_never_mixes_zero_shot_and_seen(tmp_path: Path) -> None:
    answers = {"A": (0.5, "yes"), "B": (0.4, "yes"), "C": (0.9, "no"), "D": (0.8, "no"), "E": (0.7, "unknown")}
    rows = [make_row(name, value, zero_shot=answer) for name, (value, answer) in answers.items()]
    page = render_html_table(rows, ["AP"])
    assert [name for name in ("0.5000", "0.4000", "0.9000", "0.8000", "0.7000") if f"<b>{name}</b>" in page] == [
        "0.5000",
        "0.9000",
    ]
    assert "zero-shot" in format_text(rows, ["AP"])
    assert "zero-shot" not in format_text(rows[:2], ["AP"])
    save(tmp_path, rows)
    assert "among systems with the same zero-shot answer" in (tmp_path / "report.html").read_text()


def test_what_ties_and_holes_could_move_has_a_table(tmp_path: Path) -> None:
    moved = make_row(
        "A", 0.5, ties={"AP": TieBounds(worst=0.25, best=0.75, queries=1)}, judged_at={},
        holes={"AP": Holes(condensed=0.6, at_most=None)},
    )  # fmt: skip
    save(tmp_path, [moved, make_row("B", 0.4)])
    text = (tmp_path / "leaderboard.md").read_text()
    assert "| AP | A | 0.5000 | 0.2500 to 0.7500 | 1 of 2 |  | 0.6000 |  |" in text
    assert "| AP | B |" not in text
    holes = {name: Holes(condensed=0.6, at_most=0.9) for name in ("P@95", "WSS@95")}
    values = {"P@95": 0.5, "WSS@95": 0.4}
    judged = make_row("A", None, measures=values, nulls={}, holes=holes, judged_at={"95": 0.25})
    (grid,) = make_sensitivity_grids([judged], list(values))
    assert [line[5].text for line in grid.body] == ["25%", ""], "WSS@95 has no cut-off"
    assert "Ties and unjudged documents: tiny test qrels" in (tmp_path / "report.html").read_text()


def test_failed_rows_say_why() -> None:
    failed = make_row("A", None, status="failed", error="it broke", cost=SystemCost(), nulls={})
    assert "A failed: it broke" in format_text([failed, make_row("B", 0.1)], ["AP"])


def test_everything_is_escaped(tmp_path: Path) -> None:
    finding = Finding("code", "warning", 1, EVIL, (EVIL,))
    save(tmp_path, [make_row(EVIL, 0.5)], findings={EVIL: (finding,)}, drawings={EVIL: EVIL})
    page = (tmp_path / "report.html").read_text()
    assert re.findall("<script[^>]*>", page) == ['<script type="application/json" id="page-data">', "<script>"]
    assert "onerror=" not in page and EVIL not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "\\|" in (tmp_path / "leaderboard.md").read_text()
    assert "<script" not in render_html_table([make_row(EVIL, 0.5)], ["AP"])


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    save(tmp_path, [make_row("A", 0.5), make_row("B", 0.25, "other")])
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"\ssrc=|url\(|@import|https?://", page.replace(make_bundle(), ""))
    links = set(re.findall(r'href="([^"#]+)"', page))
    assert links == {*(f"leaderboard.{kind}" for kind in ("csv", "tex", "md", "json")), "manifest.json"}
    assert "default-src &#39;none&#39;" in page
    assert "other/test" in page


def test_json_csv_and_manifest_agree(tmp_path: Path) -> None:
    rows = [make_row("A", 1 / 3), make_row("B", None)]
    save(tmp_path, rows)
    saved = json.loads((tmp_path / "leaderboard.json").read_text())
    assert saved == {"version": 2, "rows": to_plain(rows), "comparisons": []}
    assert read_leaderboard(tmp_path / "leaderboard.json").rows == tuple(rows)
    with (tmp_path / "leaderboard.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(line["AP"]) if line["AP"] else None for line in table] == [1 / 3, None]
    listing = json.loads((tmp_path / "manifest.json").read_text())
    assert list(listing["files"]) == sorted(path.name for path in tmp_path.iterdir())
    assert listing["versions"]["numpy"]


def test_run_files_have_safe_stable_names() -> None:
    keys = [("a/b", "test", "My system 2"), ("a/b", "dev", "S"), ("c", None, "..")]
    assert list(name_run_files(keys).values()) == [
        "runs/a_b/My_system_2.run.gz",
        "runs/a_b-dev/S.run.gz",
        f"runs/c/{name_files({'..': '..'})['..']}.run.gz",
    ]
    assert "/../" not in name_files({"..": ".."})[".."]


@pytest.mark.parametrize(
    "names",
    [
        ["密集检索", "稀疏检索", "混合检索"],
        ["é", "è", "_"],
        ["S", "s"],
        ["a b", "a_b", "a/b"],
        ["x" * 300, "x" * 299 + "y", "é" * 200],
        ["CON", "con", "nul.txt", "COM1", "LPT9.run"],
        ["..", ".", "...", ".hidden", "ends.", " "],
        ["a\0b", "a\nb", "\udc80", "a\\b", "a:b", "~", "-rf", ""],
    ],
)
def test_names_of_files_are_short_unlike_whatever_the_case_and_allowed_everywhere(names: list[str]) -> None:
    files = name_files({name: name for name in names})
    assert len({file.lower() for file in files.values()}) == len(names)
    for name in files.values():
        assert re.fullmatch(r"[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?", name), name
        assert len(name) < 100
        assert not re.fullmatch(r"(con|nul|prn|aux|com\d|lpt\d)(\..*)?", name, re.IGNORECASE)
    for name in names:
        if not name.isascii() or len(name) > 80:
            assert name_files({name: name})[name] == files[name], "whatever the other names are"
    assert len(set(name_run_files([(name, None, name) for name in names]).values())) == len(names)


def test_a_collection_may_be_called_like_another_with_its_split() -> None:
    keys = [("a", "x", "S"), ("a", "b", "S"), ("a-b", None, "S")]
    assert len({path.lower() for path in name_run_files(keys).values()}) == 3


@pytest.mark.parametrize("name", ["密" * 200, "CON", "\udc80 half", "a/../../b", "nul\0"])
def test_whatever_a_system_is_called_its_files_are_written(tmp_path: Path, name: str) -> None:
    save(tmp_path / "out", [make_row(name, 1.0)], runs={("tiny", "test", name): Ranking.from_dict({"q": {"d": 1.0}})})
    (path,) = (tmp_path / "out" / "runs" / "tiny").iterdir()
    assert path.name.endswith(".run.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"][0]["system"] == name


def test_a_ranking_whose_ids_a_run_file_cannot_hold_is_written_as_a_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = {
        ("tiny", "test", "A"): Ranking.from_dict({"q": {"doc 7": 1.0}}),
        ("tiny", "test", "B"): Ranking.from_dict({"q": {"d": 1.0}}),
    }
    save(tmp_path, [make_row("A", 1.0), make_row("B", 1.0)], runs=runs)
    assert [path.name for path in sorted((tmp_path / "runs" / "tiny").iterdir())] == ["A.run.parquet", "B.run.gz"]
    assert "no TREC run file" in caplog.text


def make_runs(*systems: str) -> dict[Any, Ranking]:
    return {("tiny", "test", system): Ranking.from_dict({"q": {"d": 1.0}}) for system in systems}


def add_to_listing(folder: Path, **files: Any) -> None:
    """Let the manifest of an earlier run list more files."""
    listing = json.loads((folder / "manifest.json").read_text())
    listing["files"] |= {name.replace("__", "/"): facts for name, facts in files.items()}
    (folder / "manifest.json").write_text(json.dumps(listing))


def test_files_of_an_earlier_run_go_if_they_are_as_it_wrote_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, [make_row("A", 1.0)], runs=make_runs("A", "B", "C", "D"))
    folder = tmp_path / "runs" / "tiny"
    (folder / "C.run.gz").write_bytes(b"annotated by hand")
    (folder / "E.run.gz").write_bytes(b"mine")
    outside = tmp_path.parent / "elsewhere.run.gz"
    (folder / "D.run.gz").rename(outside)
    (folder / "D.run.gz").symlink_to(outside)
    save(tmp_path, [make_row("A", 1.0)], runs=make_runs("A"))
    assert sorted(path.name for path in folder.iterdir()) == ["A.run.gz", "C.run.gz", "D.run.gz", "E.run.gz"]
    assert outside.exists()
    assert "2 files are not as an earlier run wrote them, and stay: runs/tiny/C.run.gz" in caplog.text


def test_a_manifest_is_believed_about_nothing_but_files_that_nirank_writes(tmp_path: Path) -> None:
    outside, notes = tmp_path / "outside.txt", tmp_path / "out" / "notes.txt"
    save(tmp_path / "out", [make_row("A", 1.0)])
    content = {"sha256": hashlib.sha256(b"mine").hexdigest(), "bytes": 4}
    deep = tmp_path / "out" / "runs" / "a" / "b" / "c.run.gz"
    linked = tmp_path / "linked"
    for path in (outside, notes, deep, linked / "x.run.gz"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    (tmp_path / "out" / "runs" / "link").symlink_to(linked)
    names = [
        "../outside.txt",
        str(outside),
        "notes.txt",
        "runs/a/b/c.run.gz",
        "runs/../notes.txt",
        "runs/link/x.run.gz",
    ]
    add_to_listing(
        tmp_path / "out", **{name.replace("/", "__"): content for name in [*names, "gone.txt", "runs/a\\b/c"]}
    )
    save(tmp_path / "out", [make_row("A", 1.0)])
    for path in (outside, notes, deep, linked / "x.run.gz"):
        assert path.read_bytes() == b"mine", path


@pytest.mark.parametrize("content", ["{}", "[]", "{", "7", '{"files": {"notes.txt": {}}}', "[" * 100_000])
def test_a_folder_with_a_foreign_manifest_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "notes.txt").write_text("mine")
    for attempt in (lambda: require_place(tmp_path), lambda: save(tmp_path, [make_row("A", 1.0)])):
        with pytest.raises(
            ConfigError, match=r"holds 'manifest.json', which nirank did not write; name another folder"
        ):
            attempt()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "notes.txt"]
    assert (tmp_path / "manifest.json").read_text() == content


@pytest.mark.parametrize("name", ["leaderboard.md", "report.html", "runs", "evidence"])
def test_what_a_user_has_under_the_names_of_results_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "x").mkdir(parents=True) if "." not in name else (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=f"holds '{name}', which nirank did not write"):
        save(tmp_path, [make_row("A", 1.0)])
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_files_in_the_folder_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    save(tmp_path, [make_row("A", 1.0)])
    save(tmp_path, [make_row("A", 1.0)])
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_was_half_written_when_its_run_was_killed_is_nirank_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "nirank.report.folder.compute_checksum", lambda path: 1 / 0 if path.name == "leaderboard.md" else ""
        )
        with pytest.raises(ZeroDivisionError):
            save(tmp_path, [make_row("A", 1.0)], runs=make_runs("A"))
    assert (tmp_path / "leaderboard.json").exists() or (tmp_path / "runs").exists()
    save(tmp_path, [make_row("A", 1.0)], runs=make_runs("A"))
    assert (tmp_path / "leaderboard.md").exists()
    assert not list(tmp_path.rglob(".*"))


def test_places_where_results_cannot_go_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    save(tmp_path / "odd", [make_row("A", 1.0)])
    (tmp_path / "odd" / "report.html").unlink()
    (tmp_path / "odd" / "report.html").mkdir()
    for path, message in (
        (tmp_path / "file", r"file: is a file; expected a folder"),
        (tmp_path / "file" / "x", r"file is a file; expected a folder"),
        (Path("/dev/null/x"), "/dev/null is a file; expected a folder"),
        (Path("a\0b"), "cannot be written .embedded null byte.; name another folder"),
        (tmp_path / ("x" * 300), "cannot be written .File name too long.; name another folder"),
        (Path("/proc/x"), "/proc/x: cannot be written"),
        (tmp_path / "odd", "report.html: is a folder; expected a file, or name another folder for the results"),
    ):
        with pytest.raises(ConfigError, match=message):
            require_place(path)
        with pytest.raises(ConfigError, match=message):
            save(path, [make_row("A", 1.0)])
    full_disk = OSError(errno.ENOSPC, "No space left on device")

    def refuse(handle: int) -> None:
        raise full_disk

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ConfigError, match="cannot be written .No space left on device.; name another folder"):
        require_place(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_full_when_results_are_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_full(self: Path, *args: Any, **kwargs: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", raise_full)
    with pytest.raises(
        ConfigError, match=r"No space left on device\); name another folder; what was computed is stored"
    ):
        save(tmp_path, [make_row("A", 1.0)])


def test_one_process_at_a_time_writes_into_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import sys
from dataclasses import asdict, replace
from pathlib import Path
from nirank.plan.costs import SystemCost
from nirank.report.place import hold_folder
with hold_folder(Path({str(tmp_path)!r})):
    print("mine", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "mine\n"
    monkeypatch.setattr("nirank.report.place._WAIT_S", 0.1)
    with pytest.raises(ConfigError, match="another process is writing its results there; name another folder"):
        save(tmp_path, [make_row("A", 1.0)])
    process.communicate("")
    with hold_folder(tmp_path):
        save(tmp_path, [make_row("A", 1.0)])  # inside one's own
    assert not list(tmp_path.glob(".*"))


def test_findings_are_plain_values() -> None:
    assert asdict(Finding("a", "note", 0, "m"))["examples"] == ()


def test_a_run_file_is_written_again_only_if_it_would_say_something_else(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "tiny" / "A.run.gz"

    def save_score(score: float, **options: Any) -> int:
        save(
            tmp_path,
            [make_row("A", 1.0, **options)],
            runs={("tiny", "test", "A"): Ranking.from_dict({"q": {"d": score}})},
        )
        return path.stat().st_ino

    first = save_score(1.0)
    assert save_score(1.0) == first
    second = save_score(2.0)
    assert second != first
    assert save_score(2.0, address="1" * 32) != second
    path.write_bytes(b"damaged")
    save_score(2.0, address="1" * 32)
    assert path.read_bytes() != b"damaged"
