"""Compiled loops work wherever nirank is installed, with a cache or without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from nirank.base.loops import compile_loop

@compile_loop
def add(numbers):
    total = 0
    for number in numbers:
        total += number
    return total
"""
PROGRAM = "import sums, numpy; print(sums.add(numpy.arange(4)), sum(sums.add.stats.cache_hits.values()))"


def run(folder: Path, home: Path, **variables: str) -> str:
    """Return what a process of its own prints: the sum, and how much code it found in a cache."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    path = os.pathsep.join([str(folder), *sys.path])
    environment = {**inherited, "PYTHONPATH": path, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a loop, into which no cache can be written: a file lies in its place."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "sums.py").write_text(MODULE)
    (folder / "__pycache__").write_text("")
    return folder


def test_code_is_kept_beside_the_module(package: Path, tmp_path: Path) -> None:
    (package / "__pycache__").unlink()
    assert [run(package, tmp_path) for _ in range(2)] == ["6 0\n", "6 1\n"]


def test_code_is_kept_in_the_users_cache_where_the_package_is_read_only(package: Path, tmp_path: Path) -> None:
    assert [run(package, tmp_path / "home") for _ in range(2)] == ["6 0\n", "6 1\n"]


def test_without_any_cache_every_process_compiles(package: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    assert [run(package, home) for _ in range(2)] == ["6 0\n", "6 0\n"]


def test_code_is_stale_when_another_module_changes_that_is_compiled_into_it(package: Path, tmp_path: Path) -> None:
    (package / "__pycache__").unlink()
    (package / "weights.py").write_text("WEIGHT = 1\n")
    weighted = MODULE.replace("total += number", "total += WEIGHT * number")
    (package / "sums.py").write_text(f"from weights import WEIGHT\n{weighted}")
    assert [run(package, tmp_path) for _ in range(2)] == ["6 0\n", "6 1\n"]
    (package / "weights.py").write_text("WEIGHT = 20\n")
    assert run(package, tmp_path) == "120 0\n"
