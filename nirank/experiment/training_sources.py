"""Where training and tuning get judged queries from, and the watch over what these share with what is evaluated."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.node import Node, Store
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides, Use, WrittenData
from nirank.collections.collection import Collection
from nirank.collections.sources.lookup import open_source
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, suggest
from nirank.experiment.evaluated_documents import find_query_documents
from nirank.experiment.leaves import Leaves
from nirank.experiment.loading import import_side, load
from nirank.experiment.shared_pairs import EvaluationSet, count_pairs, count_seen, find_shared, name_pairs
from nirank.experiment.supervision import Supervision
from nirank.flow.qrels import Qrels
from nirank.plan.compile import compile_pipeline
from nirank.results.row_training import TrainingQueries
from nirank.training.questions import normalise_question

_SHOWN = 3  # overlapping queries in a message


@dataclass
class TrainingCollections:
    """The collections that an experiment's training asks for, each opened once.

    evaluated  the collections whose queries no training may see
    """

    evaluated: tuple[Collection, ...]
    store: Store
    leaves: Leaves
    _opened: dict[tuple[Any, ...], Collection] = field(default_factory=dict)
    _known: dict[Hashable, frozenset[str]] = field(default_factory=dict)

    def open(self, evaluated: Collection, asked: Judged) -> Collection:
        """Return the collection with the split that is asked for."""
        key = (asked.source or id(evaluated), asked.split)
        if key not in self._opened:
            self._opened[key] = self._load(evaluated, asked)
        return self._opened[key]

    def _load(self, evaluated: Collection, asked: Judged) -> Collection:
        if asked.source is not None:
            return load(asked.source, split=asked.split, store=self.store)
        if asked.split == evaluated.split:
            return evaluated
        if evaluated.open_split is None or asked.split is None:
            raise ConfigError(
                f"collection {evaluated.name} has no split '{asked.split}' to open; name the source of the training"
                " queries"
            )
        return evaluated.open_split(asked.split)

    @cached_property
    def questions(self) -> tuple[dict[str, str], ...]:
        """Each evaluated collection's queries: {normalised text: id}; none of tables, whose pairs are evaluated."""
        return tuple(
            {}
            if collection.unit == "pair"
            else dict(zip(_read_questions(collection.queries), collection.queries.ids, strict=True))
            for collection in self.evaluated
        )

    def find_evaluated(self, key: Hashable, queries: Iterable[str]) -> frozenset[str]:
        """Return which evaluated queries, normalised, are among some texts; these are read once a key."""
        if key not in self._known:
            evaluated = frozenset().union(*self.questions)
            self._known[key] = frozenset(text for text in map(normalise_question, queries) if text in evaluated)
        return self._known[key]


