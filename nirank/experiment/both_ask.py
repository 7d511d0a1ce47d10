"""What has no meaning where both tables of a collection ask, found before anything is planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from nirank.algebra.application import Fold, Rewrite
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Retriever, ScopeStage, Stage, walk_stages
from nirank.algebra.tuned import TunedPipeline
from nirank.algebra.walk import walk
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.evaluation.measures import parse_measure
from nirank.stages.cut import Cut
from nirank.stages.run import RunFile


def check_both_ask(
    collections: Sequence[Collection], systems: Mapping[str, Pipeline], measures: Sequence[str], folds: bool
) -> Iterator[str]:
    """Yield what an experiment asks for that has no meaning on a collection both of whose tables ask.

    folds  whether the queries are split
    """
    asked = [collection for collection in collections if collection.both_ask]
    if not asked:
        return
    name = asked[0].name
    if folds:
        yield f"folds split the queries, and both tables of {name} ask (ask: both); expected no folds, or ask: right"
    for collection in asked:
        if collection.scope is not None:
            rules = ", ".join(collection.build_scopes())
            yield f"{collection.name}: {rules} restrict what a query may be given, and both tables ask (ask: both)"
    ranked = list(_list_ranked(dict.fromkeys(name for each in asked for name in each.measures or measures)))
    if ranked:
        yield (
            f"{', '.join(ranked)}: needs a ranking, and {name} is asked from both tables (ask: both), which gives pairs"
            " without order: ask for measures of pairs, such as PC and candidates"
        )
    for system, pipeline in systems.items():
        yield from (f"system '{system}': {mistake}" for mistake in _check_system(pipeline, name))


def _list_ranked(measures: Sequence[str] | dict[str, None]) -> Iterator[str]:
    """Yield the measures that read an order and are none of pairs."""
    for name in measures:
        with suppress(ConfigError):  # said where measures are checked
            measure = parse_measure(name)
            if not (measure.of_pairs or measure.unordered):
                yield name


def _check_system(pipeline: Pipeline, collection: str) -> Iterator[str]:
    where = f"both tables of {collection} ask (ask: both)"
    for part in walk(pipeline, closed=Stage):
        if isinstance(part, Stage) and "judgements" in part.reads:
            yield f"{part!r} reads judgements, which are of the right table's records, and {where}"
        elif isinstance(part, (ScopeStage, RunFile)):
            yield f"{part!r} says which documents a query may have, and {where}, so that the documents are queries too"
        elif isinstance(part, (Fold, Rewrite)):
            yield f"{part.title} changes the texts of one side, and {where}"
    candidates = pipeline.candidates if isinstance(pipeline, TunedPipeline) else (pipeline,)
    for candidate in candidates:
        if isinstance(candidate, Pipeline) and candidate.gives == "ranking" and not limits_depth(candidate):
            yield f"{candidate!r} does not say how many candidates a record gets, and {where}: set k, or end with a cut"
            break


def limits_depth(pipeline: Pipeline) -> bool:
    """Tell whether something limits how many documents a query gets."""
    return any(
        isinstance(stage, Cut) or stage.gives == "pairs" or (isinstance(stage, Retriever) and stage.k is not None)
        for stage in walk_stages(pipeline)
    )
