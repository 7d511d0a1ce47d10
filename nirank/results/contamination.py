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
from nirank.inference.ngram_models import is_ngram_model

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


def judge_zero_shot(pipeline: Pipeline, collection: Collection) -> ZeroShot:
    """Judge a system on a collection by the model cards; the least favourable of its models decides."""
    models = dict.fromkeys(model for stage in walk_stages(pipeline) for model in stage.list_models())
    judgements = [_judge_model(model, collection) for model in models]
    worse: tuple[Answer, ...] = ("no", "unknown")
    for answer in worse:
        reasons = [judgement.why for judgement in judgements if judgement.answer == answer]
        if reasons:
            return ZeroShot(answer, "; ".join(reasons))
    reasons = [judgement.why for judgement in judgements]
    return ZeroShot("yes", "; ".join(reasons) or "no trained model")


def _judge_model(model: str, collection: Collection) -> ZeroShot:
    if is_ngram_model(model):
        return ZeroShot("yes", f"{model} was trained on nothing")
    cards = _read_cards()
    name = cards.names.get(_normalise_name(model))
    trained = _list_training_data(name, cards) if name else None
    if name is None or trained is None:
        return ZeroShot("unknown", f"no list of what {model} was trained on")
    keys = _list_collection_keys(collection) | _find_by_texts(collection, cards)
    similar = {
        data_set
        for data_set in trained
        for key in keys
        if len(data_set) >= _LONG and key.startswith(data_set) and key != data_set
    }
    same = {data_set for key in keys for data_set in cards.same.get(key, {key})}
    shared = {data_set for key in keys for data_set in cards.shared.get(key, ())} | similar
    overlaps: tuple[tuple[set[str], Answer], ...] = ((same, "no"), (shared, "unknown"))
    for data, answer in overlaps:
        common = sorted(trained[data_set] for data_set in data & trained.keys())
        if common:
            may = "" if answer == "no" else ", which may have the same texts"
            return ZeroShot(answer, f"{model} was trained on {', '.join(common)}{may}")
    if not keys & cards.known:
        return ZeroShot("unknown", f"{collection.name} is not known, so what {model} was trained on may contain it")
    return ZeroShot("yes", f"{model} names other training data")


def _list_training_data(name: str, cards: _Cards, seen: frozenset[str] = frozenset()) -> dict[str, str] | None:
    """Return {key: name} of all data that a model and those it was made from have seen; None where one has no list."""
    card = cards.models.get(name)
    if card is None or "trained_on" not in card:
        return None
    data_sets = {_normalise_name(data): data for data in card["trained_on"]}
    for parent in card.get("parents", ()):
        of_parent = None if parent in seen else _list_training_data(parent, cards, seen | {name})
        if of_parent is None:
            return None
        data_sets |= of_parent
    return data_sets


def _list_collection_keys(collection: Collection) -> set[str]:
    """Return the names that a collection goes by: its own, and its folder's or the last parts of its id.

    A folder above a collection names none: what lies in `nq/` may be anything.
    """
    source = str(collection.origin.get("source", ""))
    in_files = collection.origin.get("reader") in _FILES or source.startswith((".", "/", "~", "\\")) or ":" in source
    parts = re.split(r"[/\\]", source.rstrip("/\\"))[-1 if in_files else -_PARTS :]
    return {_normalise_name(part) for part in (collection.name, *parts)} - {""}


def _find_by_texts(collection: Collection, cards: _Cards) -> set[str]:
    """Return the names of the known collections that have most of the same least fingerprints."""
    prints = np.asarray(collection.docs.fingerprints)
    prints = np.unique(prints[prints != 0])[:_PRINTS].tolist()
    counts = Counter(cards.prints[fingerprint] for fingerprint in prints if fingerprint in cards.prints)
    return {name for name, n in counts.items() if 2 * n >= _PRINTS}


def _normalise_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _read_cards() -> _Cards:
    import yaml

    read = yaml.safe_load(files("nirank.results").joinpath("model_cards.yaml").read_text(encoding="utf-8"))
    models: dict[str, Any] = read["models"]
    names = {_normalise_name(alias): name for name, card in models.items() for alias in (name, *card.get("also", ()))}
    same, shared = (
        {
            _normalise_name(name): frozenset(map(_normalise_name, collection[how]))
            for collection in read["collections"]
            if how in collection
            for name in collection["names"]
        }
        for how in ("is", "may")
    )
    collections: list[dict[str, Any]] = read["collections"]
    data = {_normalise_name(name) for card in models.values() for name in card.get("trained_on", ())}
    known = data.union(_normalise_name(name) for collection in collections for name in collection["names"])
    prints = {
        int(print_, 16): _normalise_name(collection["names"][0])
        for collection in collections
        for print_ in collection.get("prints", ())
    }
    return _Cards(models, names, same, shared, frozenset(known), prints)
