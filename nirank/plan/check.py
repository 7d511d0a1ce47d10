"""What a stage asks of the texts that it runs on, checked while a plan is made: nothing is computed for it."""

from __future__ import annotations

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides, TrainingSources
from nirank.algebra.stage import Stage, TextMap
from nirank.collections.readable import Readable
from nirank.errors import ConfigError, DataError


def check_stage(one: Stage, sides: Sides) -> None:
    """Raise ConfigError for the columns, keys, ids and dates that a stage names and its sides lack, all at once."""
    if sides.training_sources is None:
        return
    said = _of_views(one, {"queries": sides.queries, "docs": sides.docs}, sides.training_sources)
    if sides.queries.is_leaf and sides.docs.is_leaf:
        try:
            one.check_sides(sides, *map(sides.training_sources.get_texts, (sides.queries, sides.docs)))
        except (ConfigError, DataError) as error:
            said += error.messages
    if said:
        raise ConfigError(*said)


def check_map(one: TextMap, texts: Node, sides: Sides) -> None:
    """Raise ConfigError where a map reads a column that the texts lack, or that is empty everywhere."""
    said = [] if sides.training_sources is None else _of_views(one, {"texts": texts}, sides.training_sources)
    if said:
        raise ConfigError(*said)


def _of_views(one: Stage, nodes: dict[str, Node], sources: TrainingSources) -> list[str]:
    said: list[str] = []
    for option, side, view in one.list_text_views():
        there = readable(nodes[side], sources) if side in nodes else None
        if there is None:
            continue
        try:
            if side == "texts":  # a text without words is one passage, and its title stays
                there.fields(view.columns, f"{one.name}: {view}")
            else:
                there.read(view, f"{one.name}: {option} {view}")
        except DataError as error:
            said += error.messages
    return said


def readable(node: Node, sources: TrainingSources) -> Readable | None:
    """Return what can be read of a node's texts; None where only running it tells, or where none are."""
    if node.is_leaf:
        texts = sources.get_texts(node)
        return texts.readable if len(texts) else None
    if isinstance(node.stage, TextMap):
        before = readable(node.get_input("texts"), sources)
        return None if before is None else node.stage.describe_texts(before)
    return next((readable(below, sources) for role, below in node.inputs if role == "made"), None)
