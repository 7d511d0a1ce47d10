"""Evaluate run files that were made elsewhere, with the same conventions, tests and reports."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.files import expand_path
from nirank.collections.contents import describe_known
from nirank.errors import ConfigError, DataError, suggest
from nirank.evaluation.clef_tar import TarEvaluation, evaluate_tar, read_tar_run
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.measures import is_of_pairs, list_measure_names, parse_measure
from nirank.experiment.result import Result
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile, read_pairs, read_qrels
from nirank.flow.qrels import Qrels, digest_judgements
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.flow.trec import Duplicates, OrderBy, read_run
from nirank.flow.trec import RunFile as ReadRun
from nirank.report import make_manifest
from nirank.results.judged_lists import DocumentList, JudgedLists, SystemLists, join_tables, keep_places
from nirank.results.query_details import DEPTH
from nirank.results.row import Conventions, QueryCounts, Row
from nirank.results.summaries import add_comparisons, add_evaluation
from nirank.stages.run import RunFile, guess_depth, restrict_run

_SHARED = 0.9  # of the smaller of two sets of queries, as for collections
_GRADES = 10**9


def evaluate_runs(
    qrels: str | Path,
    runs: Sequence[str | Path] | Mapping[str, str | Path],
    measures: Sequence[str],
    *,
    min_rel: int = 1,
    candidates: str | Path | None = None,
    known: str | Path | None = None,
    common_queries: bool = False,
    order_by: OrderBy = "score",
    duplicates: Duplicates = "refuse",
    significance: Significance | None = None,
) -> Result:
    """Evaluate TREC run files under a judgement file, and compare them.

    qrels           TREC's four columns or BEIR's three, with a header or without, plain or .gz
    runs            files by name; without names they are called by their file names
    min_rel         the least grade that binary measures take as relevant
    candidates      what each query could be given: a file of pairs, or of judgements, whose pairs are taken
                    whatever their labels. Screening measures need it; other documents are taken out and counted
    known           pairs (or judgements) known before, such as seeds: taken out of runs, candidates and judgements
    common_queries  evaluate on the queries that every run has results for; the others are counted. Otherwise
                    the queries are those of the judgement file, and one that a run lacks counts 0
    order_by        what decides the order: the 'score', the 'rank' column, or the 'line' (as CLEF TAR's scripts)
    duplicates      a document twice in a query with different scores: 'refuse', keep the 'best', or the 'first'
    Raises DataError or ConfigError with the mistakes of all files.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    qrels = expand_path(qrels) if isinstance(qrels, (str, Path)) else _refuse_no_file(qrels)
    paths = _name_files(runs)
    measures = list_measure_names(measures)
    significance = significance or Significance()
    mistakes = [message for name in measures for message in _check_measure(name)]
    if not paths:
        mistakes.append("evaluate: no run files; expected at least one")
    if not measures:
        mistakes.append("evaluate: no measures; expected some such as nDCG@10")
    if isinstance(min_rel, bool) or not isinstance(min_rel, int) or not 1 <= min_rel <= _GRADES:
        mistakes.append(f"evaluate: min_rel must be 1 or more (and no more than {_GRADES:,}), got {min_rel!r}")
    if mistakes:
        raise ConfigError(*mistakes)
    significance.check(list(paths))
    task = _EvaluationTask.read(Path(qrels), candidates, known, min_rel, order_by, duplicates)
    systems = {name: RunFile(str(path)) for name, path in paths.items()}
    result = Result(measures=measures, collections=(), systems=systems)
    lists: dict[str, DocumentList] = {}
    query_rows = task.find_common_queries(list(paths.values())) if common_queries else np.arange(len(task.queries))
    for name, path in paths.items():  # one file at a time: memory is that of the largest
        try:
            row = Row(collection=Path(qrels).name, qrels="qrels", system=name, pipeline=repr(systems[name]))
            row, evaluation, kept = task.evaluate_run(row, task.read_run(path), query_rows, measures)
        except DataError as error:
            mistakes += error.messages
            continue
        result.add(row, evaluation)
        lists[name] = kept
    if mistakes:
        raise DataError(*mistakes)
    key = (Path(qrels).name, None, "qrels")
    result.lists[key] = task.join_lists(lists, query_rows)
    comparisons = compare({row.system: result.evaluations[*key, row.system] for row in result.rows}, significance)
    result.comparisons[key] = comparisons
    result.rows = [add_comparisons(row, comparisons) for row in result.rows]
    result.sources.append({"name": key[0], "split": None, "source": str(qrels), **task.describe_judgements()})
    result.finish(began, time.perf_counter() - started, [])
    return result


def evaluate_tar_runs(
    qrels: str | Path, runs: Sequence[str | Path], protocol: str, *, command: Sequence[str] | None = None
) -> tuple[dict[str, TarEvaluation], list[Row], dict[str, Any]]:
    """Evaluate CLEF TAR runs as the script of a year does, such as 'clef-tar-2019'.

    Returns what the script finds for each run, by name, the rows of leaderboard.json with the ALL lines as measures,
    and the manifest. Raises DataError with the mistakes of all files, and for a run without a topic that can be
    evaluated.
    """
    began, started = datetime.now(UTC), time.perf_counter()
    judged = read_qrels(qrels)
    labels: dict[str, dict[str, int]] = {}
    columns = (judged.query_ids.to_pylist(), judged.doc_ids.to_pylist(), judged.grades.tolist())
    for topic, record, label in zip(*columns, strict=True):
        labels.setdefault(topic, {})[record] = label
    paths, evaluations, rows = name_runs(runs), {}, []
    mistakes: list[str] = []
    for name, path in paths.items():
        try:
            evaluation = evaluate_tar(read_tar_run(path), labels, protocol[-4:])  # type: ignore[arg-type]
        except DataError as error:
            mistakes += error.messages
            continue
        if not evaluation.per_topic:
            mistakes.append(f"{path}: none of its {len(evaluation.skipped)} topics has a relevant record in {qrels}")
        evaluations[name] = evaluation
        rows.append(
            Row(
                collection=Path(qrels).name,
                qrels="qrels",
                system=name,
                pipeline=repr(RunFile(str(path))),
                queries=QueryCounts(len(labels), judged=len(evaluation.per_topic), answered=len(evaluation.per_topic)),
                measures=dict(evaluation.overall),
                counts={"skipped": len(evaluation.skipped), "absent": len(evaluation.absent)},
                conventions=Conventions(
                    protocol=protocol, skipped_topics=tuple(evaluation.skipped), absent_topics=tuple(evaluation.absent)
                ),
            )
        )
    if mistakes:
        raise DataError(*mistakes)
    systems = {name: repr(RunFile(str(path))) for name, path in paths.items()}
    measures = list(dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.overall))
    summary = make_manifest(
        rows=rows,
        systems=systems,
        collections=(),
        measures=measures,
        began=began,
        seconds=time.perf_counter() - started,
        computed=(),
        command=command,
    )
    return evaluations, rows, summary


