"""Filters that compare words: queries that say what an earlier one says, and copies of titles."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.collections.text_view import TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.synthesis.filters.base import Filter, Inputs, KeptQueries, Verdict
from nirank.training.training_data import require_sources

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class NearDuplicates(Filter):
    """Keep the first of several queries that say nearly the same.

    threshold  a query is dropped if the Jaccard similarity of its set of words, in lower case, with that of an earlier
               query that is kept is at least so great

    Measures that similarity of the queries that are dropped.
    """

    threshold: float = 0.8

    name: ClassVar[str] = "near_duplicates"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        _check_threshold(self.name, self.threshold)

    @property
    def title(self) -> str:
        return f"near duplicates from {self.threshold:g}"

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        scores = np.array(list(_compare_with_earlier(queries.texts, self.threshold)), np.float32)
        return Verdict(np.isnan(scores), scores)

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class TitleCopies(Filter):
    """Drop queries that copy the title of their document.

    threshold  from which likeness on: of the characters, in lower case, from 0 to 1 (rapidfuzz's normalised
               similarity of insertions and deletions)
    text       what counts as the title: a column of the documents

    A document without a title has no copy of it.
    """

    threshold: float = 0.9
    text: View = "title"

    name: ClassVar[str] = "title_copies"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        _check_threshold(self.name, self.threshold)

    @property
    def title(self) -> str:
        return f"copies of {TextView(self.text)}"

    def describe_identity(self) -> Mapping[str, Any]:
        return find_changed_fields(self)

    def plan_inputs(self, queries: Sides, written: Node) -> Inputs:
        if queries.docs.is_leaf:
            fields = require_sources(queries).get_texts(queries.docs).text_fields
            fields.select_fields(TextView(self.text), f"{self.name}: text {TextView(self.text)}")
        return ()

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        from rapidfuzz import fuzz

        titles = docs.read(TextView(self.text), queries.docs)
        scores = np.array(
            [
                fuzz.ratio(_fold(query), _fold(title)) / 100 if title.strip() else np.nan
                for query, title in zip(queries.texts, titles, strict=True)
            ],
            np.float32,
        )
        return Verdict(~(scores >= np.float32(self.threshold)), scores)

    def __repr__(self) -> str:
        return to_expression(self)


def _compare_with_earlier(texts: Sequence[str], threshold: float) -> Iterator[float]:
    """Yield the similarity of each text with the nearest earlier one that is kept, NaN where none reaches a threshold.

    Two sets whose Jaccard similarity reaches t share one of the |x| - ⌈t|x|⌉ + 1 rarest words of each (Bayardo et al.,
    WWW 2007), so only those that share one are compared.
    """
    words = [frozenset(_WORD.findall(text.casefold())) for text in texts]
    frequency = Counter(word for text in words for word in text)
    having: defaultdict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(words):
        rarest = sorted(text, key=lambda word: (frequency[word], word))
        rarest = rarest[: len(text) - math.ceil(threshold * len(text) - 1e-9) + 1]
        near = {other for word in rarest for other in having[word]}
        nearest = max((len(text & words[other]) / len(text | words[other]) for other in near), default=0.0)
        if nearest >= threshold - 1e-9:
            yield nearest
        else:
            for word in rarest:
                having[word].append(row)
            yield math.nan


def _fold(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _check_threshold(name: str, threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ConfigError(f"{name}: threshold must lie in (0, 1], got {threshold}")
