"""Queries that a plan writes for documents: which documents, by what generator, cleaned and filtered how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from nirank.algebra.doc_queries import DocQueries
from nirank.algebra.node import Job, Node, mark_offline
from nirank.algebra.sides import Sides, WrittenData
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, View
from nirank.errors import ConfigError
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.filtering import compile_filter
from nirank.synthesis.filters.base import Filter
from nirank.synthesis.generation import compile_cleaning, compile_queries
from nirank.synthesis.generator import Generator
from nirank.synthesis.kept_texts import make_query_sides
from nirank.synthesis.quota_cut import compile_quota_cut
from nirank.synthesis.selected_docs import SelectedDocs
from nirank.synthesis.selection import Selection


@dataclass(frozen=True)
class SyntheticQueries(DocQueries):
    """Queries that a generator writes for documents.

    generator  writes them
    selection  chooses the documents; None: all
    cleaning   what becomes of a query as it was written
    filters    which of the cleaned queries are kept, each looks at what those before it keep
    keep_rate  how many of the documents will still have a query after all filters, a guess: the selection is asked for
               1 / keep_rate times as many documents, and of those that are left each cluster keeps its quota, so that
               filters do not undo what the selection balanced
    doc_text   what the generator reads of a document
    """

    generator: Generator
    selection: Selection | None = None
    cleaning: Cleaning = field(default_factory=Cleaning)
    filters: tuple[Filter, ...] = ()
    keep_rate: float = 1.0
    doc_text: View = TITLE_AND_TEXT

    def __post_init__(self) -> None:
        fit_fields(self, "synthetic")
        if not 0 < self.keep_rate <= 1:
            raise ConfigError(f"synthetic: keep_rate must lie in (0, 1], got {self.keep_rate}")
        if self.keep_rate < 1 and self.selection is None:
            raise ConfigError("synthetic: keep_rate is for a selection, and all documents are taken; leave it out")

    @property
    def title(self) -> str:
        return f"queries written by {self.generator.title}"

    @property
    def base_names(self) -> tuple[str, ...]:
        model = getattr(self.generator, "model", None)
        return (model,) if isinstance(model, str) else ()

    def compile_texts(self, sides: Sides) -> Node:
        if not sides.docs.is_leaf:
            raise ConfigError(
                "queries are written for whole documents, and these are parts: expected the outermost fold"
            )
        written = self.compile_node(sides)
        if sides.training_sources is not None:
            evaluated = sides.training_sources.list_evaluated_queries()
            data = WrittenData(self.title, written, sides.docs, evaluated, trains=False)
            sides.training_sources.note_written(data)
        return mark_offline(make_query_sides(written, sides).queries)  # a filter's searches answer nobody

    def compile_node(self, collection: Sides) -> Node:
        """Return the computation that gives the `QueryTable`, for the documents of a collection."""
        selected = self.compile_selection(collection)
        written = compile_queries(self.generator, selected, collection, self.doc_text)
        written = compile_cleaning(written, collection.docs, self.cleaning, self.doc_text)
        for query_filter in self.filters:
            written = compile_filter(query_filter, written, collection)
        if self.keep_rate < 1 and self.selection is not None:
            written = compile_quota_cut(written, selected, self.selection.n)
        return written

    def compile_selection(self, collection: Sides) -> Node:
        """Return the computation that gives the `SelectedDocs`."""
        if self.selection is None:
            inputs = (("texts", collection.docs),)
            return Node(f"{__name__}:select_all", 1, {}, inputs, offline=True, label="all documents")
        more = replace(self.selection, n=math.ceil(self.selection.n / self.keep_rate))
        if isinstance(self.selection.clusters, int):  # as many as the documents that are asked for have
            more = replace(more, clusters=min(self.selection.clusters, self.selection.n))
        return more.compile_node(collection)

    def __repr__(self) -> str:
        return to_expression(self)


def select_all(job: Job) -> None:
    """Select all documents, in no clusters."""
    n = len(job.get_input("texts"))
    selected = SelectedDocs(np.arange(n), np.full(n, -1, np.int64), np.zeros(0, np.int64), {"documents": n})
    selected.save(job.folder)
