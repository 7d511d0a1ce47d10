"""Pairs that a matching rule labels: training data where nobody labelled any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from nirank.algebra.judged import OnOverlap, hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline, check_system
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.blocking.rule_answers import answer_pairs
from nirank.blocking.rule_forms import read_rule, write_rule
from nirank.blocking.rules import MATCH, NON_MATCH, UNKNOWN, Rule
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.training.mining import MinedRows, mine_rows
from nirank.training.negatives import LabelledNegatives
from nirank.training.training_data import TASKS, TrainingData, require_sources, shorten_source


@dataclass(frozen=True)
class RulePairs(TrainingData):
    """Pairs of records that a rule labels: those that match are positives, those that do not are their negatives.

    rule       an object of `nirank.blocking.rules`, a mapping as in YAML, or a `Function` with name and version
    of         the pipeline whose k nearest documents of each query are labelled: matches and near misses
    random     further documents of each query that are labelled, drawn by the seed
    negatives  at most so many an example, chosen by hash; None: all
    source     a folder or id; None: the collection that the system runs on

    Pairs that the rule leaves open are dropped, and counted; no label is read.
    """

    rule: Any
    of: Pipeline
    k: int = 10
    random: int = 0
    negatives: int | None = None
    source: str | None = None
    doc_text: View = TITLE_AND_TEXT
    query_text: View = TITLE_AND_TEXT
    seed: int = 0
    on_overlap: OnOverlap = "refuse"

    def __post_init__(self) -> None:
        fit_fields(self, "data")
        check_system("rule", self.of)
        if not isinstance(self.rule, Rule):
            object.__setattr__(self, "rule", read_rule(self.rule, "rule"))
        for name, least in (("k", 1), ("random", 0), ("negatives", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"rule: {name} must be {least} or more, got {value}")

    @property
    def title(self) -> str:
        source = "" if self.source is None else f" of {shorten_source(self.source)}"
        return f"pairs{source} labelled by a rule"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        collection = sources.open_collection(self.source)
        views = (("query_text", self.query_text, collection.queries), ("doc_text", self.doc_text, collection.docs))
        for name, view, side in views:
            fields = sources.get_texts(side).text_fields
            fields.select_fields(TextView(view), f"training set {self.title}: {name} {TextView(view)}")
            for column in self.rule.columns():
                fields.select_fields(TextView(column), f"training set {self.title}: rule")
        questions = sources.get_texts(collection.queries).read(TextView(TITLE_AND_TEXT))
        key = (collection.queries.address, "rule")
        overlap = sources.find_overlap(questions, self.title, self.on_overlap, key, collection.docs)
        params: dict[str, Any] = {"rule": write_rule(self.rule), "random": self.random, "seed": self.seed}
        options = {"n": self.negatives, "without": sorted(overlap) or None, "one_table": collection.one_table or None}
        params |= {name: value for name, value in options.items() if value is not None}
        inputs = (("queries", collection.queries), ("docs", collection.docs))
        pipeline = self.of % self.k if self.of.gives == "ranking" else self.of
        pairs = sources.compile_pipeline(pipeline, collection)
        labelled = Node(
            f"{TASKS}:label_pairs", 1, params, (*inputs, ("list", pairs)), offline=True, stage=self, label=self.title
        )
        params = {name: view for name, view, _ in views if view != TITLE_AND_TEXT}
        label = f"examples of {self.title}"
        return Node(f"{TASKS}:read_mined", 1, params, (*inputs, ("mined", labelled)), offline=True, label=label)

    def __repr__(self) -> str:
        return to_expression(self)


def label_pairs(
    rule: Rule, queries: Texts, docs: Texts, pairs: Pairs, params: Mapping[str, Any], without: frozenset[int]
) -> MinedRows:
    """Return the matches as examples, with non-matches of the same query as negatives.

    params   'random', 'seed', 'n' and 'one_table', as `RulePairs` has them
    without  rows of queries that are left out
    """
    neighbours = np.column_stack((pairs.query_rows, np.asarray(pairs.rows, np.int64)))
    drawn = [
        (row, int(doc))
        for row in range(len(queries) if params["random"] and len(docs) else 0)
        for doc in _draw_rows(queries.ids[row], len(docs), params["random"], params["seed"])
    ]
    sampled = np.unique(np.concatenate((neighbours, np.array(drawn, np.int64).reshape(-1, 2))), axis=0)
    if params.get("one_table"):
        sampled = sampled[sampled[:, 0] != sampled[:, 1]]  # a record is no pair
    if without:
        sampled = sampled[~np.isin(sampled[:, 0], list(without))]
    q, d = sampled.T
    answers = answer_pairs(rule, queries, docs, q, d)
    known = answers != UNKNOWN
    qrels = Qrels.build(queries.ids, docs.ids, q[known], d[known], (answers[known] == MATCH).astype(np.int64))
    mined = mine_rows(queries, docs, qrels, [], {"negatives": [LabelledNegatives(params.get("n")).params()]})
    names = {"matches": MATCH, "non-matches": NON_MATCH, "unknown, dropped": UNKNOWN}
    counts = {"pairs sampled": len(q)} | {f"rule: {name}": int((answers == code).sum()) for name, code in names.items()}
    return replace(mined, counts={**counts, **mined.counts})


def _draw_rows(query: str, n: int, size: int, seed: int) -> list[int]:
    """Draw rows of n documents for a query, the same wherever it stands."""
    return Random(hash_with_salt(query, f"random pairs {seed}")).sample(range(n), min(size, n))
