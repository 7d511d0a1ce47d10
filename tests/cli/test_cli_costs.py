"""nirank run: --time, --workers, --explain with estimates, and what is said of costs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tiny_models
from click.testing import CliRunner, Result

from nirank.cli.main import cli


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    docs = [f'{{"_id": "d{i}", "text": "w{i} w{i + 1} w{i % 3}"}}\n' for i in range(8)]
    (folder / "corpus.jsonl").write_text("".join(docs))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "w1 w2"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    model = tiny_models.make_bi_encoder(tmp_path / "bi")
    path = tmp_path / "config.yaml"
    path.write_text(f"collections: [{folder}]\nsystems:\n  Dense: {{dense: {model}}}\nmeasures: [RR]\ndevice: cpu\n")
    return path


def run_config(config: Path, *arguments: str) -> Result:
    out = config.parent / "out"
    outcome = CliRunner().invoke(cli, ["run", str(config), "--out", str(out), *arguments], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome


def read_cost(config: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads((config.parent / "out" / "leaderboard.json").read_text())["rows"][0]["cost"]
    return values


def test_workers_explain_time_and_the_graph_in_the_log(config: Path) -> None:
    assert "3 to compute" in run_config(config, "--explain").stdout
    run_config(config, "--workers", "1")
    first = read_cost(config)
    assert first["measured"] == "now"
    log = (config.parent / "out" / "nirank.log").read_text()
    assert re.search(r"computed  [0-9a-f]{12}  vectors of data documents  .* \[Dense\]", log)
    assert "3 of 3 computations in" in log
    outcome = run_config(config)
    assert "all 3 computations were stored" in outcome.output
    assert read_cost(config) == first | {"measured": "stored"}
    assert "stored   " in run_config(config, "--explain").stdout
    run_config(config, "--time")
    timed = read_cost(config)
    assert timed["measured"] == "mixed" and timed["ms_per_query"] != first["ms_per_query"]
    assert timed["index_s"] == first["index_s"]
