"""Builds in ranges of rows that are killed again and again: the short version of experiments/scale/killed.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "experiments" / "scale" / "killed.py"


def test_killed_builds_end_with_the_same_bytes_and_no_range_is_built_twice() -> None:
    command = [sys.executable, str(SCRIPT), "--documents", "6000", "--ranges", "1000", "--kills", "5", "--seed", "1"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    measured = json.loads(process.stdout.splitlines()[-1])
    kills, computations = sum(measured["kills"].values()), measured["computations"]
    assert kills >= 3, "the last ones may come too late for a build that is faster than the first"
    assert (measured["different"], measured["repeated"]) == (0, 0)
    # Two sides and the ranges; of each six an index, vectors and two searches; vectors of queries, counts, two lists.
    assert computations["needed"] == measured["artifacts"] == 3 + 4 * 6 + 4
    assert computations["begun"] <= computations["needed"] + kills
