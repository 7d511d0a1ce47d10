"""Rivals in processes of their own, asked in turn: what every benchmark here stands on.

A script gives `contest` its rivals by name. Each lives in one process, started once; `prepare` opens what
must be open before the clock starts, and each `ask` returns the seconds of one job. The rivals are asked
in turn, so that a slow minute of the machine meets all of them; figures are medians of the repeats.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Ask = Callable[[dict[str, Any]], dict[str, Any]]  # a job → its seconds, as "s", and what else is worth telling
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "fma")


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "")
    flags = next((line.split(":")[1].split() for line in info.splitlines() if line.startswith("flags")), [])
    return {
        "processor": model or platform.processor(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


class Rival:
    """One rival's process."""

    def __init__(self, script: str, name: str, folder: Path) -> None:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        command = [sys.executable, script, "--rival", name, "--folder", str(folder)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.name = name

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:  # a rival's own chatter is passed over
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise SystemExit(f"{self.name} ended; its words are above")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve(prepare: Callable[[Path], Ask], folder: Path) -> None:
    """Answer jobs from standard input, one line each; the seconds are the rival's own, of the work alone."""
    ask = prepare(folder)
    for line in sys.stdin:
        print(json.dumps(ask(json.loads(line))), flush=True)


def run_contest(rivals: list[Rival], job: Mapping[str, Any], repeats: int) -> dict[str, dict[str, Any]]:
    """Ask the rivals in turn, once to warm up and then `repeats` times; return medians and all seconds."""
    answers_by_name: dict[str, list[dict[str, Any]]] = {rival.name: [] for rival in rivals}
    for turn in range(repeats + 1):
        for rival in rivals if turn % 2 else rivals[::-1]:
            answer = rival.ask(job)
            if turn:
                answers_by_name[rival.name].append(answer)
    return {
        name: {
            **answers[-1],
            "s": statistics.median(answer["s"] for answer in answers),
            "all": [answer["s"] for answer in answers],
        }
        for name, answers in answers_by_name.items()
    }


def measure_peak_mib() -> float:
    """Return the greatest resident memory of this process so far, mapped files included."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_results(out: Path, name: str, rows: list[dict[str, Any]], by: str | None = None) -> None:
    """Write `NAME.json`: the machine, and a row a contest.

    by  a key: rows of an earlier run that differ in it from all of these are kept
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    earlier = json.loads(path.read_text())["rows"] if by and path.exists() else []
    other_rows = [row for row in earlier if row[by] not in {new[by] for new in rows}]
    path.write_text(json.dumps({"machine": describe_machine(), "rows": [*other_rows, *rows]}, indent=1) + "\n")
