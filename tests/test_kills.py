"""Runs that are killed, resumed, or started twice at once: the short version of experiments/benchmarks/kills.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "experiments" / "benchmarks" / "kills.py"


@pytest.mark.slow
def test_trap_41_killed_runs_go_on_and_end_with_the_same_bytes_and_two_at_once_share_their_work() -> None:
    process = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "8", "--seed", "1"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    measured = json.loads(process.stdout.splitlines()[-1])
    assert measured["kills"] >= 8
    assert 0 < measured["while_writing"] < measured["kills"]
    assert (measured["different"], measured["repeated"]) == (0, 0)
    assert measured["together"] == {"different": 0, "twice": 0}
