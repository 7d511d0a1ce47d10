"""What was read, from files or from memory, joined into the data of a collection: one way for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts, CandidateFacts, JudgementFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.importer import ImportFacts
from nirank.collections.texts import Texts
from nirank.collections.works import WorkRule, check_work_key, resolve_works
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Judgement, Qrels

_JudgementSets = Mapping[str, tuple[QrelsFile, int]]  # with their least relevant grade


@dataclass(frozen=True)
class Contents:
    """What was read of a source, before its parts are joined.

    docs, queries       with what importing them showed; `queries` of all splits
    judgement_sets      with their least relevant grade
    candidates          None: all documents
    known               pairs that are taken out of results and judgements
    declared            (n_queries,) bool, the queries of this split; None: all
    other_splits        the judgements of the other splits
    origin              where it came from
    ignores_candidates  whether the source has candidates that are not used
    works               how judgements that name a law are understood; None: they name documents
    """

    docs: tuple[Texts, ImportFacts]
    queries: tuple[Texts, ImportFacts]
    judgement_sets: Mapping[str, tuple[QrelsFile, int]]
    candidates: PairsFile | None = None
    known: PairsFile | None = None
    declared: NDArray[np.bool_] | None = None
    other_splits: Mapping[str, QrelsFile] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    ignores_candidates: bool = False
    works: WorkRule | None = None


def join_contents(
    name: str, split: str | None, contents: Contents, rules: Mapping[str, Any]
) -> tuple[CollectionData, AuditFacts]:
    """Join the contents of a source; return the collection's data, and what only reading the contents shows.

    rules  fields of `CollectionData`: self_match, date, time, group, measures, unit, relation
    """
    contents, law_conventions = _resolve_works(contents, rules.get("date"))
    (docs, doc_facts), (topics, query_facts) = contents.docs, contents.queries
    declared = contents.declared
    queries = topics if declared is None or declared.all() else topics.take(np.flatnonzero(declared))
    candidates, candidate_facts = None, None
    if contents.candidates is not None:
        candidates, candidate_facts = _join_candidates(contents.candidates, queries.ids, topics.ids, docs.ids)
    files = {key: file for key, (file, _) in contents.judgement_sets.items()}
    judgement_facts = {key: _collect_judgement_facts(file, topics.ids, docs.ids) for key, file in files.items()}
    facts = AuditFacts(doc_facts, query_facts, judgement_facts, candidate_facts, topics, contents.other_splits)
    known, known_sets, judgement_sets, conventions = _remove_known(contents, queries.ids, docs.ids)
    qrels, known_qrels = (
        {key: _join_judgements(file, queries.ids, docs.ids, min_rel, key) for key, (file, min_rel) in sets.items()}
        for sets in (judgement_sets, known_sets)
    )
    origin = _describe_origin(contents, docs, queries, qrels, candidates, {**law_conventions, **conventions})
    origin["texts"] = _describe_texts(facts)
    if rules.get("relation") == "self":
        origin["counts"] |= {key: judgements.count_unordered() for key, judgements in qrels.items()}
    return (
        CollectionData(name, docs, queries, qrels, split, candidates, known, known_qrels, **rules, origin=origin),
        facts,
    )


def _resolve_works(contents: Contents, date: str | None) -> tuple[Contents, dict[str, str]]:
    """Let judgements that name a law be of a version of it; return what is said of that, too."""
    rule = contents.works
    if rule is None:
        return contents, {}
    (docs, _), (topics, _) = contents.docs, contents.queries
    check_work_key(docs, rule.key, "works")
    sets: dict[str, tuple[QrelsFile, int]] = {}
    stated = []
    for name, (file, min_rel) in contents.judgement_sets.items():
        laws = resolve_works(file, topics, docs, rule, date)
        sets[name] = laws.file, min_rel
        text = f"{name}: {laws.named:,} of {len(file):,} judgements name a law by '{rule.key}', and are of its version"
        stated.append(f"{text} {rule.take}" + (f"; {laws.without:,} has none by then" if laws.without else ""))
    others = {name: resolve_works(file, topics, docs, rule, date).file for name, file in contents.other_splits.items()}
    conventions = {"works": "; ".join(stated)} if stated else {}
    return replace(contents, judgement_sets=sets, other_splits=others), conventions


def _remove_known(
    contents: Contents, queries: Ids, docs: Ids
) -> tuple[Pairs | None, _JudgementSets, _JudgementSets, dict[str, str]]:
    """Take known pairs out of the judgements.

    Returns the pairs joined, their judgements, the other judgements, and what is said of it.
    """
    file, judgement_sets = contents.known, contents.judgement_sets
    if file is None:
        return None, {}, judgement_sets, {}
    known = file.join(queries, docs)
    if len(file) and not len(known):
        first = f"'{file.query_ids[0]}' and '{file.doc_ids[0]}'"
        raise DataError(f"{file.source}: none of its {len(file):,} pairs is of this collection (its first are {first})")
    known_sets, unknown = (
        {key: (judged.exclude(file, keep=keep), min_rel) for key, (judged, min_rel) in judgement_sets.items()}
        for keep in (True, False)
    )
    removed = max((len(judged) - len(unknown[key][0]) for key, (judged, _) in judgement_sets.items()), default=0)
    return known, known_sets, unknown, {"known": describe_known(len(known), removed)}


def _join_judgements(file: QrelsFile, queries: Ids, docs: Ids, min_rel: int, name: str) -> Qrels:
    """Join judgements to both sides; those of queries that are not there are left out, dangling ones stay."""
    query_rows, doc_rows = queries.find_rows(file.query_ids), docs.find_rows(file.doc_ids)
    kept = np.flatnonzero(query_rows >= 0)
    dangling = tuple(
        Judgement(file.query_ids[at].as_py(), file.doc_ids[at].as_py(), int(file.grades[at]))
        for at in kept[doc_rows[kept] < 0].tolist()
    )
    return Qrels.build(
        queries,
        docs,
        query_rows[kept],
        doc_rows[kept],
        file.grades[kept],
        name=name,
        min_rel=min_rel,
        dangling=dangling,
    )


def _join_candidates(file: PairsFile, queries: Ids, topics: Ids, docs: Ids) -> tuple[Pairs, CandidateFacts]:
    """Join candidates to both sides; those of other splits' queries are left out, unknown documents counted."""
    query_rows, doc_rows = queries.find_rows(file.query_ids), docs.find_rows(file.doc_ids)
    unknown_topics = int((topics.find_rows(file.query_ids.unique()) < 0).sum())
    unknown_docs = np.flatnonzero((query_rows >= 0) & (doc_rows < 0))
    examples = tuple(f"{file.query_ids[at]} {file.doc_ids[at]}" for at in unknown_docs[:3].tolist())
    kept = (query_rows >= 0) & (doc_rows >= 0)
    candidates = Pairs.build(queries, docs, query_rows[kept], doc_rows[kept], source=file.source)
    listed = int((query_rows >= 0).sum())
    facts = CandidateFacts(listed, file.repeated, len(unknown_docs), unknown_topics, examples, file.line_ends)
    return candidates, facts


