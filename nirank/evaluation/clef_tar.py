"""CLEF TAR's evaluation, as its two published scripts compute it: 2017, and 2018/2019 (Task 2).

Kanoulas, Li, Azzopardi and Spijker, CLEF 2017/2018/2019 Technologically Assisted Reviews in Empirical Medicine
Overview. The scripts differ from each other and from textbook definitions; what they do is kept, oddities included:

- A ranking is the order of a topic's rows; ranks and scores are not read. Repeats of a record are ignored, and so are
  records labelled 3 or 4 (not returned by the Boolean search). An unlabelled record is not relevant and takes a rank.
- R counts labels 1 and 2; N counts labelled records without those labelled -1, 3 or 4. A topic with R = 0 is skipped;
  one that is not in the run is not counted at all: means are over the topics of the run.
- 2017: rows with action NS take no rank; `NCG` steps by floor(N / 10), so where 10 divides N its names are a step off.
- 2018/2019: thresholds are marked by 1 in the second column, and cut only r, the losses and total_cost.
- Means are macro; NCG and recall at p % are micro (total found / total relevant), and `macro …` beside them.

Measures, n the rows that remain, found the relevant ones among them:

    last_rel        rank of the last relevant record found, 0 if none; norm_last_rel = last_rel / N, to three decimals
    wss_100         (N - last_rel) / N, 0 unless all R are found
    wss_95          (N - rank of the round(0.95 R)-th relevant) / N - 0.05, 0 if not reached; halves to even
    ap              sum over relevant found of (relevant so far / rank) / R
    norm_area       area under the gain curve / (R N - R^2 / 2), half a step at each relevant, to three decimals
    recall@p%       relevant up to rank round(p N / 100), halves to even, / R
    threshold       rank of the last row marked; recall_threshold the recall there, norm_threshold = threshold / N, to
                    three decimals
    r, loss_r       found / R, (1 - r)^2; loss_e = (100 / N)^2 (n / (R + 100))^2; loss_er their sum
    total_cost      1 for each not relevant record shown, -19 for each relevant; 20 for each relevant one missed
                    2017: 1 for each record shown, 3 where feedback was asked for. With a penalty for the N - n that
                    were not shown, where m relevant ones are missing: total_cost_uniform 2 (N - n) m / R more,
                    total_cost_weighted 2 (N - n) (1/2 + 1/4 + …, m - 1 terms) more
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirank.base.files import read_lines
from nirank.errors import ConfigError, DataError

Year = Literal["2017", "2018", "2019"]
Values = dict[str, float]

_SUMS = ("num_docs", "num_rels", "num_shown", "num_feedback", "rels_found")
_STEPS = tuple(range(10, 101, 10))
_PERCENT = tuple(range(1, 101))
_WHOLE = ("cg_total", "cg_max", "cg_threshold", "threshold")
_OUTSIDE = (3, 4)  # labels of records that the Boolean search did not return


@dataclass(frozen=True)
class Row:
    """A line of a run: topic, action (2017) or threshold mark (2018/2019), record."""

    topic: str
    action: str
    record: str


@dataclass(frozen=True)
class Topic:
    """A topic's labels, and its ranking joined with them.

    gains      (n,) bool, relevance of the rows that take a rank
    all_gains  (m,) bool, the same over all distinct rows; those of action NS gain nothing
    marks      positions in `gains` of rows that mark the threshold
    """

    docs: int
    relevant: int
    gains: NDArray[np.bool_]
    all_gains: NDArray[np.bool_]
    marks: NDArray[np.int64]
    feedback: int


@dataclass(frozen=True)
class TarEvaluation:
    """What the script would print.

    per_topic  {topic: {measure: value}} in the run's order
    overall    the ALL lines, and `macro …` for what those average over all records
    skipped    topics of the run without relevant records (or labels)
    absent     topics of the labels that are not in the run: counted nowhere
    """

    per_topic: Mapping[str, Values]
    overall: Values
    skipped: Sequence[str] = ()
    absent: Sequence[str] = field(default=())


def read_tar_run(path: str | Path) -> list[Row]:
    """Read a CLEF TAR run: topic, action, record, rank, score, run id, in the order of its rows.

    Raises DataError, with file and line, for rows with fewer columns and for topics whose rows do not stand together.
    """
    rows: list[Row] = []
    ended: set[str] = set()
    for number, line in read_lines(Path(path)):
        parts = line.split()
        if not parts:
            continue
        if len(parts) < 3:
            raise DataError(f"{path}:{number}: expected topic, action, record, rank, score, run; got '{line.strip()}'")
        if rows and parts[0] != rows[-1].topic:
            ended.add(rows[-1].topic)
            if parts[0] in ended:
                raise DataError(f"{path}:{number}: topic '{parts[0]}' again; the rows of a topic must stand together")
        rows.append(Row(*parts[:3]))
    return rows


def evaluate_tar(run: Sequence[Row], labels: Mapping[str, Mapping[str, int]], year: Year) -> TarEvaluation:
    """Evaluate a run as the script of that year does.

    labels  {topic: {record: label}}, all labelled records with the not relevant ones
    """
    if year not in ("2017", "2018", "2019"):
        raise ConfigError(f"CLEF TAR protocol '{year}': expected 2017, 2018 or 2019")
    measure: Callable[[Topic], Values] = _measure_2017 if year == "2017" else _measure_2019
    by_topic: dict[str, list[Row]] = {}
    for row in run:
        by_topic.setdefault(row.topic, []).append(row)
    per_topic: dict[str, Values] = {}
    skipped = []
    for name, rows in by_topic.items():
        topic = _join(rows, labels.get(name, {}))
        if topic.relevant:
            per_topic[name] = measure(topic)
        else:
            skipped.append(name)
    absent = [name for name in labels if name not in by_topic]
    return TarEvaluation(per_topic, _average_topics(per_topic), tuple(skipped), tuple(absent))


def format_value(value: float, year: Year, name: str = "") -> str:
    """Return a value as the script prints it: three decimals; in 2018/2019 floats from 1 on as whole numbers.

    There gains and thresholds are whole numbers below 1 too, and recall has three decimals everywhere.
    """
    if isinstance(value, int):
        return str(value)
    whole = year != "2017" and (value >= 1 or name in _WHOLE)
    return str(float(round(value))) if whole else str(round(value, 3))


def _join(rows: Sequence[Row], labels: Mapping[str, int]) -> Topic:
    seen: set[str] = set()
    ranked: list[Row] = []
    for row in rows:
        if row.record not in seen and labels.get(row.record) not in _OUTSIDE:
            ranked.append(row)
        seen.add(row.record)
    gains = np.array([labels.get(row.record, 0) in (1, 2) for row in ranked], np.bool_)
    shown = np.array([row.action != "NS" for row in ranked], np.bool_)
    marks = np.array([row.action == "1" for row in ranked], np.bool_)
    return Topic(
        docs=sum(label not in (-1, *_OUTSIDE) for label in labels.values()),
        relevant=sum(label in (1, 2) for label in labels.values()),
        gains=gains[shown],
        all_gains=gains & shown,
        marks=np.flatnonzero(marks[shown]),
        feedback=sum(row.action == "AF" for row in ranked),
    )


def _measure_common(topic: Topic) -> Values:
    """Return what both scripts compute alike."""
    n, relevant = len(topic.gains), topic.relevant
    docs = max(topic.docs, n)
    ranks = np.flatnonzero(topic.gains) + 1
    n_found = len(ranks)
    last = int(ranks[-1]) if n_found else 0
    need = round(0.95 * relevant)
    before: NDArray[np.int64] = np.cumsum(topic.gains) - topic.gains
    area = float((before + topic.gains / 2).sum()) + n_found * (docs - n)
    return {
        "num_docs": topic.docs,
        "num_rels": relevant,
        "num_shown": n,
        "rels_found": n_found,
        "last_rel": last,
        "norm_last_rel": round(last / docs, 3),
        "wss_100": (docs - last) / docs if n_found == relevant else 0.0,
        "wss_95": (docs - int(ranks[need - 1])) / docs - 0.05 if 0 < need <= n_found else 0.0,
        "norm_area": round(area / (relevant * docs - relevant**2 / 2), 3),
        "ap": float((np.arange(1, n_found + 1) / ranks).sum()) / relevant,
    }


def _measure_losses(n: int, n_found: int, relevant: int, docs: int) -> Values:
    recall = n_found / relevant
    effort = (100 / max(docs, n)) ** 2 * (n / (relevant + 100)) ** 2
    return {"r": recall, "loss_r": (1 - recall) ** 2, "loss_e": effort, "loss_er": (1 - recall) ** 2 + effort}


def _measure_costs(topic: Topic, shown: int, missed: int) -> Values:
    cost, penalty = float(shown + 2 * topic.feedback), 2.0 * (topic.docs - shown)
    return {
        "total_cost": cost,
        "total_cost_uniform": cost + penalty * missed / topic.relevant,
        "total_cost_weighted": cost + sum(penalty / 2.0**half for half in range(1, missed)),
    }


def _measure_2017(topic: Topic) -> Values:
    values = _measure_common(topic) | {"num_feedback": topic.feedback}
    shown, n_found = len(topic.gains), int(values["rels_found"])
    values |= _measure_losses(shown, n_found, topic.relevant, topic.docs) | _measure_costs(
        topic, shown, topic.relevant - n_found
    )
    cells = np.zeros(11)
    step = topic.docs // 10
    gained = np.cumsum(topic.all_gains)
    for position in range(step, len(gained) + 1, step) if step else ():
        cells[min(10 * position // topic.docs, 10) :] = gained[position - 1] / topic.relevant
    return values | {f"NCG@{percent}": float(cells[at]) for at, percent in enumerate(_STEPS)}


def _measure_2019(topic: Topic) -> Values:
    values = _measure_common(topic)
    n, relevant, docs = len(topic.gains), topic.relevant, topic.docs
    gained = np.concatenate(([0], np.cumsum(topic.gains)))
    threshold = int(topic.marks[-1]) + 1 if len(topic.marks) else docs
    first = int(topic.marks[0]) + 1 if len(topic.marks) else n
    at_threshold = int(gained[min(threshold, n)]) if threshold != docs else int(gained[n])
    values |= _measure_losses(first, int(gained[first]), relevant, docs)
    missed = relevant - int(gained[first])
    values |= {
        "threshold": threshold,
        "norm_threshold": round(threshold / max(docs, n), 3),
        "cg_total": float(gained[n]),
        "cg_max": float(relevant),
        "cg_threshold": float(at_threshold),
        "recall_threshold": at_threshold / relevant,
        "total_cost": float((first - gained[first]) - 19 * gained[first] + 20 * (missed + gained[n] - gained[first])),
    }
    reached = 0.0
    for percent in _PERCENT:
        cut = round(percent * docs / 100)
        reached = float(gained[cut]) / relevant if cut <= n else reached
        values[f"recall@{percent}%"] = reached
    return values


def _average_topics(per_topic: Mapping[str, Values]) -> Values:
    """Return the ALL lines, each rounding as it is there: what is micro divides two means."""
    if not per_topic:
        return {}
    n = len(per_topic)
    relevant = sum(values["num_rels"] for values in per_topic.values()) / n
    averages: Values = {}
    for name in next(iter(per_topic.values())):
        by_topic = [values[name] for values in per_topic.values()]
        if name in _SUMS:
            averages[name] = int(sum(by_topic))
        elif name.startswith(("NCG@", "recall@")):
            gained = sum(round(values[name] * values["num_rels"]) for values in per_topic.values())
            averages[name] = gained / n / relevant
            averages[f"macro {name}"] = sum(by_topic) / n
        else:
            averages[name] = float(sum(by_topic) / n)
    return averages
