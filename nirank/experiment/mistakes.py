"""What is wrong with an experiment as it is asked for: found before anything is planned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from nirank.algebra.pipeline import Pipeline, check_system
from nirank.algebra.walk import walk
from nirank.base.identity import SEED
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.evaluation.comparisons import Significance
from nirank.evaluation.measures import parse_measure
from nirank.experiment.arguments import check_name
from nirank.experiment.seeds import name_seeded_system

_DEVICE = re.compile(r"(auto|cpu|cuda|mps|xpu|hpu|npu)(:\d+)?")


@contextmanager
def collect_mistakes(mistakes: list[str], where: str = "") -> Iterator[None]:
    """Add the messages of a ConfigError that the block raises; `where` begins each."""
    try:
        yield
    except ConfigError as error:
        mistakes += [where + message for message in error.messages]


def check_collections(collections: Sequence[Collection]) -> Iterator[str]:
    """Yield what is wrong with the collections' names."""
    if not collections:
        yield "an experiment needs at least one collection"
    labels: set[tuple[str, str | None]] = set()
    for collection in collections:
        yield from check_name("collection", collection.name)
        if (collection.name, collection.split) in labels:
            yield f"two collections are called '{collection.name}' with the same split; give one another name"
        labels.add((collection.name, collection.split))


def check_systems(systems: Mapping[str, Pipeline], measures: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
    """Yield what is wrong with the systems and their names.

    measures  of all collections
    """
    if not systems:
        yield "an experiment needs at least one system"
    for name, pipeline in systems.items():
        yield from check_name("system", name)
        try:
            check_system(name, pipeline)
            if pipeline.gives != "ranking" and not _measure_pairs(measures):
                yield (
                    f"system '{name}' gives unranked pairs, and all the measures need a ranking: ask for one of"
                    " pairs, such as PC or candidates, or add a scorer behind it"
                )
        except ConfigError as error:
            yield from error.messages
        if len(seeds) > 1 and any(value is SEED for value in walk(pipeline)):
            for seeded in (name_seeded_system(name, seed) for seed in seeds):
                if seeded in systems:
                    yield f"system '{seeded}' is called as a row of system '{name}' will be; give it another name"


def check_measures(measures: Sequence[str], collections: Sequence[Collection]) -> Iterator[str]:
    """Yield what is wrong with the measures, of the experiment and of its collections."""
    for measure in list_measures(measures, collections):
        try:
            parse_measure(measure)
        except ConfigError as error:
            yield from error.messages
    if not measures and not all(collection.measures for collection in collections):
        yield "an experiment needs at least one measure, such as nDCG@10"


def check_significance(significance: Any, systems: Mapping[str, Pipeline]) -> None:
    """Raise ConfigError unless systems can be compared as is asked for."""
    if not isinstance(significance, Significance):
        raise ConfigError(f"significance: expected Significance(…), got {significance!r}")
    significance.check(list(systems))


def check_device(device: Any) -> Iterator[str]:
    """Yield what is wrong with a device's name."""
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        yield f"device {device!r}: expected auto, cpu, cuda, cuda:1, mps or another of torch's names"


def list_measures(measures: Sequence[str], collections: Sequence[Collection]) -> list[str]:
    """Return all measures that are asked for, each once."""
    collection_measures = (name for collection in collections for name in collection.measures)
    return list(dict.fromkeys((*measures, *collection_measures)))


def _measure_pairs(measures: Sequence[str]) -> bool:
    """Tell whether a measure is asked for that candidates without order have."""
    for name in measures:
        with suppress(ConfigError):  # `check_measures` says what is wrong with it
            if parse_measure(name).unordered:
                return True
    return False
