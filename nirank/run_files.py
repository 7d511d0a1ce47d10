"""Evaluate run files that were made elsewhere, with the same conventions, tests and reports."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from nirank.errors import ConfigError, DataError, suggest
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.measures import parse
from nirank.ids import Ids
from nirank.judgements import QrelsFile, read_qrels
from nirank.qrels import Qrels
from nirank.result import Result
from nirank.stages.run import RunFile
from nirank.summaries import add_comparisons, add_evaluation, blank_row
from nirank.trec import read_run


def evaluate_runs(
    qrels: str | Path,
    runs: Sequence[str | Path] | Mapping[str, str | Path],
    measures: Sequence[str],
    *,
    min_rel: int = 1,
    significance: Significance | None = None,
) -> Result:
    """Evaluate TREC run files under a judgement file, and compare them.

    qrels    TREC's four columns or BEIR's three, with a header or without, plain or .gz
    runs     files by name; without names they are called by their file names
    min_rel  the least grade that binary measures take as relevant
    The queries are those of the judgement file: one that a run lacks counts 0. Raises DataError or ConfigError
    with the mistakes of all files.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    named = dict(runs) if isinstance(runs, Mapping) else name_runs(runs)
    how = significance or Significance()
    problems = [message for name in measures for message in _problem(name)]
    if not named:
        problems.append("evaluate: no run files; expected at least one")
    if not measures:
        problems.append("evaluate: no measures; expected some such as nDCG@10")
    if problems:
        raise ConfigError(*problems)
    how.check(list(named))
    judged = read_qrels(qrels)
    systems = {name: RunFile(str(path)) for name, path in named.items()}
    result = Result(measures=tuple(measures), collections=(), systems=systems)
    wrong: list[str] = []
    for name, path in named.items():
        try:
            evaluation, row = _evaluated(Path(path), judged, measures, min_rel)
        except DataError as error:
            wrong += error.messages
            continue
        row |= {"collection": Path(qrels).name, "qrels": "qrels", "system": name, "pipeline": repr(systems[name])}
        result.add(row, evaluation)
    if wrong:
        raise DataError(*wrong)
    key = (Path(qrels).name, None, "qrels")
    found = compare({row["system"]: result.evaluations[*key, row["system"]] for row in result.rows}, how)
    result.comparisons[key] = found
    add_comparisons(result.rows, found)
    result.finish(began, time.perf_counter() - started, [])
    return result


def differences(result: Result, a: str, b: str, measure: str) -> list[tuple[str, float, float, float]]:
    """Return (query, value of a, value of b, b - a) of every query, the greatest difference first."""
    by_system = {system: one for (*_, system), one in result.evaluations.items()}
    for name in (a, b):
        if name not in by_system:
            raise ConfigError(f"there is no system '{name}'{suggest(name, by_system)}")
        if measure not in by_system[name].per_query:
            raise ConfigError(
                f"system '{name}' has no '{measure}': {by_system[name].nulls.get(measure, 'not asked for')}"
            )
    one, other = by_system[a].per_query[measure], by_system[b].per_query[measure]
    order = np.argsort(-np.abs(other - one), kind="stable").tolist()
    queries = by_system[a].queries
    return [(queries[at], float(one[at]), float(other[at]), float(other[at] - one[at])) for at in order]


def _evaluated(
    path: Path, judged: QrelsFile, measures: Sequence[str], min_rel: int
) -> tuple[Evaluation, dict[str, Any]]:
    queries = Ids(pc.unique(judged.query_ids))
    read = read_run(path, queries)
    ranking, docs = read.ranking, read.ranking.docs
    q, d = queries.rows(judged.query_ids), docs.rows(judged.doc_ids)
    qrels = Qrels.build(queries, docs, q, d, judged.grades, min_rel=min_rel)
    evaluation = evaluate(ranking, qrels, measures)
    # A run shows only what it returned: that a judged document is not in it says nothing of the corpus.
    counts = {key: value for key, value in evaluation.counts.items() if key != "dangling"}
    evaluation = replace(evaluation, ceilings={}, counts=counts)
    row = blank_row(
        measures,
        queries={"declared": len(queries), "judged": 0, "answered": 0},
        conventions={"self_match": "keep", "time": "all"},
        counts={key: value for key, value in read.counts.items() if value},
    )
    add_evaluation(row, evaluation)
    return evaluation, row


def name_runs(runs: Sequence[str | Path]) -> dict[str, Path]:
    """Name runs by their file names, or by as much of their paths as makes them differ."""
    paths = [Path(run) for run in runs]
    for parts in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    raise ConfigError("evaluate: the same run file is given twice")


def _problem(measure: str) -> Sequence[str]:
    try:
        parse(measure)
    except ConfigError as error:
        return error.messages
    return ()


__all__ = ["differences", "evaluate_runs", "name_runs"]
