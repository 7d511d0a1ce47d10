"""nirank search: what a person at a terminal gets."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import searched_folder
from command_result import run_nirank

from nirank.results.query_detail import DocumentDetail, StageList
from nirank.searching.answer import Answer, StageTrace
from nirank.searching.answer_table import WIDTH, format_answer, format_answers

SYSTEMS = "  BM25: bm25\n  RM3: [bm25, rm3]\n  Fused: {rrf: [BM25, RM3]}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    searched_folder.write_collection(tmp_path / "tiny")
    return searched_folder.write_config(tmp_path, SYSTEMS)


def test_the_table_shows_documents_how_they_moved_and_the_stages(config: Path) -> None:
    result = run_nirank("search", config, "Fused", "w1 w2", "-k", "3", "--quiet")
    assert result.code == 0, result.text
    lines = result.out.splitlines()
    assert lines[0] == "Fused on tiny: w1 w2"
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert all("bm25" in line and "→" in line for line in lines[2:5])
    assert lines[6].startswith("bm25 ") and "w1 " in lines[6]
    assert lines[-1].startswith("in all")
    assert max(map(len, lines)) <= WIDTH


def test_json_holds_all_of_the_answer(config: Path) -> None:
    result = run_nirank("search", config, "Fused", "w1 w2", "--with", "BM25", "--json", "--quiet")
    assert result.code == 0, result.text
    first, second = json.loads(result.out)["answers"]
    assert (first["system"], second["system"]) == ("Fused", "BM25")
    assert len(first["documents"]) == len(first["scores"]) == len(first["matches"]) == 10
    assert [stage["stage"] for stage in first["stages"]] == ["bm25", "rm3", "rrf"]


def test_two_lists_stand_side_by_side(config: Path) -> None:
    result = run_nirank("search", config, "RM3", "w1 w2", "--with", "BM25", "-k", "3", "--quiet")
    assert result.code == 0, result.text
    assert "in both lists" in result.out
    assert "│" in result.out.splitlines()[3]


def test_a_file_or_lines_of_input_are_queries(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "query.txt").write_text("w1\nw2\n")
    (tmp_path / "query.json").write_text(json.dumps({"title": "w1", "text": "w2", "metadata": {"year": 1999}}))
    asked = [
        run_nirank("search", config, "BM25", "--file", tmp_path / name, "--json", "--quiet")
        for name in ("query.txt", "query.json")
    ]
    asked.append(run_nirank("search", config, "BM25", "w1 w2", "--json", "--quiet"))
    ids = [[doc["id"] for doc in json.loads(result.out)["answers"][0]["documents"]] for result in asked]
    assert ids[0] == ids[1] == ids[2]
    monkeypatch.setattr("sys.stdin", io.StringIO("w1\n\nw3\n"))
    lines = run_nirank("search", config, "BM25", "-", "--json", "--quiet").out.splitlines()
    assert [json.loads(line)["answers"][0]["query"] for line in lines] == ["w1", "w3"]


def test_mistakes_are_the_user_s(config: Path, tmp_path: Path) -> None:
    run_nirank("search", config, "BM52", "w1").assert_mistake("no system 'BM52'", "did you mean 'BM25'")
    run_nirank("search", config, "BM25").assert_mistake("give a query")
    run_nirank("search", config, "BM25", "w1", "--file", "x").assert_mistake("give a query")
    run_nirank("search", config, "BM25", "--file", tmp_path / "none").assert_mistake("is no file")
    (tmp_path / "bad.json").write_text("[1]")
    run_nirank("search", config, "BM25", "--file", tmp_path / "bad.json").assert_mistake("a JSON record", "got list")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    run_nirank("search", config, "BM25", "--file", tmp_path / "bad.txt").assert_mistake("expected UTF-8 text")
    run_nirank("search", config, "BM25", " ").assert_mistake("no text")


def test_of_several_collections_one_is_named(tmp_path: Path) -> None:
    searched_folder.write_collection(tmp_path / "tiny")
    searched_folder.write_collection(tmp_path / "small", 20)
    config = searched_folder.write_config(tmp_path, "  BM25: bm25", "{path: tiny}, {path: small}")
    run_nirank("search", config, "BM25", "w1").assert_mistake("--collection: tiny, small")
    run_nirank("search", config, "BM25", "w1", "--collection", "smal").assert_mistake("did you mean 'small'")
    result = run_nirank("search", config, "BM25", "w1", "--collection", "small", "--json", "--quiet")
    assert json.loads(result.out)["answers"][0]["collection"] == "small"


def test_a_lexical_system_loads_no_model_library(config: Path) -> None:
    code = (
        "import sys\nfrom nirank.cli.main import main\ntry:\n"
        f"    main(['search', {str(config)!r}, 'BM25', 'w1', '--quiet'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'sklearn')"
        " if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "[]"


def make_answer(id: str, title: str) -> Answer:
    documents = (DocumentDetail(id, title, "text", 4),)
    stages = (StageList("a", (12345,), (1.0,)), StageList("b", (None,), (None,)), StageList("c", (1,), (2.0,)))
    trace = (StageTrace("a", "A(…)", None, 12, 1.0, text="so\x1b[31mred"),)
    return Answer("c", "S" * 200, "q\x1b]0;x\x07" * 90, 1, documents, (2.0,), ((),), ((),), stages, trace, 1.0, 0.0)


@pytest.mark.parametrize("title", ["x" * 500, "標題" * 90, "a\u0301" * 120, "", "tab\tand\nline\u202eturned"])
def test_no_text_breaks_the_table(title: str) -> None:
    answer = make_answer("id" * 40, title)
    for text in (format_answer(answer), format_answers(answer, answer)):
        assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
        for line in text.splitlines():
            assert sum(2 if "\u3000" < c < "\ufaff" else 0 if "\u0300" <= c < "\u0370" else 1 for c in line) <= WIDTH
