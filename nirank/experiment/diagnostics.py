"""Diagnostics of an experiment's systems: what each is computed from, once its lists are there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.model import MODEL
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.citations.find import find_references, normalise_identifier
from nirank.collections.collection import Collection
from nirank.diagnostics.ceiling import measure_ceiling
from nirank.diagnostics.contradiction import Vectors, measure_contradiction
from nirank.diagnostics.diagnosis import Diagnosis, Diagnostics
from nirank.diagnostics.duplicates import group_near_duplicates, measure_duplicates
from nirank.diagnostics.lists import DEPTH, JudgedLists
from nirank.diagnostics.query_length import LengthProfile, profile_length
from nirank.diagnostics.relation_leak import measure_leak
from nirank.diagnostics.reliance import MixedScores, Reliance, measure_reliance
from nirank.diagnostics.time_profile import profile_time
from nirank.errors import NirankError
from nirank.experiment.encoder_reach import measure_reach
from nirank.experiment.reranking import Reranking, find_reranking, split_mixture, split_sum
from nirank.experiment.system_runs import SystemRun
from nirank.experiment.training_sources import RunSources, TrainingCollections
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.inference.encoder import read_vectors
from nirank.inference.mixture import MIXTURE_FILE, Mixture
from nirank.inference.models import resolve_model
from nirank.plan.both_sides import compile_system
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.learned_weights import LEARN
from nirank.stages.dense import Dense

_NO_RERANKER = "nothing re-ranks a list of the system"
_IN_FOLDS = "each fold has a system of its own"


@dataclass
class Diagnostician:
    """Diagnoses the systems of an experiment.

    groups  near-duplicates of each corpus, found once
    """

    asked: Diagnostics
    training: TrainingCollections
    runner: Runner
    _groups: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def diagnose(self, run: SystemRun, pairs: Pairs, qrels: Qrels) -> Diagnosis:
        """Return what was asked for, and why some of it could not be computed."""
        if not isinstance(pairs, Ranking) or run.collection.unit == "pair":
            return Diagnosis(absent=dict.fromkeys(self.asked.of, "needs lists in an order, of queries"))
        subject = _Subject(self, run, pairs, qrels)
        values: dict[str, Any] = {}
        absent: dict[str, str] = {}
        for name in self.asked.of:
            try:
                value = getattr(subject, f"compute_{name}")()
            except (NirankError, FailedNode) as error:
                value = str(error)
            if isinstance(value, str):
                absent[name] = value
            else:
                values[name] = value
        return Diagnosis(**values, absent=absent)

    def group_documents(self, collection: Collection) -> NDArray[np.int64]:
        """Return for each document the first of its group."""
        digest = collection.docs.digest
        if digest not in self._groups:
            self._groups[digest] = group_near_duplicates(collection.docs)
        return self._groups[digest]


class _Subject:
    """One system on one collection and judgement set, with its lists."""

    def __init__(self, diagnostician: Diagnostician, run: SystemRun, ranking: Ranking, qrels: Qrels) -> None:
        self.diagnostician, self.run, self.ranking, self.qrels = diagnostician, run, ranking, qrels
        self.runner, self.training = diagnostician.runner, diagnostician.training
        self.reranking: Reranking | None = None if run.folds is not None else find_reranking(run.pipeline)

    @property
    def _no_reranker(self) -> str:
        return _IN_FOLDS if self.run.folds is not None else _NO_RERANKER

    def _rank(self, pipeline: Pipeline, collection: Collection) -> Ranking:
        """Return the lists of a part of the system on a collection's queries."""
        ranking = self.runner.get_value(self._compile(pipeline, collection))
        assert isinstance(ranking, Ranking), "what is re-ranked are lists"
        return ranking

    def _compile(self, pipeline: Pipeline, collection: Collection) -> Node:
        sources = RunSources(self.training, self.run.collection)
        return compile_system(
            pipeline, replace(self.training.leaves.make_ranked_sides(collection), training_sources=sources)
        )

    def _make_lists(self, collection: Collection, qrels: Qrels, ranking: Ranking | None) -> JudgedLists:
        name = f"{collection.name}/{collection.split}" if collection.split else collection.name
        dates = (collection.query_dates, collection.doc_dates)
        return JudgedLists(name, collection.queries, collection.docs, qrels, ranking, *dates)

    def _open_judged(self) -> tuple[Collection, Qrels]:
        """Return the queries that pairs are taken from: as asked, those of training, else the evaluated ones."""
        supervision = self.run.list_supervision("trained")
        if self.diagnostician.asked.on is not None:
            sources = RunSources(self.training, self.run.collection)
            sources.open_judged(self.diagnostician.asked.on, "tuned")
            supervision = sources.supervision
        if not supervision or self.run.folds is not None:
            return self.run.collection, self.qrels
        judged = supervision[0]
        rows = judged.collection.queries.ids.find_rows(list(judged.qrels.queries))
        return judged.collection.take(rows), judged.qrels

    def compute_reliance(self) -> Reliance | str:
        if self.reranking is None:
            return self._no_reranker
        collection = self.run.collection
        fetched = self._rank(self.reranking.prefetcher, collection)
        reranked = self._rank(self.reranking.reranked, collection)
        mixed: MixedScores | None = None
        trained_share, depth = None, self.reranking.depth
        mixture = self._read_mixture(self.reranking.reranked)
        if self.reranking.sum is not None:
            terms = [self._rank(term, collection) for term in self.reranking.terms]
            mixed = split_sum(self.reranking, reranked, terms)
            trained_share = self._find_learned_share(mixed)
        elif mixture is not None:
            depth = mixture["depth"]
            mixed = split_mixture(reranked.cut(depth), fetched.cut(depth), mixture["w_r"], mixture["w_p"])
            trained_share = mixture["trained_share"]
        return measure_reliance(fetched, reranked, self.qrels, depth, mixed, trained_share)

    def _read_mixture(self, pipeline: Pipeline) -> dict[str, Any] | None:
        """Return the weights by which a re-ranker mixes its score with its list's; None where it mixes nothing."""
        node = self._compile(pipeline, self.run.collection)
        artifact = self.runner.run(node)
        declared = {} if artifact is None else artifact.meta.get("declared", {})
        if "mixture" not in declared:
            return None
        weights = {name: float(declared["mixture"][name]) for name in ("w_r", "w_p")}
        folders = [self.runner.get_value(model) / MODEL for role, model in node.inputs if role == MODEL]
        if not folders and isinstance(getattr(node.stage, "model", None), str):
            folders = [resolve_model(node.stage.model).path]
        trained_share = next((Mixture.open(folder).reliance for folder in folders if _mixes(folder)), None)
        depth = declared.get("depth") or (self.reranking.depth if self.reranking else DEPTH)
        return {**weights, "depth": int(depth), "trained_share": trained_share}

    def _find_learned_share(self, mixed: MixedScores) -> float | None:
        """Return ρ_p over the pairs that a sum's weights were learned on; None where they were not learned."""
        folders = [self.runner.get_value(node) for node, _ in self.run.choices if node.task == LEARN]
        learned = [Mixture.open(folder) for folder in folders if _mixes(folder)]
        return next((of.reliance for of in learned if (of.w_r, of.w_p) == (mixed.w_r, mixed.w_p)), None)

    def compute_contradiction(self) -> Any:
        if self.reranking is None:
            return self._no_reranker
        collection, qrels = self._open_judged()
        lists = self._make_lists(collection, qrels, self._rank(self.reranking.prefetcher, collection))
        return measure_contradiction(lists, self.reranking.depth, self._encode(collection))

    def _encode(self, collection: Collection) -> Vectors | None:
        """Return the vectors of the encoder that is asked for; None where none is."""
        encoder = self.diagnostician.asked.encoder
        if encoder is None:
            return None
        sides = replace(self.training.leaves.make_sides(collection), scope=())  # of all documents, in their order
        nodes = Dense(encoder).resolve_options(sides).plan_inputs(sides)
        docs, queries = (read_vectors(self.runner.get_value(node))[0] for node in nodes)
        return Vectors(encoder, docs, queries)

    def compute_ceiling(self) -> Any:
        if self.reranking is None:
            return measure_ceiling(self.ranking, self.ranking, self.qrels, DEPTH)
        fetched = self._rank(self.reranking.prefetcher, self.run.collection)
        return measure_ceiling(fetched, self.ranking, self.qrels, self.reranking.depth)

    def compute_duplicates(self) -> Any:
        groups = self.diagnostician.group_documents(self.run.collection)
        return measure_duplicates(self.ranking, self.qrels, groups)

    def compute_time(self) -> Any:
        collection, qrels = self._open_judged()
        return profile_time(self._make_lists(collection, qrels, None))

    def compute_leak(self) -> Any:
        collection = self.run.collection
        doc_names = [_name_document(id) for id in collection.docs.ids]
        query_names = [_name_document(id) for id in collection.queries.ids]
        own_documents = collection.find_own_documents()
        if own_documents is not None:
            own_names = [doc_names[row] if row >= 0 else frozenset() for row in own_documents.tolist()]
            query_names = [name | own for name, own in zip(query_names, own_names, strict=True)]
        lists = self._make_lists(collection, self.qrels, self.ranking)
        return measure_leak(lists, self.ranking, _list_cited, query_names, doc_names)

    def compute_length(self) -> LengthProfile:
        reach = measure_reach(self.run, self.runner)
        lists = self._make_lists(self.run.collection, self.qrels, self.ranking)
        return profile_length(lists, self.ranking) if reach is None else profile_length(lists, self.ranking, *reach)


def _mixes(folder: Path) -> bool:
    return (folder / MIXTURE_FILE).is_file()


def _name_document(id: str) -> frozenset[str]:
    """Return the identifier that an id stands for, nothing for an id that is no number of an act."""
    identifier = normalise_identifier(id)
    return frozenset() if identifier is None else frozenset((identifier,))


def _list_cited(text: str) -> set[str]:
    """Return the identifiers of what a text cites, all that a mention may mean."""
    return {identifier for reference in find_references(text) for identifier in reference.identifiers}
