"""Cases: which system, on which collection, with which seed, is computed by which node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.judged import in_folds
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.walk import transform, walk
from nirank.base.identity import SEED
from nirank.base.values import fit_fields
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, NirankError
from nirank.experiment.planning import Around, Library, Used
from nirank.experiment.seeds import seeded_name
from nirank.plan.choices import Chosen, PendingError, settled
from nirank.plan.compile import compile
from nirank.plan.held import compile_held, depends_on_fold, joined
from nirank.training.leaks import normalised


@dataclass(frozen=True)
class Folds:
    """How queries are split: into k parts by a seeded hash, queries with one text in the same part.

    Each part's list comes from systems that saw the other parts' judgements only; all parts are evaluated together.
    """

    k: int
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self, "folds")
        if self.k < 2:
            raise ConfigError(f"folds: expected 2 folds or more, got {self.k!r}")

    def rows(self, collection: Collection) -> list[NDArray[np.int64]]:
        """Return the query rows of each fold."""
        from nirank.collections.texts import TITLE_AND_TEXT, TextView

        if len(collection.queries) < self.k:
            raise ConfigError(f"collection {collection.name}: {len(collection.queries)} queries for {self.k} folds")
        texts = [normalised(text) for text in collection.queries.read(TextView(TITLE_AND_TEXT))]
        first: dict[str, str] = {}  # queries without words are each their own
        keys = [
            first.setdefault(text, id) if text else id for text, id in zip(texts, collection.queries.ids, strict=True)
        ]
        fold = in_folds(keys, self.k, self.seed)
        return [np.flatnonzero(fold == one) for one in range(self.k)]


@dataclass(frozen=True)
class Case:
    """One system on one collection.

    system    as its row is named; `of`, as the user named it
    pipeline  with its seed and choices
    node      that ranks; None while something has to be chosen first, by `waits`
    seed      of trained models; None: nothing depends on one
    folds     how many; None: nothing depends on them
    used      what it was trained and tuned on; `unjudged`: training sets without judgements, as rows say it
    read      digests of the documents that such sets are of
    chosen    each choice (of each fold) and what it found
    """

    collection: Collection
    system: str
    of: str
    pipeline: Pipeline
    node: Node | None
    seed: int | None = None
    folds: int | None = None
    used: tuple[Used, ...] = ()
    unjudged: tuple[Mapping[str, Any], ...] = ()
    read: frozenset[str] = frozenset()
    chosen: tuple[tuple[Node, Mapping[str, Any]], ...] = ()
    waits: Node | None = None

    def said(self) -> dict[str, Any]:
        """Return what the row says of seed, folds, training and tuning."""
        trained = [one for one in self.used if one.use == "trained"]
        tuned = [one for one in self.used if one.use == "tuned"]
        return {
            "of": None if self.system == self.of else self.of,
            "seed": self.seed,
            "folds": self.folds,
            "trained_on": [*(one.said() for one in trained), *map(dict, self.unjudged)],
            "trained_on_test": any(one.overlap and not one.dropped for one in trained)
            or any(one["overlap"] and not one["dropped"] for one in self.unjudged),
            "tuned_on": [one.said() | {"trained_too": _trained_too(one, trained)} for one in tuned],
            "tuned_on_test": any(one.overlap and not one.dropped for one in tuned),
            "chosen": [dict(found) for _, found in self.chosen],
        }

    def trained_here(self) -> list[str]:
        """Return the training queries over the documents that the case ranks, by title."""
        here = self.collection.docs.digest
        found = [one.title for one in self.used if one.use == "trained" and one.collection.docs.digest == here]
        return list(dict.fromkeys([*found, *(["its documents"] if here in self.read else [])]))

    @property
    def target(self) -> Node:
        """What is to be computed next: the ranking, or the choice that comes first."""
        found = self.node or self.waits
        assert found is not None
        return found


def cases(
    library: Library, systems: Mapping[str, Pipeline], seeds: Sequence[int], folds: Folds | None, chosen: Chosen
) -> Iterator[Case]:
    """Yield the cases of an experiment; raise ConfigError with every system's mistakes."""
    problems: dict[str, list[str]] = {}  # each with the collections on which it shows
    for collection in library.evaluated:
        for name, pipeline in systems.items():
            seeded = any(one is SEED for one in walk(pipeline))
            for seed in seeds if seeded else (None,):
                shown = seeded_name(name, seed) if seed is not None and len(seeds) > 1 else name
                one = pipeline if seed is None else with_seed(pipeline, seed)
                begun = Case(collection, shown, name, one, None, seed)
                try:
                    yield _planned(begun, library, folds, chosen)
                except PendingError as pending:
                    yield replace(begun, waits=pending.node)
                except NirankError as error:
                    if error.exit_code != 2:
                        raise
                    for message in error.messages:
                        problems.setdefault(f"system '{name}': {message}", []).append(_called(collection))
    if problems:
        raise ConfigError(*(_told(said, places, library.evaluated) for said, places in problems.items()))


