"""Run every experiment without training again, and compare each value with the committed one.

python experiments/rerun.py --out /tmp/rerun                  # all of them
python experiments/rerun.py --out /tmp/rerun collections/classic beir/stages

A value is any number of a row that does not depend on time or machine. Floats differ when they differ by more than
1e-9; values that models computed in bfloat16 depend on the processor, so those rows are named as such.
Exit 1 where a value differs, a row is missing or a run fails.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nirank.report.plain import to_plain
from nirank.results.leaderboard import read_leaderboard

ROOT = Path(__file__).parent
CONFIGS = {
    "baselines/bm25": "baselines/results/bm25",
    "baselines/dense": "baselines/results/dense",
    "beir/stages": "beir/results/stages",
    "collections/beir": "collections/results/beir",
    "collections/ca-regs": "collections/results/ca-regs",
    "collections/classic": "collections/results/classic",
    "collections/eu-acts": "collections/results/eu-acts",
    "collections/obliqa": "collections/results/obliqa",
    "collections/sysrev": "collections/results/sysrev",
    "collections/xquad": "collections/results/xquad",
    "quickstart/quickstart": "quickstart/results",
    "regulatory/ca-regs": "regulatory/results/ca-regs",
    "regulatory/citations-test": "regulatory/results/citations-test",
    "regulatory/eu-acts": "regulatory/results/eu-acts",
    "screening/rankers": "screening/results/rankers",
}
KEY = ("collection", "split", "qrels", "system", "seed_of", "summary_of", "unit")
COMPARED = (
    "status",
    "depth",
    "queries",
    "measures",
    "nulls",
    "answerable_means",
    "ceilings",
    "ties",
    "holes",
    "judged_at",
    "twins",
    "effort",
    "stages",
    "intervals",
    "groups",
    "differences",
    "counts",
    "zero_shot",
)


def read_rows(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows of a results folder by collection, judgements and system."""
    rows = to_plain(read_leaderboard(folder / "leaderboard.json").rows)
    return {tuple(str(row[name]) for name in KEY): row for row in rows}


def flatten_values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, number or text) of everything inside a JSON value; what a record has no value for is left out."""
    if isinstance(value, dict):
        for key, item in value.items():
            if item is not None or path == "measures":
                yield from flatten_values(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from flatten_values(item, f"{path}[{at}]")
    else:
        yield path, value


def is_same(old: Any, new: Any) -> bool:
    """Tell whether two values are equal; floats to 1e-9."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (old, new))
    return math.isclose(old, new, rel_tol=1e-9, abs_tol=1e-9) if numbers else bool(old == new)


def compare_folders(old: Path, new: Path) -> tuple[int, int, int, list[str]]:
    """Return how many measure values and others were compared, how many are new, and a line for each difference."""
    rows, rerun = read_rows(old), read_rows(new)
    n_measures = n_others = n_added = 0
    lines = [f"{'/'.join(key[:4])}: the row is gone" for key in rows if key not in rerun]
    lines += [f"{'/'.join(key[:4])}: a new row" for key in rerun if key not in rows]
    for key in (key for key in rows if key in rerun):
        for part in COMPARED:
            old_values, new_values = (dict(flatten_values(side[key][part], part)) for side in (rows, rerun))
            for path in dict.fromkeys((*old_values, *new_values)):
                is_new = path not in old_values or (path == "zero_shot" and old_values[path] is None)
                if is_new and part != "measures":  # rows say more than they did
                    n_added += 1
                    continue
                n_measures, n_others = n_measures + (part == "measures"), n_others + (part != "measures")
                if path not in old_values or path not in new_values or not is_same(old_values[path], new_values[path]):
                    old_value, new_value = old_values.get(path, "absent"), new_values.get(path, "absent")
                    lines.append(f"{'/'.join(key[:4])}: {path}: {old_value} -> {new_value}")
    return n_measures, n_others, n_added, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*CONFIGS], metavar="NAME", help="such as collections/classic")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new results")
    parser.add_argument("--compare-only", action="store_true", help="compare what an earlier call left in --out")
    options = parser.parse_args()
    differing = 0
    for name in options.names:
        folder = options.out / name
        if not options.compare_only:
            command = [sys.executable, "-m", "nirank.run", str(ROOT / f"{name}.yaml"), "--out", str(folder), "--quiet"]
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode != 0:
                differing += 1
                print(f"{name}: exit {process.returncode}: {process.stderr.strip()[-500:]}", flush=True)
                if not (folder / "leaderboard.json").exists():
                    continue
        n_measures, n_others, n_added, lines = compare_folders(ROOT / CONFIGS[name], folder)
        differing += len(lines)
        print(
            f"{name}: {n_measures} measure values and {n_others} others compared, {len(lines)} differ; "
            f"{n_added} new values",
            flush=True,
        )
        for line in lines:
            print(f"    {line}")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