def list_differences(result: Result, a: str, b: str, measure: str) -> list[tuple[str, float, float, float]]:
    """Return (query, value of a, value of b, b - a), the greatest difference first.

    Queries that the measure leaves out are not among them.
    """
    by_system = {system: evaluation for (*_, system), evaluation in result.evaluations.items()}
    for name in (a, b):
        if name not in by_system:
            raise ConfigError(f"there is no system '{name}'{suggest(name, by_system)}")
        if measure not in by_system[name].per_query:
            why = "it is of pairs, not of queries" if is_of_pairs(measure) else "not asked for"
            raise ConfigError(f"system '{name}' has no '{measure}': {by_system[name].nulls.get(measure, why)}")
    values_a, values_b = by_system[a].per_query[measure], by_system[b].per_query[measure]
    answered = np.flatnonzero(~np.isnan(values_a + values_b))
    rows = answered[np.argsort(-np.abs(values_b - values_a)[answered], kind="stable")].tolist()
    queries = by_system[a].queries
    return [
        (queries[row], float(values_a[row]), float(values_b[row]), float(values_b[row] - values_a[row])) for row in rows
    ]


@dataclass(frozen=True, eq=False)
class _EvaluationTask:
    """What all runs are evaluated under; the tables of documents are each run's own."""

    judged: QrelsFile
    queries: Ids
    candidates: PairsFile | None
    known: PairsFile | None
    known_sentence: str
    min_rel: int
    order_by: OrderBy
    duplicates: Duplicates

    @classmethod
    def read(
        cls,
        qrels: Path,
        candidates: str | Path | None,
        known: str | Path | None,
        min_rel: int,
        order_by: OrderBy,
        duplicates: Duplicates,
    ) -> _EvaluationTask:
        judged = read_qrels(qrels)
        listed, known_pairs = (
            None if path is None else read_pairs(path, judgements_too=True) for path in (candidates, known)
        )
        queries = Ids(pc.unique(judged.query_ids))
        if listed is not None and not len(listed):
            raise DataError(f"candidates: {listed.source}: is empty; expected what each query could be given")
        for what, pairs in (("candidates", listed), ("known", known_pairs)):
            if pairs is not None and len(pairs):
                ids = pc.unique(pairs.query_ids)
                shared = int((queries.find_rows(ids) >= 0).sum())
                _check_shared(f"{what}: {pairs.source}", shared, len(ids), len(queries), str(qrels))
        left = judged if known_pairs is None else judged.exclude(known_pairs)
        sentence = "" if known_pairs is None else describe_known(len(known_pairs), len(judged) - len(left))
        return cls(left, queries, listed, known_pairs, sentence, min_rel, order_by, duplicates)

    def read_run(self, path: str | Path) -> ReadRun:
        run = read_run(path, self.queries, order_by=self.order_by, duplicates=self.duplicates)
        shared = int((run.ranking.counts > 0).sum())
        _check_shared(str(path), shared, shared + run.queries_not_declared, len(self.queries), self.judged.source)
        return run

    def describe_judgements(self) -> dict[str, Any]:
        """Return digests and counts for the manifest, as those of a collection: what is evaluated is known by them."""
        judged = self.judged
        columns = (judged.query_ids.to_pylist(), judged.doc_ids.to_pylist(), judged.grades.tolist())
        digests = {"qrels": digest_judgements(zip(*columns, strict=True), self.min_rel)}
        counts = {"qrels": len(judged)}
        if self.candidates is not None:
            docs = Ids.of(self.candidates.doc_ids.unique().to_pylist())
            digests["candidates"] = self.candidates.join(self.queries, docs).digest
            counts["candidates"] = len(self.candidates)
        return {"digests": digests, "counts": counts}

    def find_common_queries(self, runs: Sequence[str | Path]) -> NDArray[np.int64]:
        """Return the rows of the queries that every run has results for; raise ConfigError if there are none."""
        answered = []
        mistakes: list[str] = []
        for path in runs:
            try:
                answered.append(self.read_run(path).ranking.counts > 0)
            except DataError as error:
                mistakes += error.messages
        if mistakes:
            raise DataError(*mistakes)
        rows = np.flatnonzero(np.all(answered, axis=0))
        if not len(rows):
            raise ConfigError(f"common queries: no query of {self.judged.source} has results in all {len(runs)} runs")
        return rows

    def evaluate_run(
        self, row: Row, run: ReadRun, rows: NDArray[np.int64], measures: Sequence[str]
    ) -> tuple[Row, Evaluation, DocumentList]:
        """Evaluate one run on some of the queries; return its row with what came out, and what details need of it."""
        counts, stated = dict(run.counts), {}
        complete, queries = run.ranking, self.queries
        ranking = Ranking(
            queries, complete.docs, complete.offsets, complete.rows, complete.scores, guess_depth(complete)
        )
        if len(rows) < len(queries):
            counts["not_common"] = len(queries) - len(rows)
            queries = Ids.of(queries.take(rows))
            ranking = ranking.take(rows, queries)
        if self.candidates is not None:
            ranking = _add_documents(ranking, self.candidates.doc_ids)
        docs = ranking.docs
        q, d = queries.find_rows(self.judged.query_ids), docs.find_rows(self.judged.doc_ids)
        declared = q >= 0
        qrels = Qrels.build(queries, docs, q[declared], d[declared], self.judged.grades[declared], min_rel=self.min_rel)
        scope = None
        if self.candidates is not None:
            scope = Scope(queries, docs, pairs=self.candidates.join(queries, docs))
            inside = scope.allows(ranking.query_rows, ranking.rows)
            counts["not_candidates"] = int((~inside).sum())
            ranking = restrict_run(ranking, inside, scope.count_rows())
            stated["candidates"] = self.candidates.source
        if self.known is not None:
            known = self.known.join(queries, docs)
            unknown = ~known.contains(ranking.query_rows, ranking.rows)
            counts["known"] = int((~unknown).sum())
            stated["known"] = self.known_sentence
            scope = None if scope is None else scope & Scope(queries, docs, excluded=known)
            ranking = restrict_run(ranking, unknown, None if scope is None else scope.count_rows())
        evaluation = evaluate(ranking, qrels, measures, scope, whole_corpus=False)
        row = replace(
            row,
            depth=ranking.depth,
            longest_list=int(ranking.counts.max(initial=0)),
            queries=QueryCounts(declared=len(queries)),
            counts={key: value for key, value in counts.items() if value},
            conventions=Conventions(self_match="keep", time="all", order_by=self.order_by, collection=stated),
        )
        return add_evaluation(row, evaluation), evaluation, keep_places(ranking, qrels, DEPTH)

    def join_lists(self, lists: Mapping[str, DocumentList], rows: NDArray[np.int64]) -> JudgedLists:
        """Return what is kept of all runs, over one table of documents."""
        queries = Ids.of(self.queries.take(rows))
        docs, joined = join_tables(list(lists.values()), Ids(self.judged.doc_ids))
        q, d = queries.find_rows(self.judged.query_ids), docs.find_rows(self.judged.doc_ids)
        declared = q >= 0
        qrels = Qrels.build(queries, docs, q[declared], d[declared], self.judged.grades[declared], min_rel=self.min_rel)
        systems = {name: SystemLists(each) for name, each in zip(lists, joined, strict=True)}
        return JudgedLists(queries, docs, qrels, systems=systems)


