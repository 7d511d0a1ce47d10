"""What a plan is asked for when models are trained in it: other judged queries, and a watch over what they share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.node import Node, Store
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Sides, Use
from nirank.collections.collection import Collection
from nirank.collections.sources import resolve
from nirank.collections.texts import TITLE_AND_TEXT, Texts, TextView
from nirank.errors import ConfigError, suggest
from nirank.experiment.loading import imported, load
from nirank.experiment.shared_pairs import Evaluated, SeenRecords, count_pairs, count_seen, find_shared, name_pairs
from nirank.flow.qrels import Qrels
from nirank.plan.compile import compile
from nirank.training.leaks import normalised

_SHOWN = 3  # overlapping queries in a message


@dataclass(frozen=True, eq=False)
class Used:
    """Judged queries that something was trained or tuned on.

    overlap  how many of them are evaluated: queries by text, and pairs of records; `dropped` tells whether they were
             left out
    grade    the least grade of what is relevant
    held     the rows of the evaluated queries that this was for, in a fold; None: all
    questions   the queries that are left, normalised; of pairs of records, the pairs
    seen        of pairs of records: how many evaluated matches have their records here
    """

    use: Use
    title: str
    collection: Collection
    qrels: Qrels
    overlap: int
    dropped: bool
    grade: int
    held: NDArray[np.int64] | None = None
    questions: frozenset[str] = frozenset()
    seen: SeenRecords | None = None

    def said(self) -> dict[str, Any]:
        """Return what a row says."""
        relevant = int(((self.qrels.grades >= self.grade) & (self.qrels.rows >= 0)).sum())
        return {
            "collection": self.collection.name,
            "split": self.collection.split,
            "what": self.title,
            "queries": len(self.qrels.queries),
            "relevant_pairs": relevant,
            "overlap": self.overlap,
            "dropped": self.dropped,
            **({} if self.seen is None else {"evaluated_matches": self.seen._asdict()}),
        }

    def seen_texts(self) -> NDArray[np.uint64]:
        """Return the fingerprints of the documents that are relevant to one of the queries."""
        hit = (self.qrels.grades >= self.grade) & (self.qrels.rows >= 0)
        return np.unique(np.asarray(self.collection.docs.fingerprints)[np.unique(self.qrels.rows[hit])])


@dataclass
class Library:
    """Collections that an experiment's training asks for, each opened once.

    evaluated   the collections whose queries no training may see
    sides_of    makes the leaves of a collection's two sides
    leaves      {address: value} of all leaves made so far
    to_the_end  whether a measure reads the lists of an evaluated collection to their end
    """

    evaluated: tuple[Collection, ...]
    store: Store
    sides_of: Callable[[Collection], Sides]
    leaf: Callable[[Node, Any], Node]
    leaves: Mapping[str, Any]
    to_the_end: Callable[[Collection], bool] = lambda _: False
    opened: dict[tuple[Any, ...], Collection] = field(default_factory=dict)
    among: dict[Hashable, frozenset[str]] = field(default_factory=dict)

    def open(self, own: Collection, asked: Judged) -> Collection:
        """Return the collection with the split that is asked for."""
        key = (asked.source or id(own), asked.split)
        if key not in self.opened:
            self.opened[key] = self._load(own, asked)
        return self.opened[key]

    def ranked_sides(self, collection: Collection) -> Sides:
        """Return the sides of a collection whose lists are evaluated."""
        sides = self.sides_of(collection)
        return replace(sides, whole=sides.whole or self.to_the_end(collection))

    def _load(self, own: Collection, asked: Judged) -> Collection:
        if asked.source is not None:
            return load(asked.source, split=asked.split, store=self.store)
        if asked.split == own.split:
            return own
        if own.another is None or asked.split is None:
            raise ConfigError(
                f"collection {own.name} has no split '{asked.split}' to open; name the source of the training queries"
            )
        return own.another(asked.split)

    @cached_property
    def questions(self) -> tuple[dict[str, str], ...]:
        """Each evaluated collection's queries: {normalised text: id}; none of tables, whose pairs are evaluated."""
        return tuple(
            {} if one.unit == "pair" else dict(zip(_normalised(one.queries), one.queries.ids, strict=True))
            for one in self.evaluated
        )

    def evaluated_among(self, key: Hashable, queries: Iterable[str]) -> frozenset[str]:
        """Return which evaluated queries, normalised, are among some texts; these are read once a key."""
        if key not in self.among:
            known = frozenset().union(*self.questions)
            self.among[key] = frozenset(text for text in map(normalised, queries) if text in known)
        return self.among[key]


