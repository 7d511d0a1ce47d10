"""Split a complete list of matches into train, valid and test by a hash of both ids.

    python experiments/blocking/split_matches.py ../shared/data/blocking/jedai-imdb-dbpedia/matches.csv \
        --shares 0.1 0.05 --out experiments/blocking/data/imdb-dbpedia

A match is in train where its hash, a number from 0 to 1, is below the first share; in valid where it is below both
together; else in test. Records of one match are in no other match here, so no record is in two of them.
"""

from __future__ import annotations

import argparse
import csv
from hashlib import sha256
from pathlib import Path


def choose_split(ids: list[str], shares: tuple[float, float]) -> str:
    """Return 'train', 'valid' or 'test' for a match."""
    hashed = int.from_bytes(sha256("\t".join(ids).encode()).digest()[:8], "big") / 2**64
    return "train" if hashed < shares[0] else "valid" if hashed < sum(shares) else "test"


def main() -> None:
    """Write train.csv, valid.csv and test.csv."""
    parser = argparse.ArgumentParser(description="Split a list of matches.")
    parser.add_argument("matches", type=Path)
    parser.add_argument("--shares", type=float, nargs=2, default=(0.1, 0.05), help="of train and valid")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.matches.open(encoding="utf-8", newline="") as file:
        header, *matches = csv.reader(file)
    options.out.mkdir(parents=True, exist_ok=True)
    splits: dict[str, list[list[str]]] = {name: [] for name in ("train", "valid", "test")}
    for match in matches:
        splits[choose_split(match, tuple(options.shares))].append(match)
    for name, rows in splits.items():
        with (options.out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main()
