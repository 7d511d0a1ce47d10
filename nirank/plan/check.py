"""What a stage asks of the texts that it runs on, checked while a plan is made: nothing is computed for it."""

from __future__ import annotations

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides, TrainingSources
from nirank.algebra.stage import Stage, TextMap
from nirank.collections.text_fields import TextFields
from nirank.errors import ConfigError, DataError


def check_stage(stage: Stage, sides: Sides) -> None:
    """Raise ConfigError for the columns, keys, ids and dates that a stage names and its sides lack, all at once."""
    if sides.training_sources is None:
        return
    mistakes = _list_view_mistakes(stage, {"queries": sides.queries, "docs": sides.docs}, sides.training_sources)
    if sides.queries.is_leaf and sides.docs.is_leaf:
        try:
            stage.check_sides(sides, *map(sides.training_sources.get_texts, (sides.queries, sides.docs)))
        except (ConfigError, DataError) as error:
            mistakes += error.messages
    if mistakes:
        raise ConfigError(*mistakes)


def check_map(text_map: TextMap, texts: Node, sides: Sides) -> None:
    """Raise ConfigError where a map reads a column that the texts lack, or that is empty everywhere."""
    mistakes = (
        []
        if sides.training_sources is None
        else _list_view_mistakes(text_map, {"texts": texts}, sides.training_sources)
    )
    if mistakes:
        raise ConfigError(*mistakes)


def _list_view_mistakes(stage: Stage, nodes: dict[str, Node], sources: TrainingSources) -> list[str]:
    mistakes: list[str] = []
    for option, side, view in stage.list_text_views():
        text_fields = find_text_fields(nodes[side], sources) if side in nodes else None
        if text_fields is None:
            continue
        try:
            if side == "texts":  # a text without words is one passage, and its title stays
                text_fields.find_fields(view.columns, f"{stage.name}: {view}")
            else:
                text_fields.select_fields(view, f"{stage.name}: {option} {view}")
        except DataError as error:
            mistakes += error.messages
    return mistakes


def find_text_fields(node: Node, sources: TrainingSources) -> TextFields | None:
    """Return what can be read of a node's texts; None where only running it tells, or where none are."""
    if node.is_leaf:
        texts = sources.get_texts(node)
        return texts.text_fields if len(texts) else None
    if isinstance(node.stage, TextFields):
        return node.stage  # texts that are made say it themselves
    if isinstance(node.stage, TextMap):
        read_texts = find_text_fields(node.get_input("texts"), sources)
        return None if read_texts is None else node.stage.describe_texts(read_texts)
    return next((find_text_fields(below, sources) for role, below in node.inputs if role == "made"), None)
