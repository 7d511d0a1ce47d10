"""Verify a configuration: run it, and compare its scores with those that it is known for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirank.algebra.node import Store
from nirank.collections.collection import Collection
from nirank.config.experiments import load_collections, make_experiment
from nirank.config.reader import Config, load_config
from nirank.engines import make_engine
from nirank.errors import ConfigError, StageError
from nirank.experiment.result import Result
from nirank.plan.costs import format_seconds
from nirank.plan.reporter import Reporter
from nirank.results.groups import JudgedSplit
from nirank.verification.acceptance import write_scores
from nirank.verification.check import Check, Status, check_scores, collect_scores, list_checks


@dataclass(frozen=True)
class Verification:
    """What came of one configuration.

    checks    its scores; those of a configuration that failed or was skipped are so too
    failed    the whole configuration did, even where it is not known which scores it has
    note      why it failed or was skipped, or what was done
    seconds   that it took
    computed  how many computations were not stored
    """

    config: str
    checks: tuple[Check, ...] = ()
    note: str = ""
    seconds: float = 0.0
    computed: int = 0
    failed: bool = False

    @property
    def status(self) -> Status:
        """The worst of the checks: a failed one, else one that is off; a plausible one, one that is ok, skipped."""
        statuses = {check.status for check in self.checks} | ({"failed"} if self.failed else set())
        order: Sequence[Status] = ("failed", "off", "plausible", "ok")
        return next((status for status in order if status in statuses), "skipped")

    @property
    def counts(self) -> Counter[Status]:
        """How many checks have each status."""
        return Counter(check.status for check in self.checks)

    @property
    def passed(self) -> bool:
        """Tell whether nothing is off and nothing failed."""
        return self.status not in ("failed", "off")


def verify(
    config: str | Path,
    *,
    store: Store | str | Path | None = None,
    limit_queries: int | None = None,
    at_most: float | None = None,
    accept: bool = False,
    reporter: Reporter | None = None,
) -> Verification:
    """Run a configuration, and compare its scores with those that its section `expected` says.

    store          a store or its folder; None: the configuration's
    limit_queries  use so many queries a collection; scores are then plausible or off
    at_most        seconds; a run that is estimated to take longer is skipped
    accept         write the scores of the run into the configuration, instead of those that were expected before
    Raises ConfigError and DataError for what `nirank run` refuses, and for a configuration without expected scores.
    """
    from nirank.store import open_store

    began = time.perf_counter()
    if accept and limit_queries is not None:
        raise ConfigError("scores of a sample are not those of the collection: accept them without limit_queries")
    configuration = load_config(config)
    if configuration.expected is None and not accept:
        raise ConfigError(f"{config}: has no expected scores; 'nirank verify --accept {config}' writes those of a run")
    place = configuration.store if store is None else store
    opened = open_store(place) if place is None or isinstance(place, (str, Path)) else place
    collections = load_collections(configuration, opened)
    if not accept:
        configuration.check_expected(collections)
    if configuration.expected is not None and configuration.expected.limit_queries is not None:
        collections = [collection.sample(configuration.expected.limit_queries) for collection in collections]
    n_judged = None
    if limit_queries is not None:
        n_judged = _count_judged(collections)
        collections = [collection.sample(limit_queries) for collection in collections]
    engine = make_engine(configuration.engine)
    experiment = make_experiment(configuration, collections, opened, engine=engine)
    experiment.check()
    estimate = experiment.estimate_seconds()
    if at_most is not None and estimate > at_most:
        return skip(config, configuration, f"about {format_seconds(estimate)} are to compute")
    try:
        result = experiment.run(reporter)
    finally:
        if engine is not None:
            engine.close()
    if accept:
        return _accept(Path(config), result, time.perf_counter() - began)
    assert configuration.expected is not None
    checks = check_scores(configuration.expected, result, n_judged)
    return Verification(str(config), checks, "", time.perf_counter() - began, len(result.computed))


def skip(path: str | Path, config: Config, note: str) -> Verification:
    """Return what comes of a configuration that is not run."""
    return Verification(
        str(path), () if config.expected is None else list_checks(config.expected, "skipped", note), note
    )


def fail(path: str | Path, config: Config, note: str, seconds: float) -> Verification:
    """Return what comes of a configuration whose run failed as a whole."""
    checks = () if config.expected is None else list_checks(config.expected, "failed", note)
    return Verification(str(path), checks, note, seconds, failed=True)


def fail_unread(path: str | Path, error: ConfigError) -> Verification:
    """Return what comes of a configuration that has mistakes; which scores it expects is then not known."""
    mistakes = [message.splitlines()[0] for message in error.messages]
    return Verification(str(path), note=f"cannot run: {'; '.join(mistakes)}", failed=True)


def _accept(path: Path, result: Result, seconds: float) -> Verification:
    """Write the scores of a run into its configuration."""
    if failed := [row for row in result.rows if row.status != "ok"]:
        raise StageError(f"{path}: is left as it is: {failed[0].system} failed: {failed[0].error}")
    scores = collect_scores(result)
    write_scores(path, scores)
    expected = load_config(path).expected
    assert expected is not None
    n_scores = len(list(expected.list_scores()))
    note = f"{n_scores} scores written"
    return Verification(str(path), check_scores(expected, result), note, seconds, len(result.computed))


def _count_judged(collections: Sequence[Collection]) -> dict[JudgedSplit, int]:
    """Return how many declared queries have judgements, by collection, split and judgement set."""
    return {
        JudgedSplit(collection.name, collection.split, name): int(np.count_nonzero(np.diff(qrels.offsets)))
        for collection in collections
        for name, qrels in collection.qrels.items()
    }