def _check_shared(what: str, shared: int, n: int, judged: int, qrels: str) -> None:
    """Raise DataError where two files hardly speak of the same queries: most likely their ids are spelt differently."""
    if shared < _SHARED * min(n, judged):
        raise DataError(
            f"{what}: {shared:,} of its {n:,} queries are among the {judged:,} of {qrels}; expected at least"
            f" {_SHARED:.0%} of the smaller side"
        )


def _add_documents(ranking: Ranking, doc_ids: pa.Array) -> Ranking:
    """Return the same ranking over a table that has other documents as well."""
    absent = pc.unique(doc_ids).filter(pa.array(ranking.docs.find_rows(pc.unique(doc_ids)) < 0))
    docs = Ids(pa.chunked_array([*ranking.docs.strings.chunks, absent]))
    return Ranking(ranking.queries, docs, ranking.offsets, ranking.rows, ranking.scores, ranking.depth)


def name_runs(runs: Sequence[str | Path]) -> dict[str, Path]:
    """Name runs by their file names, or by as much of their paths as makes them differ."""
    paths = [Path(run) for run in runs]
    for parts in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    raise ConfigError("evaluate: the same run file is given twice")


def _name_files(runs: Any) -> dict[str, Path]:
    """Return run files by name; raise ConfigError for what are no paths."""
    if isinstance(runs, Mapping):
        return {str(name): expand_path(path) for name, path in runs.items()}
    run_list = [runs] if isinstance(runs, (str, Path)) else runs
    if not isinstance(run_list, Iterable):
        raise ConfigError(f"runs: expected run files, got {runs!r}")
    return name_runs([expand_path(path) for path in run_list])


def _refuse_no_file(value: Any) -> NoReturn:
    raise ConfigError(f"qrels: expected a file of judgements, got {type(value).__name__}")


def _check_measure(measure: str) -> Sequence[str]:
    try:
        parse_measure(measure)
    except ConfigError as error:
        return error.messages
    return ()


__all__ = ["evaluate_runs", "evaluate_tar_runs", "list_differences", "name_runs"]
