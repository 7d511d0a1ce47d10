"""Experiments: scripts name only what exists in nirank, and configurations expect the scores of committed results."""

from __future__ import annotations

import ast
import importlib
import json
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name

import pytest

from nirank.config.mistakes import Mistakes
from nirank.config.yaml_parser import parse_yaml
from nirank.results.expected import ExpectedScores
from nirank.results.groups import JudgedSplit, group_rows, title_groups
from nirank.results.leaderboard import read_leaderboard

FOLDER = Path(__file__).parents[1] / "experiments"
SCRIPTS = sorted(FOLDER.rglob("*.py"))
# three_systems.yaml shows what a plan is, with --explain; no run of it is told of anywhere.
CONFIGURATIONS = sorted(set(FOLDER.glob("*/*.yaml")) - {FOLDER / "training" / "three_systems.yaml"})


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


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_configuration_expects_the_scores_of_its_committed_results(path: Path) -> None:
    """Read without the models that a configuration names, which a machine may lack."""
    tree = parse_yaml(path.read_text(encoding="utf-8"), str(path), Mistakes(str(path), ""))
    assert "expected" in tree.plain, "nirank verify --accept writes the scores"
    expected = ExpectedScores(**tree.plain["expected"])
    results = [path.parent / "results" / path.stem / "leaderboard.json", path.parent / "results" / "leaderboard.json"]
    committed = next((file for file in results if file.is_file()), None)
    if committed is None:
        return
    command = json.loads((committed.parent / "manifest.json").read_text())["command"] or []
    limits = [int(value) for option, value in pairwise(command) if option == "--limit-queries"]
    assert limits == ([] if expected.limit_queries is None else [expected.limit_queries]), "scores of a sample say so"
    rows = [row for row in read_leaderboard(committed).rows if row.seed_of is None and row.summary_of is None]
    names = title_groups(group_rows(rows))
    values = {
        (names[JudgedSplit(row.collection, row.split, row.qrels)], row.system, measure): value
        for row in rows
        for measure, value in row.measures.items()
        if value is not None
    }
    assert {score[:3] for score in expected.list_scores()} == set(values)
    for *key, value in expected.list_scores():
        tolerance = expected.get_tolerance(key[1], key[2])
        assert values[(key[0], key[1], key[2])] == pytest.approx(value, abs=tolerance + 1e-9, rel=0), key
