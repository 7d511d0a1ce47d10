"""Mistakes in files: each is the user's (exit code 2), told in a sentence that names the file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_result import run_nirank
from test_imports import write_folder

MISTAKES = [
    ("corpus.jsonl", b"", "no documents"),
    ("corpus.jsonl", b"{\n", "corpus.jsonl"),
    ("corpus.jsonl", b"not json\n", "corpus.jsonl:1"),
    ("corpus.jsonl", b"3\n", "corpus.jsonl:1"),
    ("corpus.jsonl", b"null\n", "corpus.jsonl:1"),
    ("corpus.jsonl", b'{"text": "x"}\n', "corpus.jsonl:1"),
    ("corpus.jsonl", b'{"_id": null, "text": "x"}\n', "corpus.jsonl:1"),
    ("corpus.jsonl", b'{"_id": [1], "text": "x"}\n', "corpus.jsonl:1"),
    ("corpus.jsonl", b'{"_id": "", "text": "x"}\n', "corpus.jsonl:1"),
    ("corpus.jsonl", b'{"_id": "\\ud800", "text": "x"}\n', "half a character"),
    ("corpus.jsonl", b'{"_id": "d0", "text": "x"}\n{"_id": "d0", "text": "y"}\n', "d0"),
    ("corpus.jsonl", b'{"_id": "d0", "text": "\xff"}\n', "corpus.jsonl:1: not valid UTF-8"),
    ("corpus.jsonl", '{"_id": "d0", "text": "x"}\n'.encode("utf-16"), "corpus.jsonl"),
    ("corpus.jsonl", b'{"_id": "d0", "text": ""}\n', "blank"),
    ("corpus.jsonl", b"\x1f\x8b\x08\x00broken", "corpus.jsonl"),
    ("queries.jsonl", b"", "queries"),
    ("queries.jsonl", b"q\ta red apple\n", "queries.jsonl:1"),
    ("queries.jsonl", b'{"_id": "q", "text": "x"}\n{"_id": "q", "text": "y"}\n', "q"),
    ("queries.jsonl", b'{"_id": "other", "text": "x"}\n', "q"),
    ("qrels/test.tsv", b"", "there are no queries"),
    ("qrels/test.tsv", b"q\td0\thigh\n", "high"),
    ("qrels/test.tsv", b"q\td0\t0.7\n", "0.7"),
    ("qrels/test.tsv", b"q\td0\tnan\n", "nan"),
    ("qrels/test.tsv", b"q\td0\t1\nq\td0\t2\n", "test.tsv"),
    ("qrels/test.tsv", b"q\td0\t1\t2\t3\t4\n", "test.tsv"),
    ("qrels/test.tsv", b"q\tgone\t1\n", "gone"),
    ("qrels/test.tsv", b"\xff\xfe\x00\n", "test.tsv"),
    ("qrels/test.tsv", b"q\td0\t99999999999999999999\n", "test.tsv"),
    ("a.run", b"q d0 1.0\n", "a.run:1"),
    ("a.run", b"q Q0 d0 1 high t\n", "a.run:1"),
    ("a.run", b"q Q0 d0 1 nan t\n", "a.run:1"),
    ("a.run", b"q Q0 d0 1 1e999 t\n", "a.run:1"),
    ("a.run", b"q Q0 gone 1 1.0 t\n", "gone"),
    ("a.run", b"other Q0 d0 1 1.0 t\n", "a.run"),
    ("a.run", b"q Q0 d0 1 2.0 t\nq Q0 d0 2 1.0 t\n", "d0"),
    ("ids.txt", b"", "ids.txt"),
    ("ids.txt", b"gone\n", "gone"),
    ("ids.txt", b"\xff\n", "ids.txt"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), MISTAKES, ids=[str(number) for number in range(len(MISTAKES))])
def test_mistakes_in_files(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    write_folder(tmp_path / "tiny")
    (tmp_path / "a.run").write_text("q Q0 d0 1 2.0 t\n")
    (tmp_path / "ids.txt").write_text("d0\n")
    place = tmp_path / "tiny" / name if (tmp_path / "tiny" / name).exists() else tmp_path / name
    place.write_bytes(content)
    systems = {
        "R": {"run": "a.run"},
        "S": [{"within": {"scope": {"only": {"path": "ids.txt"}}, "of": {"run": "a.run"}}}],
    }
    (tmp_path / "c.yaml").write_text(json.dumps({"collections": ["tiny"], "measures": ["AP"], "systems": systems}))
    run_nirank("run", "c.yaml", cwd=tmp_path).assert_mistake(words)


def test_a_tag_that_is_no_utf_8_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("q 0 d0 1\n")
    (tmp_path / "a.run").write_bytes(b"q Q0 d0 1 2.0 \xff\n")
    result = run_nirank("evaluate", "--qrels", "q.txt", "--run", "a.run", "--measures", "AP", cwd=tmp_path)
    assert result.code == 0, result
    assert "1.0000" in result.out


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_folders_in_place_of_files(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path / "tiny")
    (tmp_path / "tiny" / name).unlink()
    (tmp_path / "tiny" / name).mkdir()
    run_nirank("audit", "tiny", cwd=tmp_path).assert_guarded()
    shutil.rmtree(tmp_path / "tiny" / name)
    run_nirank("audit", "tiny", cwd=tmp_path).assert_guarded()
