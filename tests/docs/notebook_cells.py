"""Run a notebook as Jupyter does, without Jupyter; `python tests/docs/notebook_cells.py FILE` keeps what its cells give.

The last expression of a cell is shown: by `_repr_mimebundle_`, or `_repr_html_` beside its text.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def run_notebook(path: Path) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell of code, as notebooks keep them."""
    names: dict[str, Any] = {}
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return [_run_cell("".join(cell["source"]), number, names) for number, cell in enumerate(cells, 1)]


def _run_cell(source: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    statements = ast.parse(source).body
    shown = statements.pop() if isinstance(statements[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(statements, []), f"cell {number}", "exec"), names)
        if isinstance(shown, ast.Expr):
            value = eval(compile(ast.Expression(shown.value), f"cell {number}", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _split(printed.getvalue())})
    if value is not None:
        data = {kind: _split(text) for kind, text in _describe(value).items()}
        outputs.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data})
    return outputs


def _describe(value: Any) -> dict[str, str]:
    if hasattr(value, "_repr_mimebundle_"):
        return value._repr_mimebundle_()
    html = {"text/html": value._repr_html_()} if hasattr(value, "_repr_html_") else {}
    return {**html, "text/plain": repr(value)}


def _split(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _keep_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, outputs) in enumerate(zip(cells, run_notebook(path), strict=True), 1):
        cell["execution_count"], cell["outputs"] = number, outputs
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _keep_outputs(Path(sys.argv[1]))