@dataclass
class Around:
    """The training sources of one system on one collection, in one fold; notes what is used for training and tuning.

    held      the rows of the queries held out in this fold; None: there are no folds
    unjudged  what rows say of training sets without judgements: files, fields of documents
    read      digests of the documents that those are of
    """

    library: Library
    own: Collection
    held: NDArray[np.int64] | None = None
    used: list[Used] = field(default_factory=list)
    unjudged: list[dict[str, Any]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def open_judged(self, asked: Judged, use: Use, grade: int | None = None) -> Sides:
        """Return judged queries as sides of their own; those that are evaluated are refused, dropped or noted.

        grade  the least one of a relevant document; None: as the judgement set says
        """
        collection = self._others() if asked.outside_fold else self.library.open(self.own, asked)
        qrels = _set(collection, asked.qrels)
        rows = asked.chosen(list(collection.queries.ids))
        refused = (asked.on_overlap or ("refuse" if use == "trained" else "mark")) == "refuse"
        dropped = asked.on_overlap == "drop"
        title = f"{collection.name}/{collection.split}" if collection.split else collection.name
        own = Evaluated(self.own, self.held) if self.own.unit == "pair" else None
        shared = find_shared(collection, qrels, own) & np.isin(qrels.query_rows, rows)
        n_shared = count_pairs(collection, qrels, shared)
        if n_shared and refused:
            raise _shared(title, collection, qrels, shared, use)
        if dropped:
            qrels = qrels.select(~shared)
        collection = replace(collection, qrels={qrels.name: qrels})
        rows = rows[qrels.counts[rows] > 0]
        queries = collection.queries.take(rows)
        texts = _normalised(queries)
        both = self._evaluated(texts) | self._same_ids(collection, queries, texts)
        if both and refused:
            raise _overlap(title, both, len(rows), use)
        if dropped:
            rows = rows[[text not in both for text in texts]]
        if not len(rows):
            raise ConfigError(f"{title}: no judged query is left to be {use} on, of {asked!r}")
        taken = collection.take(rows)
        found = next(iter(taken.qrels.values()))
        overlap = sum(text in both for text in texts) + n_shared
        least = found.min_rel if grade is None else grade
        asks = frozenset(text for text in texts if not (dropped and text in both))
        seen = None if own is None else count_seen(taken, found, own)
        if collection.unit == "pair":
            asks = name_pairs(taken, found)
        self.used.append(Used(use, title, collection, found, overlap, dropped, least, self.held, asks, seen))
        return replace(self.library.sides_of(taken), training_sources=self)

    def _same_ids(self, collection: Collection, queries: Texts, texts: Sequence[str]) -> dict[str, str]:
        """Return the queries, by their texts, whose ids are evaluated over the same documents: other wordings."""
        found: dict[str, str] = {}
        for one in self.library.evaluated:
            if one.unit == "pair" or one.docs.digest != collection.docs.digest:
                continue
            asked = one.queries if self.held is None or one is not self.own else one.queries.take(self.held)
            for row in np.flatnonzero(asked.ids.rows(list(queries.ids)) >= 0).tolist():
                found.setdefault(texts[row], f"{one.name} '{queries.ids[row]}'")
        return found

    def compile_pipeline(self, pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
        """Return the node that computes a pipeline on two sides."""
        return compile(pipeline, sides, upstream)

    def open_collection(self, source: str | None) -> Sides:
        """Return all queries and documents of a collection."""
        if source is None:
            return self.library.sides_of(self.own)
        opened, _ = resolve(source, None)
        made = []
        for side in ("queries", "docs"):
            texts, _ = imported(opened, side, self.library.store)
            made.append(self.library.leaf(Node.leaf("texts", texts.digest, f"all {side} of {opened.name}"), texts))
        return Sides(made[0], made[1], collection=opened.name)

    def get_texts(self, node: Node) -> Texts:
        """Return the texts that a leaf stands for."""
        found: Texts = self.library.leaves[node.address]
        return found

    def find_overlap(
        self, queries: Iterable[str], what: str, on_overlap: OnOverlap, key: Hashable, docs: Node | None = None
    ) -> frozenset[str]:
        """Return the training queries, normalised, that must be left out; raise ConfigError where they are refused."""
        both = self._evaluated(self.library.evaluated_among(key, queries))
        if both and on_overlap == "refuse":
            raise _overlap(what, both, None)
        if docs is not None:
            self.read.add(docs.address)
        found = {"collection": None, "split": None, "what": what, "queries": None, "relevant_pairs": None}
        said = {**found, "overlap": len(both), "dropped": on_overlap == "drop"}
        if said not in self.unjudged:
            self.unjudged.append(said)
        return frozenset(both) if on_overlap == "drop" else frozenset()

    def _others(self) -> Collection:
        """Return the own collection's queries outside the fold."""
        if self.held is None:
            raise ConfigError(
                "training queries without source and split are those outside the fold, and the experiment has no"
                " folds; set folds, or name a split"
            )
        return self.own.take(np.setdiff1d(np.arange(len(self.own.queries)), self.held))

    def _evaluated(self, texts: Iterable[str]) -> dict[str, str]:
        """Return which of some normalised texts are evaluated, and as what."""
        asked = set(texts)
        found: dict[str, str] = {}
        for collection, questions in zip(self.library.evaluated, self.library.questions, strict=True):
            if (
                self.held is not None
            ):  # other folds' queries are not ranked by what is trained here, whatever collection
                own = set(_normalised(self.own.queries))
                held = set(_normalised(self.own.queries.take(self.held)))
                questions = {text: id for text, id in questions.items() if text in held or text not in own}
            for text in asked & questions.keys() - {""}:
                found.setdefault(text, f"{collection.name} '{questions[text]}'")
        return found


def seen(used: Iterable[Used], collection: Collection, qrels: Qrels) -> NDArray[np.bool_] | None:
    """Tell which queries have a relevant document whose text is relevant in training too, (n_queries,).

    None where nothing was trained on judged queries.
    """
    trained = [one for one in used if one.use == "trained"]
    if not trained:
        return None
    hit = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    asked, prints = qrels.query_rows[hit], np.asarray(collection.docs.fingerprints)[qrels.rows[hit]]
    found = np.zeros(len(qrels.queries), np.bool_)
    for one in trained:
        mine = np.ones(len(asked), np.bool_) if one.held is None else np.isin(asked, one.held)
        found[asked[mine & np.isin(prints, one.seen_texts())]] = True
    return found


def _normalised(queries: Texts) -> list[str]:
    return [normalised(text) for text in queries.read(TextView(TITLE_AND_TEXT))]


def _set(collection: Collection, name: str | None) -> Qrels:
    if not collection.qrels:
        raise ConfigError(f"collection {collection.name} has no judgements to train or tune on")
    if name is None:
        return next(iter(collection.qrels.values()))
    if name not in collection.qrels:
        raise ConfigError(
            f"collection {collection.name} has no judgement set '{name}'{suggest(name, collection.qrels)}"
        )
    return collection.qrels[name]


def _shared(title: str, collection: Collection, qrels: Qrels, shared: NDArray[np.bool_], use: Use) -> ConfigError:
    n, of = (count_pairs(collection, qrels, which) for which in (shared, qrels.rows >= 0))
    some = ", ".join(sorted(name_pairs(collection, qrels.select(shared)))[:_SHOWN])
    what = "training" if use == "trained" else "tuning"
    return ConfigError(
        f"{title}: {n:,} of {of:,} {what} pairs are evaluated too (overlap={n}; {some}); set on_overlap: drop to leave"
        " them out, or mark to use them and have the rows say so"
    )


def _overlap(title: str, both: Mapping[str, str], n: int | None, use: Use = "trained") -> ConfigError:
    some = ", ".join(list(both.values())[:_SHOWN])
    of = ("" if n is None else f" of {n:,}") + (" training" if use == "trained" else " tuning")
    return ConfigError(
        f"{title}: {len(both):,}{of} queries are evaluated too (overlap={len(both)}; {some}); set on_overlap:"
        " drop to leave them out, or mark to use them and have the rows say so"
    )


def is_one_table(collection: Collection) -> bool:
    """Tell whether the queries are records of the documents' table, so that a pair counts once, whatever its order.

    Two tables of records may be copies of each other, and then a record's match is the one with its own id: only
    where own documents are taken out are equal sides one table.
    """
    if collection.unit == "pair" or collection.self_match == "keep":
        return collection.relation == "self"
    return collection.relation == "self" or collection.queries.digest == collection.docs.digest
