"""Synthetic: training data that a plan writes itself, for a collection without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides, WrittenData
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.synthesis.kept_texts import SOURCE, judge_sources, make_query_sides
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.training.mined_data import MinedData
from nirank.training.negatives import LabelledNegatives, Negatives
from nirank.training.questions import normalise_question
from nirank.training.training_data import require_sources, shorten_source

EVALUATED = "evaluated too"  # the reason for which a query is left out


@dataclass(frozen=True)
class Synthetic(MinedData):
    """Written queries, each with the document that it is written for as its positive; no label is read.

    queries     how they are written
    negatives   mined ones, of one pipeline or several; None: none but the batch's
    teacher     a pipeline whose scores of positives and negatives are learned ('margin_mse')
    source      a folder or id, whose documents queries are written for; None: the collection that the system runs on
    spare       so many documents nearest to a query's own, of those in its cluster, are never negatives; one with the
                text of its own never is
    on_overlap  where a query has the words of one that is evaluated: 'mark' says so on the row, 'drop' leaves it out
    doc_text    what the model that is trained reads of a document
    """

    queries: SyntheticQueries
    negatives: Negatives | tuple[Negatives, ...] | None = None
    teacher: Pipeline | None = None
    source: str | None = None
    spare: int = 0
    on_overlap: Literal["mark", "drop"] = "mark"
    doc_text: View = TITLE_AND_TEXT

    def __post_init__(self) -> None:
        fit_fields(self, "data")
        self.check_mining()
        if any(isinstance(source, LabelledNegatives) for source in self.negative_sources):
            raise ConfigError("negatives: written queries have no labelled ones; name a pipeline that finds some")
        selection = self.queries.selection
        if self.spare < 0:
            raise ConfigError(f"spare: expected a number of documents, 0 or more, got {self.spare}")
        if self.spare and (selection is None or selection.by == "random"):
            raise ConfigError(
                "spare: the nearest documents of a cluster are spared, and the selection makes no clusters"
            )
        if self.on_overlap not in ("mark", "drop"):
            raise ConfigError(f"on_overlap: expected mark or drop for written queries, got {self.on_overlap!r}")

    @property
    def title(self) -> str:
        source = "" if self.source is None else f" for {shorten_source(self.source)}"
        return f"{self.queries.title}{source}"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        opened = sources.open_collection(self.source)
        collection = replace(opened, device=sides.device, training_sources=sources)
        fields = sources.get_texts(collection.docs).text_fields
        view = TextView(self.queries.doc_text)
        fields.select_fields(view, f"training set {self.title}: synthetic: doc_text {view}")
        written = self.queries.compile_node(collection)
        if self.on_overlap == "drop":
            evaluated = tuple(("evaluated", node) for node in sources.list_evaluated_queries())
            label = "written queries without evaluated ones"
            inputs = (("written", written), *evaluated)
            written = Node(f"{__name__}:drop_evaluated", 1, {}, inputs, offline=True, label=label)
        drops = self.on_overlap == "drop"
        sources.note_written(WrittenData(self.title, written, collection.docs, sources.list_evaluated_queries(), drops))
        queries = make_query_sides(written, collection)
        selected = self.queries.compile_selection(collection) if self.spare else None
        judged = judge_sources(queries, written, self.spare, selected)
        return self.compile_examples(judged, sources, SOURCE)

    def __repr__(self) -> str:
        return to_expression(self)


def drop_evaluated(job: Job) -> None:
    """Drop the queries that have the words of one that is evaluated."""
    table = QueryTable.open(job.get_input("written"))
    evaluated = {
        normalise_question(text)
        for queries in job.inputs.get("evaluated", ())
        for text in queries.read(TextView(TITLE_AND_TEXT))
    }
    is_evaluated = np.array([normalise_question(text) in evaluated for text in table.queries], np.bool_)
    count = int((is_evaluated & table.kept).sum())
    table = table.drop(is_evaluated, EVALUATED)
    table.save(job.folder)
    job.context.declare("filter", {"in": int(table.kept.sum()) + count, "out": int(table.kept.sum())})
