"""Searcher: the systems of an experiment, asked one query at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nirank.algebra.node import Store
from nirank.algebra.pipeline import Pipeline
from nirank.collections.collection import Collection
from nirank.collections.text_fields import METADATA
from nirank.errors import ConfigError, suggest
from nirank.experiment.experiment import Experiment
from nirank.experiment.system_runs import SystemRun
from nirank.plan.reporter import Reporter
from nirank.results.query_detail import DocumentDetail
from nirank.searching.answer import Answer
from nirank.searching.asked_query import ask_collection, list_query_keys
from nirank.searching.explanation import describe_document, explain_answer
from nirank.searching.query_plan import QueryPlan, find_refusal, make_query_plan
from nirank.searching.query_run import Deadline, QueryRun, make_folder, open_stored


class UnknownName(ConfigError):
    """There is no system, collection or document of that name."""


_MAX_PLANS = 64  # that are kept: one a system, and more where queries come with other fields


class Searcher:
    """Asks the systems of an experiment one query at a time.

    It is the experiment's own plan: index, vectors, trained models and tuned choices are those of the run, found in the
    store or computed on the first call as the run would. What depends on the query is computed in memory: memos are
    read, and nothing is stored, however many queries come. Everything that was opened stays open. Calls wait for each
    other.

    collections, systems, store, device, seeds  as for `Experiment`
    measures  those of the run: a measure that reads lists to their end makes systems rank everything
    reporter  hears of what the first call computes
    """

    def __init__(
        self,
        collections: Collection | Sequence[Collection],
        systems: Mapping[str, Pipeline],
        *,
        measures: Sequence[str] = ("nDCG@10",),
        store: Store | str | Path | None = None,
        device: str = "auto",
        seeds: Sequence[int] = (1,),
        reporter: Reporter | None = None,
    ) -> None:
        experiment = Experiment(collections, systems, measures, store=store, device=device, seeds=seeds)
        self._set_up(experiment, reporter)

    @classmethod
    def of(cls, experiment: Experiment, reporter: Reporter | None = None) -> Searcher:
        """Return what asks the systems of an experiment."""
        searcher = cls.__new__(cls)
        searcher._set_up(experiment, reporter)
        return searcher

    def _set_up(self, experiment: Experiment, reporter: Reporter | None) -> None:
        self.experiment = experiment
        self._runner = experiment.make_runner(reporter or Reporter())
        self._plans: dict[tuple[Any, ...], QueryPlan] = {}
        self._lock = threading.Lock()

    @property
    def collections(self) -> tuple[str, ...]:
        """The names of the collections; of several splits of one, with the split."""
        return tuple(self._name(collection) for collection in self.experiment.collections)

    def list_systems(self, collection: str | None = None) -> dict[str, str | None]:
        """Return the systems of a collection, each with why it cannot be asked; None: it can."""
        chosen = self._find_collection(collection)
        return {run.system: find_refusal(run) for run in self.experiment.plan() if run.collection is chosen}

    def search(
        self,
        system: str,
        query: str | Mapping[str, Any],
        k: int = 10,
        *,
        collection: str | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Return a system's first k documents for a query, with what every stage did.

        query       its text, or a record as the collection's files have them: title, text, metadata; a document for
                    a collection whose queries are documents
        collection  by name, where there are several
        seconds     after which the search is ended, between two batches of work; None: never
        Raises ConfigError for a system or a collection that is not there or cannot be asked and for what is no query,
        SearchTimeout when the time is over.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ConfigError(f"k is a number of documents, 1 or more, got {k!r}")
        chosen = self._find_collection(collection)
        deadline = Deadline(seconds)
        asked = ask_collection(chosen, query)
        with self._lock, make_folder() as folder:
            run = self._find_run(system, chosen)
            plan = self._get_plan(run, asked)
            query_run = QueryRun(plan, self._runner, asked, deadline)
            ranking = query_run.compute(Path(folder))
            return explain_answer(system, chosen, asked, query_run, ranking, k)

    def get_document(self, id: str, *, collection: str | None = None) -> DocumentDetail:
        """Return a document with its whole text; raise UnknownName where there is none of that id."""
        chosen = self._find_collection(collection)
        row = int(chosen.docs.ids.find_rows([id])[0])
        if row < 0:
            raise UnknownName(f"{chosen.name} has no document '{id}'")
        return describe_document(chosen, row)

    def count_documents(self, collection: str | None = None) -> int:
        """Return how many documents a collection has."""
        return len(self._find_collection(collection).docs)

    def list_query_keys(self, collection: str | None = None) -> tuple[str, ...]:
        """Return the columns and metadata keys that a query of a collection can have."""
        return list_query_keys(self._find_collection(collection))

    def warm_up(self, system: str, collection: str | None = None) -> None:
        """Compute and load what a system needs, by asking it the first of the collection's own queries."""
        chosen = self._find_collection(collection)
        record = dict(chosen.queries[0]) if len(chosen.queries) else {"text": "?"}
        record.pop("id", None)
        self.search(system, {key: value for key, value in record.items() if value}, 1, collection=collection)

    def _get_plan(self, run: SystemRun, asked: Collection) -> QueryPlan:
        """Return the plan for queries with these fields, everything that it needs computed and opened."""
        fields = frozenset(asked.queries[0][METADATA])
        filled = tuple(name for name in asked.queries.text_columns if asked.queries.columns[name][0].as_py())
        key = (id(run.collection), run.system, fields, filled, tuple(asked.build_scopes()))
        if key not in self._plans:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = make_query_plan(self.experiment, run, asked)
            open_stored(plan, self._runner)
            self._plans[key] = plan
        return self._plans[key]

    def _find_run(self, system: str, collection: Collection) -> SystemRun:
        run = self._look_up(system, collection)
        if run.open_choices:
            self.experiment.make_choices(self._runner)
            run = self._look_up(system, collection)
            for node in run.open_choices:  # that failed
                self._runner.run(node)
        return run

    def _look_up(self, system: str, collection: Collection) -> SystemRun:
        runs = {run.system: run for run in self.experiment.plan() if run.collection is collection}
        if system not in runs:
            raise UnknownName(f"there is no system '{system}'; expected {', '.join(runs)}{suggest(system, runs)}")
        refusal = find_refusal(runs[system])
        if refusal is not None:
            raise ConfigError(f"system '{system}' cannot be asked: {refusal}")
        return runs[system]

    def _find_collection(self, name: str | None) -> Collection:
        collections = self.experiment.collections
        names = dict(zip(self.collections, collections, strict=True))
        if name is None:
            if len(collections) > 1:
                raise ConfigError(f"there are several collections; name one of {', '.join(names)}")
            return collections[0]
        if name not in names:
            raise UnknownName(f"there is no collection '{name}'; expected {', '.join(names)}{suggest(name, names)}")
        return names[name]

    def _name(self, collection: Collection) -> str:
        same = [other for other in self.experiment.collections if other.name == collection.name]
        return f"{collection.name}/{collection.split}" if len(same) > 1 and collection.split else collection.name
