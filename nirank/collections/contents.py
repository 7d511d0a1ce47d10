"""What was read, from files or from memory, joined into the data of a collection: one way for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts, CandidateFacts, JudgedFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.importer import ImportFacts
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.judgements import PairsFile, QrelsFile
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Judgement, Qrels


@dataclass(frozen=True)
class Contents:
    """What was read of a source, before its parts are joined.

    docs, queries  with what importing them showed; `queries` of all splits
    sets           judgement sets with their least relevant grade
    pool           candidates; None: all documents
    known          pairs that are taken out of results and judgements
    declared       (n_queries,) bool, the queries of this split
    others         the judgements of the other splits
    origin         where it came from; `whole` tells that candidates are there and not used
    """

    docs: tuple[Texts, ImportFacts]
    queries: tuple[Texts, ImportFacts]
    sets: Mapping[str, tuple[QrelsFile, int]]
    pool: PairsFile | None = None
    known: PairsFile | None = None
    declared: NDArray[np.bool_] | None = None
    others: Mapping[str, QrelsFile] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False


def join_contents(
    name: str, split: str | None, contents: Contents, rules: Mapping[str, Any]
) -> tuple[CollectionData, AuditFacts]:
    """Join the contents of a source; return the collection's data, and what only reading the contents shows.

    rules  fields of `CollectionData`: self_match, date, time, group, measures, unit, relation
    """
    (docs, doc_facts), (topics, query_facts) = contents.docs, contents.queries
    declared = contents.declared
    asked = topics if declared is None or declared.all() else topics.take(np.flatnonzero(declared))
    pairs, candidate_facts = None, None
    if contents.pool is not None:
        pairs, candidate_facts = _pool(contents.pool, asked.ids, topics.ids, docs.ids)
    judged_facts = {key: _judged_facts(judged, topics.ids, docs.ids) for key, (judged, _) in contents.sets.items()}
    facts = AuditFacts(doc_facts, query_facts, judged_facts, candidate_facts, topics, contents.others)
    had, sets, said = _without_known(contents, asked.ids, docs.ids)
    qrels = {key: _join(judged, asked.ids, docs.ids, least, key) for key, (judged, least) in sets.items()}
    origin = _origin(contents, docs, asked, qrels, pairs, said) | {"texts": _texts(facts)}
    if rules.get("relation") == "self":
        origin["counts"] |= {key: one.count_unordered() for key, one in qrels.items()}
    return CollectionData(name, docs, asked, qrels, split, pairs, had, **rules, origin=origin), facts


def _without_known(
    contents: Contents, queries: Ids, docs: Ids
) -> tuple[Pairs | None, Mapping[str, tuple[QrelsFile, int]], dict[str, str]]:
    """Take known pairs out of the judgements; return them joined, the rest, and what is said of it."""
    listed, sets = contents.known, contents.sets
    if listed is None:
        return None, sets, {}
    had = listed.join(queries, docs)
    if len(listed) and not len(had):
        first = f"'{listed.query_ids[0]}' and '{listed.doc_ids[0]}'"
        raise DataError(
            f"{listed.source}: none of its {len(listed):,} pairs is of this collection (its first are {first})"
        )
    rest = {key: (judged.exclude(listed), least) for key, (judged, least) in sets.items()}
    judged = max((len(sets[key][0]) - len(rest[key][0]) for key in sets), default=0)
    return had, rest, {"known": describe_known(len(had), judged)}


def _join(judged: QrelsFile, queries: Ids, docs: Ids, min_rel: int, name: str) -> Qrels:
    """Join judgements to both sides; those of queries that are not there are left out, dangling ones stay."""
    q, d = queries.find_rows(judged.query_ids), docs.find_rows(judged.doc_ids)
    kept = np.flatnonzero(q >= 0)
    lost = kept[d[kept] < 0]
    dangling = tuple(
        Judgement(judged.query_ids[row].as_py(), judged.doc_ids[row].as_py(), int(judged.grades[row]))
        for row in lost.tolist()
    )
    return Qrels.build(
        queries, docs, q[kept], d[kept], judged.grades[kept], name=name, min_rel=min_rel, dangling=dangling
    )


def _pool(pool: PairsFile, queries: Ids, topics: Ids, docs: Ids) -> tuple[Pairs, CandidateFacts]:
    """Join candidates to both sides; those of other splits' queries are left out, unknown documents counted."""
    q, d = queries.find_rows(pool.query_ids), docs.find_rows(pool.doc_ids)
    ids = pool.query_ids.unique()
    unknown = int((topics.find_rows(ids) < 0).sum())
    lost = np.flatnonzero((q >= 0) & (d < 0))
    examples = tuple(f"{pool.query_ids[row]} {pool.doc_ids[row]}" for row in lost[:3].tolist())
    kept = (q >= 0) & (d >= 0)
    pairs = Pairs.build(queries, docs, q[kept], d[kept], source=pool.source)
    listed = int((q >= 0).sum())
    return pairs, CandidateFacts(listed, pool.repeated, len(lost), unknown, examples, pool.line_ends)


def _judged_facts(judged: QrelsFile, topics: Ids, docs: Ids) -> JudgedFacts:
    ids = judged.query_ids.unique()
    outside = np.flatnonzero(topics.find_rows(ids) < 0)
    shown = tuple(ids.take(pa.array(outside[:3])).to_pylist())
    shared = len(ids) - len(outside)
    lost = (topics.find_rows(judged.query_ids) < 0) | (docs.find_rows(judged.doc_ids) < 0)
    return JudgedFacts(
        judged.repeated,
        len(topics),
        len(ids),
        shared,
        shown,
        judged.line_ends,
        judged.form,
        judged.header,
        judged.mirrored,
        judged.select(lost),
    )


def _origin(
    contents: Contents,
    docs: Texts,
    queries: Texts,
    qrels: Mapping[str, Qrels],
    pairs: Pairs | None,
    said: Mapping[str, str],
) -> dict[str, Any]:
    digests = {"docs": docs.digest, "queries": queries.digest}
    counts = {"docs": len(docs), "queries": len(queries)}
    for key, one in qrels.items():
        digests[key], counts[key] = one.digest, len(one)
    origin = dict(contents.origin)
    said = {**origin.pop("conventions", {}), **said}
    if pairs is not None:
        digests["candidates"], counts["candidates"] = pairs.digest, len(pairs)
        said["candidates"] = f"{len(pairs):,} listed pairs"
    elif contents.whole:
        said["candidates"] = "not used"
    return {**origin, "digests": digests, "counts": counts, **({"conventions": said} if said else {})}


def _texts(facts: AuditFacts) -> dict[str, Any]:
    """Return how long texts are and which metadata they have, by side."""
    sides = (("docs", facts.docs), ("queries", facts.queries))
    return {
        side: {
            "mean_words": round(one.words / max(one.records, 1), 1),
            "most_words": one.most_words,
            "keys": one.keys,
        }
        for side, one in sides
        if one is not None
    }


def describe_known(pairs: int, judged: int | None = None) -> str:
    """Say what was taken out because it was known before."""
    counted = "" if judged is None else f", {judged:,} of them judged"
    return f"{pairs:,} pairs taken out of results and judgements{counted}"