@dataclass
class RunSources:
    """The training sources of one system on one collection, in one fold; notes what was asked for.

    collection   the one that is evaluated
    held_out     the rows of the queries held out in this fold; None: there are no folds
    supervision  the judged queries that were asked for
    unjudged     training sets without judgements: files, fields of documents
    documents    digests of the documents that those are of
    written      queries that the plan writes
    """

    collections: TrainingCollections
    collection: Collection
    held_out: NDArray[np.int64] | None = None
    supervision: list[Supervision] = field(default_factory=list)
    unjudged: list[TrainingQueries] = field(default_factory=list)
    documents: set[str] = field(default_factory=set)
    written: list[WrittenData] = field(default_factory=list)

    def open_judged(self, asked: Judged, use: Use, grade: int | None = None) -> Sides:
        """Return judged queries as sides of their own; those that are evaluated are refused, dropped or noted.

        grade  the least one of a relevant document; None: as the judgement set says
        """
        collection = self._take_outside_fold() if asked.outside_fold else self.collections.open(self.collection, asked)
        qrels = _choose_qrels(collection, asked.qrels)
        rows = asked.choose_rows(list(collection.queries.ids))
        refused = (asked.on_overlap or ("refuse" if use == "trained" else "mark")) == "refuse"
        dropped = asked.on_overlap == "drop"
        title = f"{collection.name}/{collection.split}" if collection.split else collection.name
        evaluated = EvaluationSet(self.collection, self.held_out) if self.collection.unit == "pair" else None
        shared = find_shared(collection, qrels, evaluated) & np.isin(qrels.query_rows, rows)
        n_shared = count_pairs(collection, qrels, shared)
        if n_shared and refused:
            raise _make_pair_overlap_error(title, collection, qrels, shared, use)
        if dropped:
            qrels = qrels.select(~shared)
        collection = replace(collection, qrels={qrels.name: qrels})
        rows = rows[qrels.counts[rows] > 0]
        queries = collection.queries.take(rows)
        texts = _read_questions(queries)
        overlap = self._find_evaluated(texts) | self._find_same_ids(collection, queries, texts)
        if overlap and refused:
            raise _make_query_overlap_error(title, overlap, len(rows), use)
        if dropped:
            rows = rows[[text not in overlap for text in texts]]
        if not len(rows):
            raise ConfigError(f"{title}: no judged query is left to be {use} on, of {asked!r}")
        training = collection.take(rows)
        labels = next(iter(training.qrels.values()))
        self.supervision.append(
            Supervision(
                use,
                title,
                collection,
                labels,
                overlap=sum(text in overlap for text in texts) + n_shared,
                dropped=dropped,
                grade=labels.min_rel if grade is None else grade,
                held_out=self.held_out,
                questions=name_pairs(training, labels)
                if collection.unit == "pair"
                else frozenset(text for text in texts if not (dropped and text in overlap)),
                seen=None if evaluated is None else count_seen(training, labels, evaluated),
            )
        )
        # Which records share a block depends on all that ask: pairs are chosen by what is compared where it counts.
        all_ask = use == "tuned" and collection.unit == "pair" and not asked.outside_fold and asked.takes_all
        if use == "tuned" and collection.both_ask and not all_ask:
            raise ConfigError(
                f"{title}: both tables ask (ask: both), so a system is tuned on all pairs of a split; of some of the"
                " queries, the records of the other table would ask these alone"
            )
        sides = self.collections.leaves.make_sides(collection if all_ask else training)
        return replace(sides, training_sources=self)

    def compile_pipeline(self, pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
        """Return the node that computes a pipeline on two sides."""
        return compile_pipeline(pipeline, sides, upstream)

    def open_collection(self, source: str | None) -> Sides:
        """Return all queries and documents of a collection."""
        leaves = self.collections.leaves
        if source is None:
            return replace(leaves.make_sides(self.collection), training_sources=self)
        opened, _ = open_source(source, None)
        sides = []
        for side in ("queries", "docs"):
            texts, _ = import_side(opened, side, self.collections.store)
            sides.append(leaves.add(Node.leaf("texts", texts.digest, f"all {side} of {opened.name}"), texts))
        return Sides(sides[0], sides[1], collection=opened.name, training_sources=self)

    def get_texts(self, node: Node) -> Texts:
        """Return the texts that a leaf stands for."""
        texts: Texts = self.collections.leaves.values[node.address]
        return texts

    def find_overlap(
        self, queries: Iterable[str], what: str, on_overlap: OnOverlap, key: Hashable, docs: Node | None = None
    ) -> frozenset[str]:
        """Return the training queries, normalised, that must be left out; raise ConfigError where they are refused."""
        overlap = self._find_evaluated(self.collections.find_evaluated(key, queries))
        if overlap and on_overlap == "refuse":
            raise _make_query_overlap_error(what, overlap, None)
        if docs is not None:
            self.documents.add(docs.address)
        queries_here = TrainingQueries(what, len(overlap), dropped=on_overlap == "drop")
        if queries_here not in self.unjudged:
            self.unjudged.append(queries_here)
        return frozenset(overlap) if on_overlap == "drop" else frozenset()

    def find_evaluated_documents(
        self, docs: Node, what: str, on_overlap: OnOverlap, splits: Sequence[str]
    ) -> tuple[int, ...]:
        """Return the documents that must be left out; raise ConfigError where evaluated ones are refused."""
        texts = self.get_texts(docs)
        evaluated = find_query_documents(texts, map(self._take_fold, self.collections.evaluated))
        if evaluated and on_overlap == "refuse":
            raise _make_document_overlap_error(what, evaluated)
        others = [self.collections.open(self.collection, Judged(split=split)) for split in splits]
        self.documents.add(docs.address)
        note = TrainingQueries(what, len(evaluated), dropped=on_overlap == "drop")
        if note not in self.unjudged:
            self.unjudged.append(note)
        left_out = {*find_query_documents(texts, others), *(evaluated if on_overlap == "drop" else ())}
        return tuple(sorted(left_out))

    def _take_fold(self, evaluated: Collection) -> Collection:
        """Return an evaluated collection with the queries that are ranked by what is trained here."""
        in_fold = evaluated is self.collection and self.held_out is not None
        return evaluated.take(self.held_out) if in_fold and self.held_out is not None else evaluated

    def list_evaluated_queries(self) -> tuple[Node, ...]:
        """Return the queries that the experiment evaluates, of each collection whose queries are judged."""
        leaves = self.collections.leaves
        judged = (collection for collection in self.collections.evaluated if collection.unit == "query")
        return tuple(dict.fromkeys(leaves.make_sides(collection).queries for collection in judged))

    def list_evaluated_candidates(self) -> tuple[tuple[Node, Node], ...]:
        """Return documents and candidates of the queries that are evaluated here, where the collection lists any."""
        if self.collection.candidates is None:
            return ()
        evaluated = self.collection if self.held_out is None else self.collection.take(self.held_out)
        leaves = self.collections.leaves
        sides = leaves.make_sides(evaluated)
        return tuple((sides.docs, node) for node in sides.scope if leaves.values[node.address].pairs is not None)

    def note_written(self, data: WrittenData) -> None:
        """Note queries that the plan writes."""
        if data.trains:
            self.documents.add(data.docs.address)
        if data not in self.written:
            self.written.append(data)

    def _take_outside_fold(self) -> Collection:
        """Return the own collection's queries outside the fold."""
        if self.held_out is None:
            raise ConfigError(
                "training queries without source and split are those outside the fold, and the experiment has no"
                " folds; set folds, or name a split"
            )
        return self.collection.take(np.setdiff1d(np.arange(len(self.collection.queries)), self.held_out))

    def _find_evaluated(self, texts: Iterable[str]) -> dict[str, str]:
        """Return which of some normalised texts are evaluated, and as what."""
        asked = set(texts)
        evaluated: dict[str, str] = {}
        for collection, questions in zip(self.collections.evaluated, self.collections.questions, strict=True):
            if self.held_out is not None:
                # Other folds' queries are not ranked by what is trained here, whatever their collection.
                in_any_fold = set(_read_questions(self.collection.queries))
                fold = set(_read_questions(self.collection.queries.take(self.held_out)))
                questions = {text: id for text, id in questions.items() if text in fold or text not in in_any_fold}
            for text in asked & questions.keys() - {""}:
                evaluated.setdefault(text, f"{collection.name} '{questions[text]}'")
        return evaluated

    def _find_same_ids(self, collection: Collection, queries: Texts, texts: Sequence[str]) -> dict[str, str]:
        """Return the queries, by their texts, whose ids are evaluated over the same documents: other wordings."""
        same: dict[str, str] = {}
        for evaluated in self.collections.evaluated:
            if evaluated.unit == "pair" or evaluated.docs.digest != collection.docs.digest:
                continue
            in_fold = self.held_out if evaluated is self.collection else None
            asked = evaluated.queries if in_fold is None else evaluated.queries.take(in_fold)
            for row in np.flatnonzero(asked.ids.find_rows(list(queries.ids)) >= 0).tolist():
                same.setdefault(texts[row], f"{evaluated.name} '{queries.ids[row]}'")
        return same


def _read_questions(queries: Texts) -> list[str]:
    return [normalise_question(text) for text in queries.read(TextView(TITLE_AND_TEXT))]


def _choose_qrels(collection: Collection, name: str | None) -> Qrels:
    if not collection.qrels:
        raise ConfigError(f"collection {collection.name} has no judgements to train or tune on")
    if name is None:
        return next(iter(collection.qrels.values()))
    if name not in collection.qrels:
        raise ConfigError(
            f"collection {collection.name} has no judgement set '{name}'{suggest(name, collection.qrels)}"
        )
    return collection.qrels[name]


def _make_pair_overlap_error(
    title: str, collection: Collection, qrels: Qrels, shared: NDArray[np.bool_], use: Use
) -> ConfigError:
    n, total = (count_pairs(collection, qrels, which) for which in (shared, qrels.rows >= 0))
    examples = ", ".join(sorted(name_pairs(collection, qrels.select(shared)))[:_SHOWN])
    what = "training" if use == "trained" else "tuning"
    return ConfigError(
        f"{title}: {n:,} of {total:,} {what} pairs are evaluated too (overlap={n}; {examples}); set on_overlap: drop to"
        " leave them out, or mark to use them and have the rows say so"
    )


def _make_document_overlap_error(what: str, overlap: Mapping[int, str]) -> ConfigError:
    examples = ", ".join(list(overlap.values())[:_SHOWN])
    return ConfigError(
        f"{what}: {len(overlap):,} training documents are evaluated queries (overlap={len(overlap)}; {examples}); set"
        " on_overlap: drop to leave them out, or mark to use them and have the rows say so"
    )


def _make_query_overlap_error(
    title: str, overlap: Mapping[str, str], n: int | None, use: Use = "trained"
) -> ConfigError:
    examples = ", ".join(list(overlap.values())[:_SHOWN])
    total = ("" if n is None else f" of {n:,}") + (" training" if use == "trained" else " tuning")
    return ConfigError(
        f"{title}: {len(overlap):,}{total} queries are evaluated too (overlap={len(overlap)}; {examples}); set"
        " on_overlap: drop to leave them out, or mark to use them and have the rows say so"
    )
