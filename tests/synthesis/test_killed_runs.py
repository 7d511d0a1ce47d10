"""A whole run that is killed while a local model writes queries goes on, and writes no query that it has twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_killed_runs_write_no_kept_query_again_and_end_with_the_same_bytes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_runs.py")
    path = os.pathsep.join((str(script.parents[1]), os.environ.get("PYTHONPATH", "")))
    process = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "4", "1"],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    said = json.loads(process.stdout.splitlines()[-1])
    assert said["kills"] >= 4 and said["while_writing"] >= 1
    assert said["queries"] == 80
    assert (said["again"], said["different"]) == (0, 0)
