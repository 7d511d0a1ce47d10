"""load(): a collection from a folder, an ir_datasets id, or the standard library."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.audit import AuditFacts, CandidateFacts, Finding, JudgedFacts, audit, refuse
from nirank.collections.clef_tar import ClefTar
from nirank.collections.collection import Collection, SelfMatch, Time, known_sentence
from nirank.collections.importer import VERSION, ImportFacts, import_texts
from nirank.collections.records import Side, Source
from nirank.collections.sources import Files, QrelsAsked, for_any_split, read_sets, resolve
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, StoreError, suggest
from nirank.ids import Ids
from nirank.judgements import PairsFile, QrelsFile, read_pairs
from nirank.node import Node, Store, Stored
from nirank.pairs import Pairs
from nirank.qrels import Judgement, Qrels

log = logging.getLogger("nirank")


def load(
    source: str | Path | None = None,
    *,
    split: str | None = None,
    name: str | None = None,
    docs: str | Path | None = None,
    queries: str | Path | None = None,
    qrels: QrelsAsked = None,
    candidates: str | Path | bool | None = None,
    known: str | Path | None = None,
    min_rel: int = 1,
    self_match: SelfMatch = "keep",
    date: str | None = None,
    time: Time = "all",
    expect: Mapping[str, int | str] | None = None,
    measures: Sequence[str] = (),
    group: str | None = None,
    max_dangling: float = 0.05,
    store: Store | None = None,
    check: bool = True,
) -> Collection:
    """Load a collection and audit it.

    source        a folder, `folder/split`, an ir_datasets id, or 'python-stdlib'. Folders have BEIR's
                  layout (`corpus`, `queries`, `qrels/<split>[.<set>].tsv`, `candidates.tsv`; texts as
                  JSON lines, CSV, TSV, Parquet or TREC files, all plain or .gz) or CLEF TAR's
    docs          without a source: a file of documents, or a folder of such files
    queries       without a source: a file of queries; with one: a version of its queries, such as
                  'question' for `queries.question.jsonl`
    qrels         judgement sets: a file, or {name: file}, or {name: {path: file, min_rel: grade}}
    candidates    a file; False: the source's own are not used
    known         a file of pairs or of judgements: documents that each query has had before (seeds of a
                  review, an earlier round), which are taken out of results and judgements, and counted
    split         default: test, else the only one
    name          as rows show it; default: the folder's name or the id
    min_rel       the least grade that binary measures take as relevant
    self_match    what to do with the query's own document: 'keep', 'id' or {'key': metadata key}
    date          metadata key of the dates; default: found by its name
    time          'all', or 'as_of_query': documents dated before the query, and undated ones
    expect        counts and digests that must hold: docs, queries, judgements, docs_digest, …
    measures      asked for here instead of the experiment's
    group         collections of one group get a row with the mean over them
    max_dangling  the part of relevant judgements that may name absent documents
    store         where imported texts are kept; default: the user's
    check         whether findings that are errors are raised; they are in `findings` either way

    The declared queries are those judged in the split and those whose metadata name it
    (`split`); of ir_datasets, and without judgements, all. Texts are imported once and then
    found by the digest of their files' bytes.
    Raises ConfigError for a source, split or option that does not exist, DataError for files
    that cannot be trusted.
    """
    _check_options(min_rel, self_match, max_dangling, time, expect)
    same: dict[str, Any] = {
        "name": name,
        "queries": queries,
        "qrels": for_any_split(qrels),
        "candidates": False if candidates is False else None,
        "min_rel": min_rel,
        "self_match": self_match,
        "date": date,
        "time": time,
        "max_dangling": max_dangling,
        "store": store,
    }
    opened, split = resolve(source, split, Files(docs, queries), name)
    if store is None:
        from nirank.store import open_store

        store = open_store()
    doc_side, doc_facts = imported(opened, "docs", store)
    topics, query_facts = imported(opened, "queries", store)
    split = _choose(opened, split, query_facts)
    sets = read_sets(opened, split, topics.ids, qrels, min_rel)
    pool = _candidates(opened, split, candidates)
    declared = _declared(opened, split, topics, [one for one, _ in sets.values()])
    asked = topics if declared.all() else topics.take(np.flatnonzero(declared))
    pairs, candidate_facts = (None, None) if pool is None else _pool(pool, asked.ids, topics.ids, doc_side.ids)
    facts = AuditFacts(
        doc_facts,
        query_facts,
        {key: _judged_facts(judged, topics.ids) for key, (judged, _) in sets.items()},
        candidate_facts,
        topics,
    )
    others, unread = _other_splits(opened, split, topics.ids)
    facts = replace(facts, others=others)
    had, said = None, {}
    if known is not None:
        listed = read_pairs(Path(known).expanduser(), judgements_too=True)
        had = listed.joined(asked.ids, doc_side.ids)
        if len(listed) and not len(had):
            first = f"'{listed.query_ids[0]}' and '{listed.doc_ids[0]}'"
            raise DataError(
                f"{listed.source}: none of its {len(listed):,} pairs is of this collection (its first are {first})"
            )
        rest = {key: (judged.without(listed), least) for key, (judged, least) in sets.items()}
        said["known"] = known_sentence(
            len(had), max(len(sets[key][0]) - len(rest[key][0]) for key in sets) if sets else 0
        )
        sets = rest
    joined = {key: _join(judged, asked.ids, doc_side.ids, least, key) for key, (judged, least) in sets.items()}
    origin = _origin(opened, doc_side, asked, joined, pairs, candidates is False, said)
    collection = Collection(
        name or opened.name,
        doc_side,
        asked,
        joined,
        split,
        pairs,
        had,
        self_match=self_match,
        date=date,
        time=time,
        group=group,
        measures=tuple(measures),
        origin=origin | {"texts": _texts(facts)},
        another=None if source is None else lambda other: load(_root(source, split), split=other, **same),
    )
    if time == "as_of_query":
        _check_dates(collection)
    _check_expected(collection, expect or {})
    found = (*audit(collection, facts, max_dangling=max_dangling), *opened.findings, *unread)
    collection = replace(collection, findings=found)
    if check:
        refuse(collection.findings)
    return collection


def _root(source: str | Path, split: str | None) -> str | Path:
    """Return a source without the split that its name ends with."""
    path = Path(source).expanduser()
    return path.parent if path.name == split and not path.is_dir() and path.parent.is_dir() else source


def imported(source: Source, side: Side, store: Store) -> tuple[Texts, ImportFacts]:
    """Return one side of a source, imported now unless the store has it from before."""
    node = Node(
        "nirank.collections.importer:import_texts",
        VERSION,
        source.identity(side),
        kind="texts",
        offline=True,
        label=f"import {source.name} {side}",
    )
    stored = store.find(node)
    if stored is None or not store.verify(stored):
        with store.lock(node, log.info):
            stored = store.find(node) or _imported_now(source, side, store, node)
    return Texts.open(stored.folder), ImportFacts.from_json(stored.meta["facts"])


def _imported_now(source: Source, side: Side, store: Store, node: Node) -> Stored:
    log.info("importing %s", source.label(side))
    meta: dict[str, Any] = {"inputs": []}
    with store.commit(node, meta) as folder:
        with ExitStack() as files:
            for given in source.given(side):
                files.enter_context(given.reading())
            facts = import_texts(source.records(side), folder, source.label(side))
        meta["facts"] = facts.to_json()
    stored = store.find(node)
    if stored is None:
        raise StoreError(f"{source.label(side)}: was imported, but the store does not find it again")
    return stored


def _choose(source: Source, split: str | None, queries: ImportFacts) -> str | None:
    """Return the split to use: the one asked for, else test, else the only one."""
    known = sorted({*source.splits, *queries.splits}) if source.splits or split is not None else []
    if split is None:
        if not known or "test" in known:
            return "test" if known else None
        if len(known) > 1:
            raise ConfigError(f"collection {source.name}: has several splits; choose one of {', '.join(known)}")
        return known[0]
    if split not in known:
        listed = f"it has {', '.join(known)}" if known else "it has none"
        raise ConfigError(f"collection {source.name}: there is no split '{split}'; {listed}{suggest(split, known)}")
    return split


def _declared(source: Source, split: str | None, queries: Texts, judged: Sequence[QrelsFile]) -> NDArray[np.bool_]:
    """Tell which queries are declared, (n_queries,) bool."""
    if split is None or isinstance(source, ClefTar):
        return np.ones(len(queries), np.bool_)
    named = np.array([value == split for value in queries.metadata("split")], np.bool_)
    for one in judged:
        rows = queries.ids.rows(one.query_ids.unique())
        named[rows[rows >= 0]] = True
    return named


def _join(judged: QrelsFile, queries: Ids, docs: Ids, min_rel: int, name: str) -> Qrels:
    """Join judgements to both sides; those of queries that are not there are left out, dangling ones stay."""
    q, d = queries.rows(judged.query_ids), docs.rows(judged.doc_ids)
    kept = np.flatnonzero(q >= 0)
    lost = kept[d[kept] < 0]
    dangling = tuple(
        Judgement(judged.query_ids[row].as_py(), judged.doc_ids[row].as_py(), int(judged.grades[row]))
        for row in lost.tolist()
    )
    return Qrels.build(
        queries, docs, q[kept], d[kept], judged.grades[kept], name=name, min_rel=min_rel, dangling=dangling
    )


def _candidates(source: Source, split: str | None, asked: str | Path | bool | None) -> PairsFile | None:
    if asked is False:
        return None
    return read_pairs(Path(asked).expanduser()) if isinstance(asked, (str, Path)) else source.candidates(split)


def _pool(pool: PairsFile, queries: Ids, topics: Ids, docs: Ids) -> tuple[Pairs, CandidateFacts]:
    """Join candidates to both sides; those of other splits' queries are left out, unknown documents counted."""
    q, d = queries.rows(pool.query_ids), docs.rows(pool.doc_ids)
    ids = pool.query_ids.unique()
    unknown = int((topics.rows(ids) < 0).sum())
    lost = np.flatnonzero((q >= 0) & (d < 0))
    examples = tuple(f"{pool.query_ids[row]} {pool.doc_ids[row]}" for row in lost[:3].tolist())
    kept = (q >= 0) & (d >= 0)
    pairs = Pairs.build(queries, docs, q[kept], d[kept], source=pool.source)
    listed = int((q >= 0).sum())
    return pairs, CandidateFacts(listed, pool.repeated, len(lost), unknown, examples, pool.line_ends)