def _called(collection: Collection) -> str:
    return f"{collection.name}/{collection.split}" if collection.split else collection.name


def _told(said: str, places: Sequence[str], evaluated: Sequence[Collection]) -> str:
    """Return a mistake with the collections on which it shows, unless it is a mistake on all."""
    return said if set(places) == set(map(_called, evaluated)) else f"{said} (on {', '.join(dict.fromkeys(places))})"


def with_seed(pipeline: Pipeline, seed: int) -> Pipeline:
    """Return the pipeline whose trained models have a seed."""
    made: Pipeline = transform(pipeline, lambda one: seed if one is SEED else one)
    return made


def _planned(case: Case, library: Library, folds: Folds | None, chosen: Chosen) -> Case:
    if folds is None or not depends_on_fold(case.pipeline):
        around = Around(library, case.collection)
        pipeline, said = settled(case.pipeline, around, chosen)
        sides = replace(library.ranked_sides(case.collection), training_sources=around)
        node = compile(pipeline, sides)
        more: dict[str, Any] = {"used": _once(around.used), "unjudged": tuple(around.unjudged), "chosen": tuple(said)}
        more["read"] = frozenset(around.read)
        return replace(case, pipeline=pipeline, node=node, **more)
    whole = library.ranked_sides(case.collection)
    lists, used, choices = [], [], []
    unjudged: list[Mapping[str, Any]] = []
    read: set[str] = set()
    for rows in folds.rows(case.collection):
        around = Around(library, case.collection, rows)
        pipeline, said = settled(case.pipeline, around, chosen)
        held = replace(library.ranked_sides(case.collection.take(rows)), training_sources=around)
        lists.append((compile_held(pipeline, held, replace(whole, training_sources=around)), held))
        used += around.used
        unjudged += [one for one in around.unjudged if one not in unjudged]
        choices += said
        read |= around.read
    more = {"used": _once(used), "unjudged": tuple(unjudged), "chosen": tuple(choices)}
    more["read"] = frozenset(read)
    return replace(case, node=joined(lists, whole), folds=folds.k, **more)


def _trained_too(tuned: Used, trained: Sequence[Used]) -> int:
    """Count the queries of a choice that the same fold's models were trained on."""
    same = [one.questions for one in trained if _bytes(one.held) == _bytes(tuned.held)]
    return len(tuned.questions & frozenset().union(*same)) if same else 0


def _once(used: Sequence[Used]) -> tuple[Used, ...]:
    """Leave out what a pipeline uses twice, in the same fold."""
    found = {
        (one.use, one.collection.queries.digest, one.qrels.digest, one.grade, _bytes(one.held)): one for one in used
    }
    return tuple(found.values())


def _bytes(rows: NDArray[np.int64] | None) -> bytes | None:
    return None if rows is None else rows.tobytes()
