"""The command line: results on standard output, everything else beside it.

What a process of its own shows is tried in one: `start_nirank`. The rest is the same command called here, without the seconds of a start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_result import run_nirank
from test_imports import write_folder

CONFIG = "collections: [tiny]\nsystems:\n  BM25: bm25\n  Cut: [BM25, {cut: 1}]\nmeasures: [nDCG@10, RR]\n"


def start_nirank(
    *arguments: object, cwd: Path, module: str = "nirank.cli.main", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "NIRANK_STORE": str(cwd / "store"), **environment},
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    write_folder(tmp_path / "tiny")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def test_a_run_prints_the_table_and_writes_the_folder(place: Path) -> None:
    process = start_nirank("run", "config.yaml", cwd=place)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("tiny/test\n1 query, lists to their end. Best by nDCG@10")
    assert "computing" in process.stderr
    assert "computing" not in process.stdout
    out = place / "config-results"
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "leaderboard.csv", "leaderboard.json", "leaderboard.md", "manifest.json", "nirank.log", "report.html",
        "leaderboard.tex",
        "per_query.parquet", "details/tiny-test-qrels/queries.json", "details/tiny-test-qrels/lists-0000.js",
        "details/tiny-test-qrels/texts-0000.js", "runs/tiny/BM25.run.gz", "runs/tiny/Cut.run.gz",
    }  # fmt: skip
    rows = json.loads((out / "leaderboard.json").read_text())["rows"]
    assert [row["measures"] for row in rows] == [{"nDCG@10": 1.0, "RR": 1.0}, {"nDCG@10": None, "RR": 1.0}] or all(
        row["measures"]["RR"] == 1.0 for row in rows
    )
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["config"]["measures"] == ["nDCG@10", "RR"]
    assert manifest["versions"]["pyserini"]
    assert manifest["collections"][0]["digests"]["docs"]
    second_run = run_nirank("run", "config.yaml", cwd=place)
    assert "computing" not in second_run.error
    assert [row["measures"] for row in json.loads((out / "leaderboard.json").read_text())["rows"]] == [
        row["measures"] for row in rows
    ]


def test_systems_that_are_gone_take_their_run_files_with_them(place: Path) -> None:
    run_nirank("run", "config.yaml", "--out", "o", cwd=place)
    (place / "o" / "mine.txt").write_text("mine")
    (place / "config.yaml").write_text(CONFIG.replace("  Cut: [BM25, {cut: 1}]\n", ""))
    run_nirank("run", "config.yaml", "--out", "o", cwd=place)
    assert [path.name for path in (place / "o" / "runs" / "tiny").iterdir()] == ["BM25.run.gz"]
    assert (place / "o" / "mine.txt").is_file()


def test_check_and_explain_compute_nothing(place: Path) -> None:
    check = run_nirank("run", "config.yaml", "--check", cwd=place)
    assert check.code == 0
    assert "config.yaml: ok" in check.out
    explain = run_nirank("run", "config.yaml", "--explain", cwd=place)
    assert "[BM25, Cut]" in explain.out
    assert "3 to compute" in explain.out
    assert not (place / "config-results").exists()


def test_limit_queries_and_set(place: Path) -> None:
    with (place / "tiny" / "queries.jsonl").open("a") as file:
        file.write(json.dumps({"_id": "r", "text": "pear"}) + "\n")
    with (place / "tiny" / "qrels" / "test.tsv").open("a") as file:
        file.write("r\td1\t1\n")
    arguments = ("run", "config.yaml", "--limit-queries", 1, "--set", "systems.BM25.bm25.k1=1.2", "--out", "o")
    result = run_nirank(*arguments, cwd=place)
    assert result.code == 0, result.error
    row = json.loads((place / "o" / "leaderboard.json").read_text())["rows"][0]
    assert row["queries"]["declared"] == 1
    assert row["pipeline"] == "BM25(1.2)"
    assert row["conventions"]["collection"]["sample"] == "1 of 2, chosen by hash of id"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("bm25", "bm52"), "did you mean 'bm25'"),
        (("tiny", "tyni"), "did you mean"),
        (("nDCG@10", "nDGC@10"), "did you mean 'nDCG'"),
        (("BM25: bm25", "BM25: {dense: pkg:nothing_here/model}"), "nothing_here is not installed"),
        (("BM25: bm25", "BM25: {run: missing.run}"), "missing.run"),
    ],
)
def test_mistakes_exit_2_without_a_traceback_and_nothing_runs(place: Path, change: tuple[str, str], words: str) -> None:
    (place / "config.yaml").write_text(CONFIG.replace(*change))
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 2, result.error
    assert words in result.error
    assert "Traceback" not in result.error
    assert result.out == ""
    assert not (place / "config-results").exists()


def test_trap_43_a_misspelt_stage_is_told_before_anything_heavy_is_loaded(place: Path) -> None:
    (place / "config.yaml").write_text(CONFIG.replace("bm25", "bm52"))
    code = (
        "import sys\nfrom nirank.cli.main import main\ntry:\n    main(['run', 'config.yaml'])\nexcept SystemExit as end:\n"
        "    print(end.code, 'torch' in sys.modules, 'jnius' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "2 False False"


def test_a_broken_collection_stops_the_run(place: Path) -> None:
    with (place / "tiny" / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "d0", "text": "twice"}\n')
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 2
    assert "corpus.jsonl:1 and :4: id 'd0' occurs twice" in result.error


def test_a_failing_system_exits_1_and_the_rest_is_written(place: Path) -> None:
    # A run file that vanishes between planning and reading is hard to stage; a model that is no model fails when loaded.
    broken = place / "model"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"no tensors")
    (broken / "config.json").write_text("{}")
    (place / "config.yaml").write_text(CONFIG.replace("  Cut: [BM25, {cut: 1}]", f"  Dense: {{dense: {broken}}}"))
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 1, result.error
    assert "Dense failed" in result.out
    assert "Traceback" not in result.error
    rows = json.loads((place / "config-results" / "leaderboard.json").read_text())["rows"]
    assert [row["status"] for row in rows] == ["ok", "failed"]


def test_a_mistake_in_a_run_file_is_the_users_and_stops_the_run(place: Path) -> None:
    (place / "a.run").write_text("q Q0 d0 1 nan t\n")
    (place / "config.yaml").write_text(CONFIG.replace("BM25: bm25", "BM25: bm25\n  Mine: {run: a.run}"))
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 2, result.error
    assert "a.run:1: query 'q', document 'd0' has score nan" in result.error
    assert result.out == ""
    (place / "a.run").write_text("q Q0 d0 1 0.5 t\n")
    assert run_nirank("run", "config.yaml", cwd=place).code == 0


def test_usage_mistakes_exit_2(place: Path) -> None:
    for arguments in (
        ("run",),
        ("rnu", "config.yaml"),
        ("run", "config.yaml", "--chek"),
        ("run", "config.yaml", "--limit-queries", 0),
    ):
        result = run_nirank(*arguments, cwd=place)
        assert result.code == 2, arguments
        assert "Traceback" not in result.error
    assert "'--check'" in run_nirank("run", "config.yaml", "--chek", cwd=place).error


def test_help_fits_a_screen_and_states_exit_codes(place: Path) -> None:
    for arguments in (("--help",), ("run", "--help"), ("audit", "--help"), ("stages", "--help")):
        result = run_nirank(*arguments, cwd=place)
        assert result.code == 0
        assert len(result.out.splitlines()) <= 30
        assert "Exit codes: 0 done" in result.out
        assert "Example:" in result.out


def test_audit_prints_findings_and_exits_by_severity(place: Path) -> None:
    assert run_nirank("audit", "tiny", cwd=place).out.splitlines()[-1].strip() == "nothing found"
    (place / "tiny" / "qrels" / "test.tsv").write_text("q\td0\t1\nq\tgone\t1\n")
    result = run_nirank("audit", "tiny", cwd=place)
    assert result.code == 2
    assert "dangling-judgements" in result.out
    missing = run_nirank("audit", "nowhere", cwd=place)
    assert missing.code == 2
    assert "neither a folder nor an ir_datasets id" in missing.out


def test_stages_and_schema_are_results(place: Path) -> None:
    stages = run_nirank("stages", cwd=place)
    assert {"bm25", "dense", "rrf", "weighted_sum", "cut", "run"} <= {
        line.split()[0] for line in stages.out.splitlines()
    }
    bm25 = run_nirank("stages", "bm25", cwd=place)
    assert "k1: float, default 0.9" in bm25.out
    assert run_nirank("stages", "bm52", cwd=place).code == 2
    assert json.loads(run_nirank("schema", cwd=place).out)["title"] == "nirank configuration"


def test_a_closed_pipe_is_no_error(place: Path) -> None:
    process = subprocess.run(
        f"{sys.executable} -m nirank.cli.main schema | head -1",
        shell=True,
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "{"
    assert "Error" not in process.stderr


def test_an_interrupt_exits_130_and_says_how_to_go_on(place: Path) -> None:
    code = (
        "import signal, time, nirank.experiment.loading\nsignal.signal(signal.SIGINT, signal.default_int_handler)  # even under nohup\n"
        "nirank.experiment.loading.load = lambda *a, **k: (print('ready', flush=True), time.sleep(60))\n"
        "from nirank.cli.main import main\nmain(['run', 'config.yaml'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command again" in error


@pytest.mark.parametrize(("module", "first"), [("nirank.run", []), ("nirank.cli.main", ["run"])])
def test_a_module_is_the_same_command_and_the_manifest_s_can_be_given(
    place: Path, module: str, first: list[str]
) -> None:
    process = start_nirank(*first, "config.yaml", "--quiet", "--out", "there", cwd=place, module=module)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert (place / "there" / "report.html").is_file()
    command = json.loads((place / "there" / "manifest.json").read_text())["command"]
    assert command == ["nirank", "run", "config.yaml", "--quiet", "--out", "there"]


def test_where_results_cannot_go_is_said_before_anything_is_computed(place: Path) -> None:
    (place / "file").write_text("")
    (place / "foreign").mkdir()
    (place / "foreign" / "manifest.json").write_text('{"name": "an app"}')
    for out, message in (
        ("file", "file: is a file; expected a folder"),
        ("/dev/null/x", "/dev/null/x: /dev/null is a file; expected a folder"),
        ("foreign", "foreign: holds 'manifest.json', which nirank did not write; name another folder"),
    ):
        result = run_nirank("run", "config.yaml", "--out", out, cwd=place)
        assert result.code == 2
        assert result.error.startswith(message) and result.error.count("\n") == 1, result.error
    assert not (place / "store").exists()


def test_a_store_that_cannot_be_is_said_before_anything_is_computed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("NIRANK_STORE", str(place / "file"))
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 2
    assert result.error.startswith(f"store {place / 'file'}: {place / 'file'} is a file; expected a folder")
    assert not (place / "config-results").exists()


def read_only(folder: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run nirank while a folder is mounted read-only, for this process alone."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    command = ["unshare", "-m", "bash", "-c", script, str(folder), sys.executable, "-m", "nirank.cli.main"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "NIRANK_STORE": str(cwd / "store")},
    )  # fmt: skip


def test_a_read_only_store_serves_what_it_holds_and_refuses_the_rest_at_once(place: Path) -> None:
    assert run_nirank("run", "config.yaml", cwd=place).code == 0
    if read_only(place / "store", "--version", cwd=place).returncode:
        pytest.skip("needs leave to mount")
    served = read_only(place / "store", "run", "config.yaml", "--out", "served", cwd=place)
    assert served.returncode == 0, served.stderr
    assert (place / "served" / "leaderboard.json").exists()
    result = read_only(place / "store", "run", "config.yaml", "--set", "systems.BM25.bm25.k1=0.7", cwd=place)
    assert result.returncode == 1
    assert "computing" not in result.stderr and "failed" not in result.stdout
    assert f"store {place / 'store'}: cannot write (Read-only file system)" in result.stderr
    (place / "out").mkdir()
    nowhere = read_only(place / "out", "run", "config.yaml", "--out", "out/x", cwd=place)
    assert nowhere.returncode == 2
    assert nowhere.stderr == "out/x: cannot be written (Read-only file system); name another folder\n"


def test_values_from_the_environment_are_written_as_their_names(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "llm_listwise: {url: 'http://127.0.0.1:9/${TOKEN}/v1', model: m, retries: 0}"
    (place / "config.yaml").write_text(CONFIG.replace("{cut: 1}", f"{{{url}}}"))
    secret = "s3cret-of-mine"
    process = start_nirank("run", "config.yaml", cwd=place, TOKEN=secret)
    monkeypatch.setenv("TOKEN", secret)
    results = [run_nirank("run", "config.yaml", flag, cwd=place) for flag in ("--explain", "--check", "--debug")]
    outputs = [process.stdout + process.stderr, *(result.text for result in results)]
    assert all(outputs) and not any(secret in output for output in outputs)
    written = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert [path for path, content in written.items() if secret.encode() in content] == []
    out = place / "config-results"
    assert "${TOKEN}" in (out / "manifest.json").read_text()
    log = (out / "nirank.log").read_text()
    assert "LLMListwise(" in log and "127.0.0.1:9" not in log  # labels leave the address out
    assert "${TOKEN}" in (out / "leaderboard.json").read_text()