def _other_splits(source: Source, split: str | None, topics: Ids) -> tuple[dict[str, QrelsFile], list[Finding]]:
    """Read the main judgements of the other splits; one that cannot be read becomes a finding."""
    found: dict[str, QrelsFile] = {}
    unread: list[Finding] = []
    for other in source.splits:
        if other == split:
            continue
        try:
            for one in list(source.judgements(other, topics).values())[:1]:
                found[other] = one
        except DataError as error:
            unread.append(Finding("unreadable-split", "warning", 0, f"split {other}: {error.messages[0]}"))
    return found, unread


def _judged_facts(judged: QrelsFile, topics: Ids) -> JudgedFacts:
    ids = judged.query_ids.unique()
    outside = np.flatnonzero(topics.rows(ids) < 0)
    shown = tuple(ids.take(pa.array(outside[:3])).to_pylist())
    shared = len(ids) - len(outside)
    return JudgedFacts(
        judged.repeated, len(topics), len(ids), shared, shown, judged.line_ends, judged.form, judged.header
    )


def _origin(
    source: Source,
    docs: Texts,
    queries: Texts,
    qrels: Mapping[str, Qrels],
    pairs: Pairs | None,
    whole: bool,
    said: Mapping[str, str],
) -> dict[str, Any]:
    digests = {"docs": docs.digest, "queries": queries.digest}
    counts = {"docs": len(docs), "queries": len(queries)}
    for key, one in qrels.items():
        digests[key], counts[key] = one.digest, len(one)
    origin = dict(source.origin())
    said = {**origin.pop("conventions", {}), **said}
    if pairs is not None:
        digests["candidates"], counts["candidates"] = pairs.digest, len(pairs)
        said["candidates"] = f"{len(pairs):,} listed pairs"
    elif whole:
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


