"""Mistakes at the command line: each is the user's (exit code 2), told in a sentence, with the nearest right thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_result import run_nirank
from test_imports import write_folder

CONFIG = "collections: [tiny]\nsystems: {BM25: bm25}\nmeasures: [AP]\n"
EVALUATE = ("evaluate", "--qrels", "q.txt", "--run", "a.run")
COMPARE = ("compare", "a.run", "b.run", "--qrels", "q.txt")

MISTAKES = [
    (("rnu",), "did you mean 'run'?"),
    (("evalute",), "did you mean 'evaluate'?"),
    (("stage",), "did you mean 'stages'?"),
    (("RUN", "c.yaml"), "did you mean 'run'?"),
    (("c.yaml",), "nirank run c.yaml"),
    (("--verson",), "--version"),
    (("",), "there is no command ''"),
    (("run",), "Missing argument 'CONFIG'"),
    (("run", "nowhere.yaml"), "nowhere.yaml: cannot be read (No such file or directory)"),
    (("run", "tiny"), "tiny: is a folder; expected a YAML file"),
    (("run", ""), "is a folder"),
    (("run", "c.yaml", "d.yaml"), "unexpected extra argument (d.yaml)"),
    (("run", "x" * 5000), "cannot be read (File name too long)"),
    (("run", "a.run"), "a.run"),
    (("run", "tiny/corpus.jsonl"), "corpus.jsonl"),
    (("run", "c.yaml", "--chek"), "'--check'"),
    (("run", "c.yaml", "--limit-queries", "0"), "0 is not in the range x>=1"),
    (("run", "c.yaml", "--limit-queries", "ten"), "'ten' is not a valid integer"),
    (("run", "c.yaml", "--limit-queries"), "requires an argument"),
    (("run", "c.yaml", "--workers", "-1"), "-1 is not in the range x>=0"),
    (("run", "c.yaml", "--max-memory", "much"), "max_memory"),
    (("run", "c.yaml", "--max-memory", "4 elephants"), "max_memory"),
    (("run", "c.yaml", "--max-memory", ""), "max_memory"),
    (("run", "c.yaml", "--set", "systems"), "expected key=value"),
    (("run", "c.yaml", "--set", "=3"), "expected key=value"),
    (("run", "c.yaml", "--set", "systems.BM52.bm25.k1=3"), "did you mean 'BM25'?"),
    (("run", "c.yaml", "--set", "systems.BM25.bm25.k9=3"), "has no option 'k9'"),
    (("run", "c.yaml", "--set", "measures=[XX]"), "there is no measure 'XX'"),
    (("run", "c.yaml", "--set", "measures.0.x=1"), "there is no 'x' in text"),
    (("run", "c.yaml", "--set", "measures.7=AP"), "--set"),
    (("run", "c.yaml", "--set", "a..b=1"), "--set"),
    (("run", "c.yaml", "--set", "systems.BM25.bm25.k1=["), "not valid YAML"),
    (("run", "c.yaml", "--set", "measures="), "measures"),
    (("run", "c.yaml", "--out", "a.run"), "a.run: is a file; expected a folder"),
    (("run", "c.yaml", "--out", "a.run/below"), "is a file; expected a folder"),
    (("run", "c.yaml", "--out", "/dev/null/x"), "/dev/null is a file; expected a folder"),
    (("run", "c.yaml", "--out", "x" * 5000), "xxx"),
    (("run", "c.yaml", "--quiet=yes"), "does not take a value"),
    (("audit",), "Missing argument"),
    (("audit", "nowhere"), "neither a folder nor"),
    (("audit", "~nobody_at_all"), "there is no such user"),
    (("audit", "tiny", "--split", "tset"), "there is no split 'tset'"),
    (("audit", "tiny", "--queries", "long"), "long"),
    (("stages", "bm52"), "did you mean 'bm25'?"),
    (("stages", "BM25"), "did you mean 'bm25'?"),
    (("stages", "bm25", "dense"), "unexpected extra argument"),
    (("schema", "x"), "'x' is not one of"),
    (("evaluate",), "Missing option '--run'"),
    (("evaluate", "--run", "a.run"), "Missing option '--qrels'"),
        (("evaluate", "--qrels", "nowhere", "--run", "a.run"), "nowhere"),
    (("evaluate", "--qrels", "tiny", "--run", "a.run"), "tiny: is a folder; expected a file"),
    (("evaluate", "--qrels", "q.txt", "--run", "nowhere"), "nowhere"),
    (("evaluate", "--qrels", "q.txt", "--run", "tiny"), "tiny: is a folder"),
    (("evaluate", "--qrels", "a.run", "--run", "a.run"), "a.run"),
    (("evaluate", "--qrels", "q.txt", "--run", "a.run", "a.run"), "the same run file is given twice"),
    ((*EVALUATE, "--measures", "XX"), "there is no measure 'XX'"),
    ((*EVALUATE, "--measures", "P"), "needs a cut-off"),
    ((*EVALUATE, "--measures", "nDCG@10,AP"), "nDCG@10,AP"),
    ((*EVALUATE, "--baseline", "nobody"), "there is no system 'nobody'"),
    ((*EVALUATE, "--alpha", "7"), "alpha must lie between 0 and 1"),
    ((*EVALUATE, "--alpha", "nan"), "alpha must lie between 0 and 1"),
    ((*EVALUATE, "--correction", "holms"), "did you mean 'holm'?"),
    ((*EVALUATE, "--test", "z"), "'z' is not one of"),
    ((*EVALUATE, "--seed", "-1"), "-1 is not in the range"),
    ((*EVALUATE, "--min-rel", "0"), "0 is not in the range"),
    ((*EVALUATE, "--min-rel", "9" * 30), "min_rel"),
    ((*EVALUATE, "--candidates", "nowhere"), "nowhere"),
    ((*EVALUATE, "--known", "nowhere"), "nowhere"),
    ((*EVALUATE, "--protocol", "clef-tar-2016"), "is not one of"),
    ((*EVALUATE, "--out", "a.run"), "is a file; expected a folder"),
    (("compare", "a.run"), "Missing argument 'B'"),
    ((*COMPARE, "--measure", "AQ"), "there is no measure 'AQ'"),
    ((*COMPARE, "--top", "0"), "0 is not in the range"),
    (("compare", "a.run", "nowhere", "--qrels", "q.txt"), "nowhere"),
    (("cache", "sl"), "did you mean 'ls'?"),
    (("cache", "ls", "--older", "soon"), "soon"),
    (("cache", "ls", "--larger", "huge"), "huge"),
    (("cache", "ls", "--unreachable", "nowhere.yaml"), "nowhere.yaml"),
    (("cache", "why", "0000"), "0000"),
    (("cache", "why"), "Missing argument 'ADDRESS'"),
    (("cache", "rm"), "name addresses or conditions, or --all"),
    (("cache", "rm", "zzzz"), "zzzz"),
    (("cache", "ls", "--store", "a.run"), "a.run"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("command-line")
    write_folder(root / "tiny")
    (root / "c.yaml").write_text(CONFIG)
    (root / "q.txt").write_text("q 0 d0 1\n")
    (root / "a.run").write_text("q Q0 d0 1 2.0 t\n")
    (root / "b.run").write_text("q Q0 d1 1 2.0 t\n")
    return root


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_mistakes_at_the_command_line(place: Path, arguments: tuple[str, ...], words: str) -> None:
    run_nirank(*arguments, cwd=place).assert_mistake(words)


def test_help_is_there_for_every_command(place: Path) -> None:
    named = (
        "run",
        "audit",
        "evaluate",
        "compare",
        "stages",
        "schema",
        "cache",
        "cache ls",
        "cache why",
        "cache verify",
        "cache rm",
    )
    for command in ("", *named):
        result = run_nirank(*command.split(), "--help", cwd=place)
        assert result.code == 0, result
        assert "Usage: nirank" in result.out
    assert all(f"  {name} " in run_nirank("--help").out for name in named if " " not in name)


def start_nirank(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "nirank.cli.main", *arguments], cwd=cwd, capture_output=True, check=False, timeout=240,
        env={**os.environ, "NIRANK_STORE": str(cwd / "store"), **environment},
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_what_a_console_cannot_print_is_replaced(place: Path, encoding: str) -> None:
    text = CONFIG.replace("BM25: bm25", "'≥ 日本 🦑': bm25, Zwei: {bm25: {k1: 0.5}}") + "significance: Zwei\n"
    (place / "names.yaml").write_text(text, encoding="utf-8")
    process = start_nirank(
        "run", "names.yaml", "--out", f"out-{encoding}", cwd=place, PYTHONUTF8="0", PYTHONIOENCODING=encoding
    )
    table_encoding = "utf-8" if encoding == "ascii" else encoding  # consoles said to be ASCII get UTF-8 all the same
    output = process.stderr.decode(encoding)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "Logging error" not in output
    table = process.stdout.decode(table_encoding)
    assert "Zwei" in table
    assert ("日本" in table) == (table_encoding == "utf-8")
    leaderboard = (place / f"out-{encoding}" / "leaderboard.md").read_text(encoding="utf-8")
    assert "≥ 日本 🦑" in leaderboard


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_mistakes_can_be_printed_on_any_console(place: Path, encoding: str) -> None:
    (place / "wrong.yaml").write_text(CONFIG.replace("bm25", "bm🦑"), encoding="utf-8")
    process = start_nirank("run", "wrong.yaml", cwd=place, PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    assert process.returncode == 2, process.stderr
    assert b"there is no system or stage 'bm" in process.stderr
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize(
    "command",
    [
        "run c.yaml --explain | head -1",
        "stages | head -1",
        "stages bm25 | true",
        "--help | true",
        "audit tiny | true",
        "run c.yaml 2>&1 | head -1",
    ],
)
def test_a_closed_pipe_is_no_error(place: Path, command: str) -> None:
    process = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -u -m nirank.cli.main {command}"],
        cwd=place, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert process.returncode in (0, -signal.SIGPIPE, 128 + signal.SIGPIPE), process.stderr
    for word in ("Traceback", "BrokenPipe", "nirank failed", "Exception ignored"):
        assert word not in process.stderr + process.stdout


def test_a_full_disk_under_standard_output_is_a_sentence(place: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    process = subprocess.run(
        f"{sys.executable} -m nirank.cli.main stages > /dev/full",
        shell=True,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode != 0
    assert "Traceback" not in process.stderr
    assert "nirank failed" not in process.stderr
