"""Codes: training on subject codes that documents have, without any judgement of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.frozen import freeze
from nirank.algebra.judged import OnOverlap, hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, suggest
from nirank.stages.where import Where
from nirank.training.coded_texts import CodedTexts, code_texts
from nirank.training.training_data import TASKS, TrainingData, require_sources, shorten_source


@dataclass(frozen=True)
class Codes(TrainingData):
    """Documents with the codes of a metadata key: an encoder learns to tell them, and so what a document is about.

    A linear classifier on the document's vector, with a sigmoid for each code, is trained with the encoder and thrown
    away; what is left compares documents by subject rather than by wording (C-BERT: Chalkidis et al., EACL 2021, arXiv
    2101.10726). Documents that are evaluated queries themselves, by text or by the collection's rule of own documents,
    are refused or left out.

    key       metadata key of the codes, a value or a list
    min_docs  codes of fewer documents are left out
    passages  of a document: None, its beginning, as much as the model reads; else (n, words), its first n passages of
              so many words, each an example with the document's codes
    where     conditions on metadata, as the stage `where` has them: {'date': {'max': '2022-12-31'}}
    without   splits whose queries' documents are left out, beside those that are evaluated
    text      what is read of documents
    source    a folder or id; None: the collection that the system runs on
    sample    at most so many documents, chosen by hash of id
    """

    key: str
    min_docs: int = 5
    passages: tuple[int, int] | None = None
    where: Mapping[str, Any] | None = None
    without: tuple[str, ...] = ()
    text: View = TITLE_AND_TEXT
    source: str | None = None
    sample: int | None = None
    on_overlap: OnOverlap = "refuse"

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", freeze(self.where))
        fit_fields(self, "codes")
        object.__setattr__(self, "without", tuple(sorted(set(self.without))))
        if not self.key:
            raise ConfigError("codes: key is empty; expected the metadata key that has the codes")
        for name in ("min_docs", "sample"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"codes: {name} must be 1 or more, got {value}")
        if self.passages is not None and min(self.passages) < 1:
            raise ConfigError(f"codes: passages are how many and of how many words, got {list(self.passages)}")
        self._make_condition()

    @property
    def title(self) -> str:
        source = "the documents" if self.source is None else shorten_source(self.source)
        return f"codes '{self.key}' of {source}"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        collection = sources.open_collection(self.source)
        texts, where = sources.get_texts(collection.docs), f"training set {self.title}"
        texts.text_fields.select_fields(TextView(self.text), f"{where}: text {TextView(self.text)}")
        keys = [name for name, n in texts.text_fields.keys.items() if n]
        if self.key not in keys:
            known = f"they have {', '.join(keys)}" if keys else "they have no metadata"
            raise DataError(
                f"{where}: no document has metadata '{self.key}'; {known}{suggest(self.key, keys)}",
            )
        params: dict[str, Any] = {"key": self.key, "min_docs": self.min_docs}
        condition = self._make_condition()
        if condition is not None:
            condition.check_sides(collection, texts, texts)
            params["where"] = condition.describe_identity()
        left_out = sources.find_evaluated_documents(collection.docs, self.title, self.on_overlap, self.without)
        options: dict[str, Any] = {
            "passages": self.passages,
            "sample": self.sample,
            "left_out": [texts.ids[row] for row in left_out] or None,
            "text": None if self.text == TITLE_AND_TEXT else self.text,
        }
        params |= {name: value for name, value in options.items() if value is not None}
        label = f"texts with {self.title}"
        return Node(
            f"{TASKS}:code_texts", 1, params, (("texts", collection.docs),), offline=True, stage=self, label=label
        )

    def read(self, docs: Texts, left_out: frozenset[str], ctx: Context) -> CodedTexts:
        """Read documents and their codes.

        left_out  ids of documents that no model may see
        """
        is_kept = np.array([id not in left_out for id in docs.ids], np.bool_)
        counts = {"removed: evaluated or left out as queries": int((~is_kept).sum())}
        condition = self._make_condition()
        if condition is not None:
            fits = condition.build_scope(docs, docs, ctx).mask
            assert fits is not None, "where makes masks"
            counts["removed: by where"] = int((is_kept & ~fits).sum())
            is_kept &= fits
        rows = np.flatnonzero(is_kept)
        if self.sample is not None:
            order = sorted(rows.tolist(), key=lambda row: hash_with_salt(docs.ids[row], "sample"))
            rows = np.sort(np.array(order[: self.sample], np.int64))
        values = list(docs.read_metadata(self.key))
        read = docs.read(TextView(self.text), rows)
        documents = ((docs.ids[row], text, values[row]) for row, text in zip(rows.tolist(), read, strict=True))
        coded = code_texts(documents, self.min_docs, *(self.passages or (1, None)))
        counts = {reason: n for reason, n in counts.items() if n}
        return CodedTexts(coded.texts, coded.offsets, coded.codes, coded.names, coded.ids, {**counts, **coded.counts})

    def _make_condition(self) -> Where | None:
        """Return the scope stage that `where` stands for; None: there is none."""
        return None if self.where is None else Where(self.where)

    def __repr__(self) -> str:
        return to_expression(self)