def _check_dates(collection: Collection) -> None:
    for dates, what in ((collection.doc_dates, "documents"), (collection.query_dates, "queries")):
        if dates is None or dates.undated.all():
            key = f"date: {collection.date}" if collection.date else "a metadata key such as date or year"
            raise ConfigError(f"{collection.name}: time: as_of_query needs dates, but the {what} have none ({key})")


def _check_expected(collection: Collection, expect: Mapping[str, int | str]) -> None:
    """Raise DataError where counts or digests are not what the user pinned."""
    counts, digests = collection.origin["counts"], collection.origin["digests"]
    judged = sum(len(one) for one in list(collection.qrels.values())[:1])
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


def _check_options(
    min_rel: int, self_match: SelfMatch, max_dangling: float, time: str, expect: Mapping[str, int | str] | None
) -> None:
    wrong = []
    if isinstance(min_rel, bool) or not isinstance(min_rel, int) or min_rel < 1:
        wrong.append(f"min_rel must be an integer from 1, got {min_rel!r}")
    by_key = isinstance(self_match, Mapping) and set(self_match) == {"key"} and isinstance(self_match["key"], str)
    if not by_key and self_match not in ("keep", "id"):
        wrong.append(f"self_match must be 'keep', 'id' or {{'key': metadata key}}, got {self_match!r}")
    if not 0 <= max_dangling <= 1:
        wrong.append(f"max_dangling must be from 0 to 1, got {max_dangling!r}")
    if time not in ("all", "as_of_query"):
        wrong.append(f"time must be 'all' or 'as_of_query', got {time!r}")
    if expect is not None and not isinstance(expect, Mapping):
        wrong.append(f"expect must be a mapping such as {{docs: 5183, queries: 300}}, got {expect!r}")
    if wrong:
        raise ConfigError(*wrong)
