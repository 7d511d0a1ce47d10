"""Trap 42: what a stage says it needs is what it takes, for every stage; a new one is to be added where it is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from fusions import load_fusions

from nirank.algebra.registry import load_stages

MIB = 1 << 20
SCRIPT = Path(__file__).with_name("watched_stages.py")
COVERED: dict[str, set[str]] = {
    "lists": {
        *(
            "best_parts",
            "bm25",
            "bm25f",
            "complete",
            "cut",
            "date_decay",
            "date_density",
            "dated",
            "fold_versions",
            "in_force",
            "intersection",
            "language_model",
            "only",
            "rm3",
            "run",
            *load_fusions(),
        ),
        *("union", "versions", "weighted_sum", "where"),
    },
    "citations": {"citation_walk", "citations", "co_citation", "coupling", "mask_citations"},
    "blocking": {"minhash", "rules", "same", "sorted_neighbourhood", "tfidf", "token_blocking"},
    "texts": {
        "append_queries",
        "boolean_terms",
        "first_words",
        "key_sentences",
        "parts",
        "sections",
        "sentences",
        "top_terms",
        "windows",
    },
    "reviews": {"feedback"},
    "models": {
        "centroid",
        "cross_encoder",
        "dense",
        "hamming",
        "hnsw",
        "interaction",
        "ivf",
        "lsh",
        "llm_listwise",
        "max_sim",
        "query_likelihood",
        "range_search",
        "rprs",
        "sparse",
    },
}


def test_trap_42_every_stage_is_measured() -> None:
    assert set().union(*COVERED.values()) == {name for name in load_stages() if name}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("stages", COVERED)
def test_trap_42_no_stage_takes_more_than_it_says(stages: str, tmp_path: Path) -> None:
    """A process of its own, each computation held to what it said by a ceiling."""
    models = tmp_path / "models"
    if stages == "models":
        tiny_models.make_bi_encoder(models / "bi")
        for name in ("cross", "splade", "causal"):
            (models / name).mkdir()
        tiny_models.make_cross_encoder(models / "cross", 1)
        tiny_models.make_splade(models / "splade")
        tiny_models.make_causal(models / "causal")
        tiny_models.make_interaction(models / "network", str(models / "bi" / "model"))
    (tmp_path / "store").mkdir()
    command = [sys.executable, str(SCRIPT), str(tmp_path / "store"), str(models), stages]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert process.returncode == 0, process.stderr
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    assert {name for name in report["systems"] if not name.startswith("-")} == COVERED[stages]
    broken = [
        f"{task['label'][:60]} ({task['task']}): took {task['took'] // MIB} MiB, expected {task['expected']} bytes"
        for task in report["measured"]
        if task["expected"] is None or task["took"] > 1.1 * task["expected"] + 4 * MIB
    ]
    assert not broken
    assert max(task["took"] for task in report["measured"]) > 30 * MIB, "so small a measure tells nothing"
