"""Result: the rows of a leaderboard, with the rankings and per-query values behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.pipeline import Pipeline
from nirank.base.files import expand_path
from nirank.collections.collection import Collection
from nirank.collections.findings import Finding
from nirank.errors import ConfigError, suggest
from nirank.evaluation.comparisons import Comparisons
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.ledger import Lost
from nirank.experiment.query_sets import make_query_sets
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.report import (
    format_text,
    list_run_files,
    make_brief_grids,
    make_detail_grids,
    make_manifest,
    render_html_table,
    write_report,
)
from nirank.report.plots import Plots
from nirank.report.report import Report
from nirank.report.run_files import LOST_COLUMNS
from nirank.results.evidence import COLUMNS, FoldedList, list_evidence
from nirank.results.judged_lists import JudgedLists
from nirank.results.query_detail import DetailSource
from nirank.results.query_details import ListDetails
from nirank.results.query_set import QuerySet, SetKey
from nirank.results.row import Row

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE_DEPTH = 10  # documents of each query whose passages are written out

RowKey = tuple[str, str | None, str]  # collection, split, system


@dataclass(frozen=True)
class Table:
    """A leaderboard that shows itself: as text in a terminal, as HTML in a notebook."""

    rows: Sequence[Row]
    measures: Sequence[str]
    details: bool = False

    def __str__(self) -> str:
        make_grids = make_detail_grids if self.details else make_brief_grids
        return format_text(self.rows, self.measures, make_grids(self.rows, self.measures))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return render_html_table(self.rows, self.measures)


@dataclass
class Result:
    """What an experiment found.

    rows       as in leaderboard.json, one a collection, judgement set and system
    rankings   {(collection, split, system): Ranking, or Pairs of a system that gives candidates without order}
    comparisons  {(collection, split, judgement set): every pair of systems, tested}
    folds      the same keys, for systems with passages
    lists      {(collection, split, judgement set): what each system returned, and the lists on its way}
    written    {address: the lines of a table of written queries}
    lost_matches  {(collection, split, judgement set, system): the matches that it lacks}, where pairs are counted
    sources    judgements that were evaluated without a collection, for the manifest
    computed   labels of what this run computed; the rest was found in the store
    plan       the graph of what was computed or found, as `summarise_plan` gives it
    """

    measures: Sequence[str]
    collections: Sequence[Collection]
    systems: Mapping[str, Pipeline]
    rows: list[Row] = field(default_factory=list)
    rankings: dict[RowKey, Pairs] = field(default_factory=dict)
    folds: dict[RowKey, tuple[FoldedList, ...]] = field(default_factory=dict)
    lists: dict[SetKey, JudgedLists] = field(default_factory=dict)
    evaluations: dict[tuple[str, str | None, str | None, str], Evaluation] = field(default_factory=dict)
    comparisons: dict[tuple[str, str | None, str | None], Comparisons] = field(default_factory=dict)
    lost_matches: dict[tuple[str, str | None, str | None, str], list[Lost]] = field(default_factory=dict)
    written: dict[str, Callable[[], Iterator[Mapping[str, Any]]]] = field(default_factory=dict)
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    plan: Sequence[Mapping[str, Any]] = ()
    began: datetime | None = None
    seconds: float = 0.0

    def add(self, row: Row, evaluation: Evaluation | None = None, lost: list[Lost] | None = None) -> None:
        """Add a row, the evaluation that it was made from, and the matches that were lost."""
        self.rows.append(row)
        key = (row.collection, row.split, row.qrels, row.system)
        if evaluation is not None:
            self.evaluations[key] = evaluation
        if lost is not None:
            self.lost_matches[key] = lost

    def finish(
        self, began: datetime, seconds: float, computed: list[str], plan: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Note when the run began, how long it took, what it computed, and the plan with its costs."""
        self.began, self.seconds, self.computed, self.plan = began, seconds, computed, plan

    @property
    def failed(self) -> bool:
        """Tell whether any row failed."""
        return any(row.status != "ok" for row in self.rows)

    @property
    def findings(self) -> dict[str, tuple[Finding, ...]]:
        """What the audit found, by collection."""
        return {collection.name: collection.findings for collection in self.collections}

    def table(self, *, details: bool = False) -> Table:
        """Return the leaderboard.

        details  in text, with the report's other tables: recall after each stage, intervals and differences, ties
        """
        return Table(self.rows, self.measures, details)

    def _repr_html_(self) -> str:
        return render_html_table(self.rows, self.measures)

    def __repr__(self) -> str:
        return str(self.table())

    def per_query(self, system: str | None = None) -> pd.DataFrame:
        """Return one line a query and measure: collection, split, qrels, system, query_id, measure, value."""
        import pandas as pd

        if system is not None:
            self._check_system(system)
        parts = [
            pd.DataFrame(
                {
                    "collection": collection,
                    "split": split,
                    "qrels": qrels,
                    "system": name,
                    "query_id": list(evaluation.queries),
                    "measure": measure,
                    "value": values,
                }
            )
            for (collection, split, qrels, name), evaluation in self.evaluations.items()
            if system in (None, name)
            for measure, values in evaluation.per_query.items()
        ]
        columns = ["collection", "split", "qrels", "system", "query_id", "measure", "value"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def ranking(self, system: str, collection: str | None = None, split: str | None = None) -> Ranking:
        """Return the ranking of a system; name the collection where there are several."""
        return self._get_ranking(self._find_key(system, collection, split))

    def pairs(self, system: str, collection: str | None = None, split: str | None = None) -> Pairs:
        """Return the candidate pairs of a system, or its ranking, which is pairs too."""
        return self.rankings[self._find_key(system, collection, split)]

    def _get_ranking(self, key: RowKey) -> Ranking:
        ranking = self.rankings[key]
        if not isinstance(ranking, Ranking):
            raise ConfigError(f"system '{key[2]}' gives candidate pairs without order, no ranking: ask for its pairs")
        return ranking

    def lost(
        self, system: str, collection: str | None = None, split: str | None = None, *, qrels: str | None = None
    ) -> pd.DataFrame:
        """Return the matches that a system lacks, where pairs are counted: one line a match and judgement set.

        qrels  of one judgement set; None: of all
        Columns: qrels, query_id, document_id, last_in: the last list on the system's way that had the match, empty
        where none had.
        """
        import pandas as pd

        key = self._find_key(system, collection, split)
        asked = [name for name in self._list_judgement_sets(key) if qrels in (None, name)]
        if not asked:
            known = ", ".join(f"'{name}'" for name in self._list_judgement_sets(key))
            raise ConfigError(
                f"system '{system}': judgement set '{qrels}' has no lost matches; there are {known}"
                if known
                else f"system '{system}': pairs were not counted; ask for a measure of pairs, such as PC"
            )
        return pd.DataFrame([row for name in asked for row in self._list_lost(key, name)], columns=list(LOST_COLUMNS))

    def _list_judgement_sets(self, key: RowKey) -> list[str | None]:
        return [qrels for (*at, qrels, system) in self.lost_matches if (*at, system) == key]

    def _list_lost(self, key: RowKey, qrels: str | None) -> list[tuple[str | None, str, str, str]]:
        return [(qrels, *match) for match in self.lost_matches[key[0], key[1], qrels, key[2]]]

    def evidence(
        self, system: str, collection: str | None = None, split: str | None = None, *, depth: int = 10
    ) -> pd.DataFrame:
        """Return the passages behind each query's first `depth` documents, for a system with `fold`.

        Columns: query_id, doc_id, rank, fold, part_id, part_score, text. A document that no fold found has no line.
        """
        import pandas as pd

        key = self._find_key(system, collection, split)
        rows = list_evidence(self._get_ranking(key), self.folds.get(key, ()), depth)
        return pd.DataFrame(list(rows), columns=list(COLUMNS))

    def _find_key(self, system: str, collection: str | None, split: str | None) -> RowKey:
        self._check_system(system)
        keys = [
            key
            for key in self.rankings
            if key[2] == system and collection in (None, key[0]) and split in (None, key[1])
        ]
        if not keys:
            raise ConfigError(f"system '{system}' has no ranking there: it failed, or the collection is another one")
        if len(keys) > 1:
            raise ConfigError(f"system '{system}' ranked {len(keys)} collections; name one, and its split")
        return keys[0]

    def compared(self) -> pd.DataFrame:
        """Return one line a pair of systems and measure: difference, interval, p-values, effect, wins, ties, losses."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"collection": key[0], "split": key[1], "qrels": key[2], **pair.to_dict()}
                for key, comparisons in self.comparisons.items()
                for pair in comparisons.pairs
            ]
        )

    def _check_system(self, system: str) -> None:
        if system not in self.systems:
            raise ConfigError(f"there is no system '{system}'{suggest(system, self.systems)}")

    def _open_passages(self, key: RowKey) -> Callable[[], Iterator[Mapping[str, Any]]]:
        return lambda: list_evidence(self._get_ranking(key), self.folds[key], EVIDENCE_DEPTH)

    def manifest(self, **more: Any) -> dict[str, Any]:
        """Return what another person needs to check this run: versions, data, machine, timings, counts."""
        return make_manifest(
            rows=self.rows,
            systems={name: repr(pipeline) for name, pipeline in self.systems.items()},
            collections=[
                *(
                    {"name": collection.name, "split": collection.split, **collection.origin}
                    for collection in self.collections
                ),
                *self.sources,
            ],
            measures=list(self.measures),
            began=self.began,
            seconds=self.seconds,
            computed=self.computed,
            findings=self.findings,
            drawings={name: pipeline.draw() for name, pipeline in self.systems.items()},
            plan=self.plan,
            **more,
        )

    def report(self, **more: Any) -> Report:
        """Return all that a folder of results says, run files and details of queries aside.

        more  for the manifest, as `manifest` takes it
        """
        return Report(
            rows=self.rows,
            measures=tuple(self.measures),
            comparisons=[
                {"collection": key[0], "split": key[1], "qrels": key[2], **comparisons.to_dict()}
                for key, comparisons in self.comparisons.items()
            ],
            manifest=self.manifest(**more),
            query_sets=make_query_sets(self.lists, self.evaluations),
        )

    @property
    def plot(self) -> Plots:
        """Charts for notebooks and papers."""
        return self.report().plot

    def save(self, folder: str | Path, **more: Any) -> None:
        """Write leaderboards, report.html, manifest.json, values and details of queries, and run files into a folder;
        of systems with passages evidence files, and where pairs are counted the lost matches.

        more  for the manifest, as `manifest` takes it
        """
        place = expand_path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{place}: cannot be made ({error.strerror or error}); expected a folder") from None
        run_files = list_run_files(
            self.rows,
            self.rankings,
            lost={
                key: [row for name in self._list_judgement_sets(key) for row in self._list_lost(key, name)]
                for key in self.rankings
                if self._list_judgement_sets(key)
            },
            evidence={key: self._open_passages(key) for key, folds in self.folds.items() if folds},
            written=self.written,
        )
        report = self.report(**more)
        details = {each.key: self._open_details(each) for each in report.query_sets}
        write_report(place, report, run_files=run_files, details=details)

    def _open_details(self, query_set: QuerySet) -> DetailSource:
        details = ListDetails(self.lists[query_set.key], query_set.detailed)
        return DetailSource(details.iterate_queries, details.describe_documents)
