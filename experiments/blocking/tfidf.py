"""Compare character n-gram TF-IDF with the figures that the data's own README states for every collection.

python experiments/blocking/tfidf.py --out experiments/blocking/results/tfidf

Every record of the right table asks for the most similar records of the left one. `values`: non-empty values joined by
a blank; `marked`: `[COL] name [VAL] value` of every attribute, empty ones too. PC in percent against the matches of the
test split, of all labelled pairs, and of the complete list. Records of equal text tie, and the README keeps the first
row of them where nirank keeps the standard order of ties; so a stated figure agrees if some order of ties gives it, to
0.2 points. Exit 1 where one does not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from nirank import TFIDF, Collection, Experiment, load
from nirank.flow.ranking import Ranking

DATA = Path(__file__).parents[3] / "shared" / "data" / "blocking"
CUTOFFS = (1, 2, 3, 5, 10)
TOLERANCE = 0.2  # percentage points; the README rounds to a tenth
# By collection, view and gold list, at CUTOFFS.
STATED: Mapping[str, Mapping[str, Mapping[str, tuple[float, ...]]]] = {
    "abt-buy": {
        "values": {
            "test": (87.9, 91.7, 94.7, 96.1, 99.5),
            "labelled": (89.0, 94.6, 96.3, 98.2, 99.5),
            "complete": (87.1, 92.7, 94.8, 96.9, 98.6),
        },
        "marked": {
            "test": (87.9, 91.3, 94.2, 96.1, 99.0),
            "labelled": (88.6, 94.4, 95.9, 98.1, 99.3),
            "complete": (86.7, 92.5, 94.4, 96.8, 98.5),
        },
    },
    "amazon-google": {
        "values": {
            "test": (87.2, 95.3, 98.3, 100, 100),
            "labelled": (83.9, 93.7, 96.4, 98.5, 99.4),
            "complete": (81.8, 92.0, 94.8, 97.6, 98.6),
        },
        "marked": {
            "test": (86.8, 95.3, 98.3, 100, 100),
            "labelled": (83.5, 93.7, 96.3, 98.5, 99.3),
            "complete": (81.4, 91.9, 94.8, 97.5, 98.5),
        },
    },
    "dblp-acm": {
        "values": {
            "test": (99.3, 99.3, 99.5, 100, 100),
            "labelled": (99.1, 99.5, 99.7, 99.8, 99.9),
            "complete": (99.1, 99.5, 99.7, 99.8, 99.9),
        },
        "marked": {
            "test": (99.3, 99.3, 99.5, 99.8, 100),
            "labelled": (99.1, 99.5, 99.7, 99.8, 99.9),
            "complete": (99.1, 99.5, 99.7, 99.8, 99.9),
        },
    },
    "dblp-scholar-labelled": {
        "values": {"test": (96.9, 99.4, 99.7, 99.9, 100), "labelled": (96.6, 99.4, 99.7, 99.8, 99.9)},
        "marked": {"test": (96.7, 99.3, 99.7, 99.7, 99.8), "labelled": (96.4, 99.3, 99.6, 99.7, 99.8)},
    },
    "beer": {
        "values": {"test": (100, 100, 100, 100, 100), "labelled": (85.3, 88.2, 94.1, 97.1, 98.5)},
        "marked": {"test": (100, 100, 100, 100, 100), "labelled": (85.3, 89.7, 94.1, 97.1, 100)},
    },
    "fodors-zagats": {
        view: dict.fromkeys(("test", "labelled", "complete"), (100, 100, 100, 100, 100))
        for view in ("values", "marked")
    },
    "jedai-abt-buy": {"values": {"complete": (86.6, 92.8, 94.3, 96.7, 98.6)}},
    "jedai-restaurants": {view: {"complete": (100, 100, 100, 100, 100)} for view in ("values", "marked")},
    "jedai-imdb-tmdb": {
        "values": {"complete": (93.1, 96.2, 97.2, 97.8, 98.4)},
        "marked": {"complete": (72.9, 76.5, 80.9, 85.2, 88.2)},
    },
    "jedai-imdb-tvdb": {
        "values": {"complete": (90.0, 94.3, 96.0, 96.6, 97.5)},
        "marked": {"complete": (88.7, 93.4, 95.1, 96.4, 97.3)},
    },
    "jedai-tmdb-tvdb": {
        "values": {"complete": (96.8, 98.6, 99.2, 99.2, 99.3)},
        "marked": {"complete": (96.3, 97.9, 98.1, 98.4, 98.4)},
    },
    "febrl4": {view: {"complete": (100, 100, 100, 100, 100)} for view in ("values", "marked")},
}


def find_file(folder: Path, name: str) -> Path:
    """Return a table, plain or packed."""
    plain = folder / f"{name}.csv"
    return plain if plain.exists() else folder / f"{name}.csv.gz"


def make_template(table: Path) -> str:
    """Return the view that marks every attribute of a table, empty ones too."""
    with gzip.open(table, "rt", encoding="utf-8") if table.suffix == ".gz" else table.open(encoding="utf-8") as lines:
        names = next(csv.reader(lines))
    return " ".join(f"[COL] {name} [VAL] {{{name}}}" for name in names if name not in ("id", "class"))


def list_pair_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each gold list."""
    splits = [path for name in ("train", "valid", "test") if (path := folder / f"{name}.csv").exists()]
    lists = {"test": splits[-1:], "labelled": splits, "complete": [folder / "matches.csv"]}
    return {name: files for name, files in lists.items() if files and all(path.exists() for path in files)}


