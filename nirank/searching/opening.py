"""From a configuration to what asks its systems: no more is loaded than they need."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from nirank.algebra.judged import Judged
from nirank.algebra.model import TrainedModel
from nirank.algebra.node import Store
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.tuned import DecidedPipeline
from nirank.algebra.walk import walk
from nirank.config.experiments import load_collections, make_experiment
from nirank.config.reader import Config
from nirank.errors import ConfigError, NirankError, suggest
from nirank.evaluation.comparisons import Significance
from nirank.experiment.seeds import name_seeded_system
from nirank.plan.reporter import Reporter
from nirank.searching.searcher import Searcher

log = logging.getLogger("nirank")


def open_searcher(
    config: Config,
    store: Store,
    reporter: Reporter,
    systems: Sequence[str] | None = None,
    collection: str | None = None,
    *,
    any_collection: bool = False,
) -> Searcher:
    """Return what asks some systems of a configuration, or all.

    collection      the one that is asked, where there are several
    any_collection  whether all are

    Raises ConfigError for a name that is not there, and where several collections leave open which is meant.
    """
    chosen = config.systems if systems is None else dict(_choose_system(config, name) for name in systems)
    entries = config.collections
    if not any_collection and len(entries) > 1:
        entry = _choose_entry(entries, collection)
        if not any(map(_learns, chosen.values())):  # what is trained must know all queries that are evaluated
            entries = [entry]
    part = config.model_copy(
        update={
            "systems": chosen,
            "collections": entries,
            "significance": Significance(),
            "diagnostics": None,
        }
    )
    return Searcher.of(make_experiment(part, load_collections(part, store), store), reporter)


def warm_up(searcher: Searcher) -> dict[tuple[str, str], str]:
    """Compute and load what all systems need; return why some cannot be asked, by collection and system."""
    refusals = {}
    for collection in searcher.collections:
        for system, refusal in searcher.list_systems(collection).items():
            if refusal is not None:
                log.info("%s on %s cannot be asked: %s", system, collection, refusal)
                continue
            try:
                searcher.warm_up(system, collection)
            except NirankError as error:
                log.warning("%s on %s cannot be asked: %s", system, collection, error)
                refusals[collection, system] = str(error)
    return refusals


def _choose_system(config: Config, name: str) -> tuple[str, Pipeline]:
    """Return the system of a row: with several seeds, a row is called after the system and the seed."""
    rows = {name: name for name in config.systems}
    rows |= {name_seeded_system(system, seed): system for system in config.systems for seed in config.seeds}
    if name not in rows:
        known = list(config.systems)
        raise ConfigError(f"there is no system '{name}'; expected {', '.join(known)}{suggest(name, known)}")
    return rows[name], config.systems[rows[name]]


def _choose_entry(entries: Sequence[Mapping[str, Any]], name: str | None) -> Mapping[str, Any]:
    names = {_name_entry(entry): entry for entry in entries}
    if name is None:
        raise ConfigError(f"there are several collections; name one with --collection: {', '.join(names)}")
    if name not in names:
        raise ConfigError(f"there is no collection '{name}'; expected {', '.join(names)}{suggest(name, names)}")
    return names[name]


def _name_entry(entry: Mapping[str, Any]) -> str:
    """Return the name that a collection will have, without opening it."""
    source = entry.get("source")
    return str(entry.get("name") or PurePath(str(source or entry.get("docs") or entry.get("left"))).name)


def _learns(pipeline: Pipeline) -> bool:
    return any(isinstance(part, (TrainedModel, Judged, DecidedPipeline)) for part in walk(pipeline))
