"""From a configuration that was read to its experiment: collections loaded, systems checked."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.algebra.node import Store
from nirank.base.work import Engine
from nirank.collections.collection import Collection
from nirank.config.reader import Config
from nirank.errors import ConfigError, DataError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load


def load_collections(config: Config, store: Store) -> list[Collection]:
    """Load the collections of a configuration, or raise an error with what is wrong with any of them."""
    collections: list[Collection] = []
    mistakes: list[str] = []
    for entry in config.collections:
        arguments = dict(entry)
        try:
            collections.append(load(arguments.pop("source", None), **arguments, store=store))
        except (ConfigError, DataError) as error:
            mistakes += error.messages
    if mistakes:
        raise DataError(*mistakes)
    return collections


def make_experiment(
    config: Config,
    collections: Sequence[Collection],
    store: Store,
    *,
    engine: Engine | None = None,
    max_memory: str | None = None,
) -> Experiment:
    """Return the experiment of a configuration on collections that were loaded.

    max_memory  instead of the configuration's
    """
    return Experiment(
        collections,
        config.systems,
        config.measures,
        store=store,
        device=config.device,
        significance=config.significance,
        engine=engine,
        seeds=config.seeds,
        folds=config.folds,
        stopping=config.stopping,
        diagnostics=config.diagnostics,
        max_memory=config.max_memory if max_memory is None else max_memory,
    )
