"""Whether a system's models were trained on what they are evaluated on, as far as anybody has said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import walk_stages
from nirank.collections.collection import Collection

Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class ZeroShot:
    """Whether a system sees a collection's data for the first time, and how that is known.

    answer  'yes': no trained model, or the collection is known and none of the listed training data is its; 'no': a
            model was trained on it; 'unknown': a model has no list, the collection is not known, or it shares a source
            that nobody checked
    """

    answer: Answer
    why: str


_FILES = ("files", "clef-tar")  # readers of folders and files; others have ids
_PARTS = 3  # of an id, which may end with a version and a split
_PRINTS = 8
_LONG = 4  # letters of a data set's name, from which a collection called like it and more may be made of it


@dataclass(frozen=True)
class _Cards:
    """model_cards.yaml. Names are compared without case and punctuation."""

    models: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    same: Mapping[str, frozenset[str]]
    shared: Mapping[str, frozenset[str]]
    known: frozenset[str]
    prints: Mapping[int, str]


def zero_shot(pipeline: Pipeline, collection: Collection) -> ZeroShot:
    """Judge a system on a collection by the model cards; the least favourable of its models decides."""
    models = dict.fromkeys(model for stage in walk_stages(pipeline) for model in stage.list_models())
    found = [_judged(model, collection) for model in models]
    worse: tuple[Answer, ...] = ("no", "unknown")
    for answer in worse:
        told = [one.why for one in found if one.answer == answer]
        if told:
            return ZeroShot(answer, "; ".join(told))
    told = [one.why for one in found]
    return ZeroShot("yes", "; ".join(told) or "no trained model")


def _judged(model: str, collection: Collection) -> ZeroShot:
    cards = _cards()
    name = cards.names.get(_key(model))
    trained = _trained_on(name, cards) if name else None
    if name is None or trained is None:
        return ZeroShot("unknown", f"no list of what {model} was trained on")
    keys = _collection_keys(collection) | _by_texts(collection, cards)
    near = {one for one in trained for key in keys if len(one) >= _LONG and key.startswith(one) and key != one}
    same = {one for key in keys for one in cards.same.get(key, {key})}
    shared = {one for key in keys for one in cards.shared.get(key, ())} | near
    overlaps: tuple[tuple[set[str], Answer], ...] = ((same, "no"), (shared, "unknown"))
    for data, answer in overlaps:
        common = sorted(trained[one] for one in data & trained.keys())
        if common:
            may = "" if answer == "no" else ", which may have the same texts"
            return ZeroShot(answer, f"{model} was trained on {', '.join(common)}{may}")
    if not keys & cards.known:
        return ZeroShot("unknown", f"{collection.name} is not known, so what {model} was trained on may contain it")
    return ZeroShot("yes", f"{model} names other training data")


def _trained_on(name: str, cards: _Cards, seen: frozenset[str] = frozenset()) -> dict[str, str] | None:
    """Return {key: name} of all data that a model and those it was made from have seen; None where one has no list."""
    card = cards.models.get(name)
    if card is None or "trained_on" not in card:
        return None
    found = {_key(data): data for data in card["trained_on"]}
    for parent in card.get("parents", ()):
        more = None if parent in seen else _trained_on(parent, cards, seen | {name})
        if more is None:
            return None
        found |= more
    return found


def _collection_keys(collection: Collection) -> set[str]:
    """Return the names that a collection goes by: its own, and its folder's or the last parts of its id.

    A folder above a collection names none: what lies in `nq/` may be anything.
    """
    source = str(collection.origin.get("source", ""))
    in_files = collection.origin.get("reader") in _FILES or source.startswith((".", "/", "~", "\\")) or ":" in source
    parts = re.split(r"[/\\]", source.rstrip("/\\"))[-1 if in_files else -_PARTS :]
    return {_key(one) for one in (collection.name, *parts)} - {""}


def _by_texts(collection: Collection, cards: _Cards) -> set[str]:
    """Return the names of the known collections that have most of the same least fingerprints."""
    prints = np.asarray(collection.docs.fingerprints)
    prints = np.unique(prints[prints != 0])[:_PRINTS].tolist()
    found = Counter(cards.prints[one] for one in prints if one in cards.prints)
    return {name for name, n in found.items() if 2 * n >= _PRINTS}


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _cards() -> _Cards:
    import yaml

    read = yaml.safe_load(files("nirank.results").joinpath("model_cards.yaml").read_text(encoding="utf-8"))
    models: dict[str, Any] = read["models"]
    names = {_key(one): name for name, card in models.items() for one in (name, *card.get("also", ()))}
    same, shared = (
        {
            _key(name): frozenset(map(_key, one[how]))
            for one in read["collections"]
            if how in one
            for name in one["names"]
        }
        for how in ("is", "may")
    )
    collections: list[dict[str, Any]] = read["collections"]
    data = {_key(one) for card in models.values() for one in card.get("trained_on", ())}
    known = data.union(_key(name) for one in collections for name in one["names"])
    prints = {int(print_, 16): _key(one["names"][0]) for one in collections for print_ in one.get("prints", ())}
    return _Cards(models, names, same, shared, frozenset(known), prints)