def bound_by_ties(ranking: Ranking, collection: Collection, cutoff: int) -> tuple[float, float]:
    """Return the least and the greatest PC in percent that some order of equally scored candidates gives."""
    (qrels,) = collection.qrels.values()
    (matches,) = np.nonzero(qrels.grades > 0)
    least = greatest = 0
    for query, doc in zip(qrels.query_rows[matches], qrels.rows[matches], strict=True):
        span = slice(ranking.offsets[query], ranking.offsets[query + 1])
        (at,) = np.nonzero(ranking.rows[span] == doc)
        if len(at):
            scores = ranking.scores[span]
            n_better, n_not_worse = (scores > scores[at[0]]).sum(), (scores >= scores[at[0]]).sum()
            least, greatest = least + (n_not_worse <= cutoff), greatest + (n_better < cutoff)
    return 100 * least / len(matches), 100 * greatest / len(matches)


def measure_collection(name: str) -> Iterator[tuple[str, str, tuple[float, ...], list[tuple[float, float]]]]:
    """Yield view, gold list, PC in percent at CUTOFFS, and its bounds by other orders of ties."""
    folder = DATA / name
    left, right = find_file(folder, "tableA"), find_file(folder, "tableB")
    systems = {"values": TFIDF(k=10)}
    if "marked" in STATED[name]:
        systems["marked"] = TFIDF(k=10, query_text=make_template(right), doc_text=make_template(left))
    pairs = list_pair_files(folder)
    excluded = ["class"] if name == "fodors-zagats" else []
    collections = {
        gold: load(left=left, right=right, pairs=pairs, split=gold, exclude=excluded, name=name) for gold in pairs
    }
    result = Experiment([*collections.values()], systems, [f"PC@{k}" for k in CUTOFFS]).run()
    for row in result.rows:
        gold = str(row.split)
        ranking = result.ranking(row.system, name, gold)
        bounds = [bound_by_ties(ranking, collections[gold], k) for k in CUTOFFS]
        yield row.system, gold, tuple(100 * float(row.measures[f"PC@{k}"] or 0) for k in CUTOFFS), bounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*STATED], metavar="COLLECTION")
    parser.add_argument("--out", type=Path, help="folder for figures.json")
    options = parser.parse_args()
    figures, n_compared, n_differing = [], 0, 0
    for name in options.names:
        for view, gold, values, bounds in measure_collection(name):
            stated = STATED[name][view].get(gold, ())
            gaps = [abs(value - figure) for value, figure in zip(values, stated, strict=False)]
            n_compared += len(gaps)
            n_differing += sum(
                not least - TOLERANCE <= figure <= greatest + TOLERANCE
                for figure, (least, greatest) in zip(stated, bounds, strict=False)
            )
            figure = {"collection": name, "view": view, "gold": gold, "PC": [round(value, 3) for value in values]}
            figures.append(figure | {"bounds": [[round(bound, 3) for bound in pair] for pair in bounds]})
            shown = " ".join(f"{value:6.2f}" for value in values)
            print(f"{name:22} {view:7} {gold:9} {shown}   greatest gap {max(gaps, default=0):.2f}", flush=True)
    print(f"{n_compared} figures compared, {n_differing} differ by more than {TOLERANCE} points in every order of ties")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(1 if n_differing else 0)


if __name__ == "__main__":
    main()
