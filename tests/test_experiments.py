"""The scripts in experiments/ name only what exists: what they import from nirank, and what they replace in it."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from pkgutil import resolve_name

import pytest

FOLDER = Path(__file__).parents[1] / "experiments"
SCRIPTS = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_script_imports_and_replaces_exists(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports inside functions count; what is replaced is listed as `PATCHED`."""
    monkeypatch.syspath_prepend(str(path.parent))
    if path.parent.name != "own_stage":  # which would add its stage for all tests of this process
        script = importlib.import_module(path.stem)
        for name in getattr(script, "PATCHED", ()):
            resolve_name(name)
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom) and str(statement.module).partition(".")[0] == "nirank":
            for alias in statement.names:
                assert hasattr(importlib.import_module(str(statement.module)), alias.name), (
                    f"{path.name}:{statement.lineno}: {statement.module} has no {alias.name}"
                )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_replace_only_by_a_way_that_fails_where_nothing_is(path: Path) -> None:
    """`setattr` and assignment make what is not there; `unittest.mock.patch` refuses."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for statement in ast.walk(tree)
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for alias in statement.names
    }
    patched: set[str] = set()
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr")
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in imported:
                patched.add(ast.unparse(node))
    assert not patched
