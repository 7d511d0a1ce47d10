"""The page killed while somebody decides: the short version of experiments/screening/kill_serve.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "experiments" / "screening" / "kill_serve.py"


@pytest.mark.slow
def test_killed_at_random_moments_no_decision_is_lost_and_none_doubled() -> None:
    process = subprocess.run([sys.executable, str(SCRIPT), "--kills", "4"], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    counted = json.loads(process.stdout)
    assert counted["acknowledged"] > 0
    assert (counted["lost"], counted["doubled"], counted["unknown"]) == (0, 0, 0), counted
