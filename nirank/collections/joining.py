"""What was read, from files or from memory, joined into a collection and checked: one way for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.audit.auditor import audit
from nirank.collections.audit.facts import AuditFacts, CandidateFacts, JudgedFacts
from nirank.collections.collection import Collection, SelfMatch, known_sentence
from nirank.collections.findings import Finding, refuse
from nirank.collections.importer import ImportFacts
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, suggest
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


def joined(
    name: str,
    split: str | None,
    contents: Contents,
    rules: Mapping[str, Any],
    *,
    max_dangling: float = 0.05,
    expect: Mapping[str, int | str] | None = None,
    findings: Sequence[Finding] = (),
    check: bool = True,
    another: Callable[[str], Collection] | None = None,
) -> Collection:
    """Join the contents of a source, audit them, and refuse what cannot be trusted.

    rules     fields of `Collection`: self_match, date, time, group, measures, unit, relation
    findings  of the source itself
    check     whether findings that are errors are raised
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
    collection = Collection(name, docs, asked, qrels, split, pairs, had, **rules, origin=origin, another=another)
    if collection.date is not None:
        _check_date_key(collection, collection.date)
    if collection.time == "as_of_query":
        check_dates(collection)
    _check_expected(collection, expect or {})
    collection = replace(collection, findings=(*audit(collection, facts, max_dangling=max_dangling), *findings))
    if check:
        refuse(collection.findings)
    return collection


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
    return had, rest, {"known": known_sentence(len(had), judged)}


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


def _check_date_key(collection: Collection, key: str) -> None:
    known = {**collection.docs.readable.keys, **collection.queries.readable.keys}
    if key not in known:
        raise ConfigError(
            f"{collection.name}: date: no document and no query has metadata '{key}'; they have"
            f" {', '.join(known) or 'no metadata'}{suggest(key, known)}"
        )


def check_dates(collection: Collection) -> None:
    """Raise ConfigError where a rule on dates is asked for and a side has none."""
    for dates, what in ((collection.doc_dates, "documents"), (collection.query_dates, "queries")):
        if dates is None or dates.undated.all():
            key = f"date: {collection.date}" if collection.date else "a metadata key such as date or year"
            raise ConfigError(f"{collection.name}: time: as_of_query needs dates, but the {what} have none ({key})")


def _check_expected(collection: Collection, expect: Mapping[str, int | str]) -> None:
    """Raise DataError where counts or digests are not what the user pinned."""
    counts, digests = collection.origin["counts"], collection.origin["digests"]
    judged = sum(counts[name] for name in list(collection.qrels)[:1])
    known = {**counts, "judgements": judged, **{f"{key}_digest": value for key, value in digests.items()}}
    wrong = [key for key in expect if key not in known]
    if wrong:
        raise ConfigError(
            f"{collection.name}: expect has no '{wrong[0]}'; it has {', '.join(known)}{suggest(wrong[0], known)}"
        )
    differ = [
        f"{collection.name}: expected {expect[key]} {key}, found {known[key]}"
        for key in expect
        if expect[key] != known[key]
    ]
    if differ:
        raise DataError(*differ)


def check_rules(
    min_rel: int, self_match: SelfMatch, max_dangling: float, time: str, expect: Mapping[str, int | str] | None
) -> None:
    """Raise ConfigError for rules of a collection that cannot be meant, all at once."""
    wrong = []
    if isinstance(min_rel, bool) or not isinstance(min_rel, int) or min_rel < 1:
        wrong.append(f"min_rel must be an integer from 1, got {min_rel!r}")
    by_key = isinstance(self_match, Mapping) and set(self_match) == {"key"} and isinstance(self_match["key"], str)
    if not by_key and self_match not in ("keep", "id"):
        wrong.append(f"self_match must be 'keep', 'id' or {{'key': metadata key}}, got {self_match!r}")
    number = isinstance(max_dangling, (int, float)) and not isinstance(max_dangling, bool)
    if not number or not 0 <= max_dangling <= 1:
        wrong.append(f"max_dangling must be from 0 to 1, got {max_dangling!r}")
    if time not in ("all", "as_of_query"):
        wrong.append(f"time must be 'all' or 'as_of_query', got {time!r}")
    if expect is not None and not isinstance(expect, Mapping):
        wrong.append(f"expect must be a mapping such as {{docs: 5183, queries: 300}}, got {expect!r}")
    if wrong:
        raise ConfigError(*wrong)
