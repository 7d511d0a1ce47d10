"""`nirank citations`: a line a reference."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from command_result import run_nirank


def test_a_line_a_reference(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Council\nDirective 77/794/EEC, the Companies Act 2006\tand\n2021/2115")
    result = run_nirank("citations", "a.txt", "a.txt", cwd=tmp_path)
    assert result.code == 0, result
    lines = [
        "Council Directive 77/794/EEC\t31977L0794",
        "Companies Act 2006\t",
        "2021/2115\t32021R2115\t32021L2115 or 32021D2115",
    ]
    assert result.out.splitlines() == lines * 2
    assert result.error == "6 references, 2 of them without an identifier\n"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffSOR/2019-105 é".encode())))
    assert run_nirank("citations", "-").out == "SOR/2019-105\tSOR-2019-105\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"SOR/2019-105 \xff")))
    run_nirank("citations", "-").assert_mistake("standard input: not valid UTF-8 (byte 13); expected UTF-8")


def test_mistakes(tmp_path: Path) -> None:
    run_nirank("citations", "none.txt", cwd=tmp_path).assert_mistake("none.txt", "No such file")
    run_nirank("citations", ".", cwd=tmp_path).assert_mistake("is a folder; expected a file")
    run_nirank("citations", cwd=tmp_path).assert_mistake("Missing argument")