def _collect_judgement_facts(file: QrelsFile, topics: Ids, docs: Ids) -> JudgementFacts:
    judged_ids = file.query_ids.unique()
    outside = np.flatnonzero(topics.find_rows(judged_ids) < 0)
    absent = (topics.find_rows(file.query_ids) < 0) | (docs.find_rows(file.doc_ids) < 0)
    return JudgementFacts(
        repeated=file.repeated,
        topics=len(topics),
        judged=len(judged_ids),
        shared=len(judged_ids) - len(outside),
        outside=tuple(judged_ids.take(pa.array(outside[:3])).to_pylist()),
        line_ends=file.line_ends,
        form=file.form,
        header=file.header,
        mirrored=file.mirrored,
        absent=file.select(absent),
    )


def _describe_origin(
    contents: Contents,
    docs: Texts,
    queries: Texts,
    qrels: Mapping[str, Qrels],
    candidates: Pairs | None,
    conventions: Mapping[str, str],
) -> dict[str, Any]:
    """Return where the data came from, their digests and counts, and which conventions they follow."""
    digests = {"docs": docs.digest, "queries": queries.digest}
    counts = {"docs": len(docs), "queries": len(queries)}
    for key, judgements in qrels.items():
        digests[key], counts[key] = judgements.digest, len(judgements)
    origin = dict(contents.origin)
    conventions = {**origin.pop("conventions", {}), **conventions}
    if candidates is not None:
        digests["candidates"], counts["candidates"] = candidates.digest, len(candidates)
        conventions["candidates"] = f"{len(candidates):,} listed pairs"
    elif contents.ignores_candidates:
        conventions["candidates"] = "not used"
    origin |= {"digests": digests, "counts": counts}
    return {**origin, "conventions": conventions} if conventions else origin


def _describe_texts(facts: AuditFacts) -> dict[str, Any]:
    """Return how long texts are and which metadata they have, by side."""
    sides = (("docs", facts.docs), ("queries", facts.queries))
    return {
        side: {
            "mean_words": round(side_facts.words / max(side_facts.records, 1), 1),
            "most_words": side_facts.most_words,
            "keys": side_facts.keys,
        }
        for side, side_facts in sides
        if side_facts is not None
    }


def describe_known(pairs: int, judged: int | None = None) -> str:
    """Say what was taken out because it was known before."""
    counted = "" if judged is None else f", {judged:,} of them judged"
    return f"{pairs:,} pairs taken out of results and judgements{counted}"
