"""load(): a collection from a folder, an ir_datasets id, or the standard library."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections import irds, stdlib
from nirank.collections.audit import AuditFacts, JudgedFacts, audit, refuse
from nirank.collections.beir import BeirFolder, is_beir
from nirank.collections.collection import Collection, SelfMatch
from nirank.collections.importer import VERSION, ImportFacts, import_texts
from nirank.collections.records import Side, Source
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, StoreError, suggest
from nirank.ids import Ids
from nirank.judgements import QrelsFile
from nirank.node import Node, Store
from nirank.qrels import Judgement, Qrels

log = logging.getLogger("nirank")


def load(
    source: str | Path,
    *,
    split: str | None = None,
    name: str | None = None,
    min_rel: int = 1,
    self_match: SelfMatch = "keep",
    measures: Sequence[str] = (),
    max_dangling: float = 0.05,
    store: Store | None = None,
    check: bool = True,
) -> Collection:
    """Load a collection and audit it.

    source        a folder in BEIR's layout, `folder/split`, an ir_datasets id, or 'python-stdlib'
    split         default: test, else the only one
    name          as rows show it; default: the folder's name or the id
    min_rel       the least grade that binary measures take as relevant
    self_match    what to do with the query's own document: 'keep', 'id' or {'key': metadata key}
    measures      asked for here instead of the experiment's
    max_dangling  the part of relevant judgements that may name absent documents
    store         where imported texts are kept; default: the user's
    check         whether findings that are errors are raised; they are in `findings` either way

    The declared queries are those judged in the split and those whose metadata name it
    (`split`); of ir_datasets, and without judgements, all. Texts are imported once and then
    found by the digest of their files' bytes.
    Raises ConfigError for a source, split or option that does not exist, DataError for files
    that cannot be trusted.
    """
    _check_options(min_rel, self_match, max_dangling)
    opened, split = resolve(source, split)
    if store is None:
        from nirank.store import open_store

        store = open_store()
    docs, doc_facts = imported(opened, "docs", store)
    queries, query_facts = imported(opened, "queries", store)
    split = _choose(opened, split, query_facts)
    judged = opened.judgements(split, queries.ids)
    declared = _declared(split, queries, judged)
    asked = queries if declared.all() else queries.take(np.flatnonzero(declared))
    facts = AuditFacts(doc_facts, query_facts)
    qrels: dict[str, Qrels] = {}
    if judged is not None:
        qrels["qrels"] = _join(judged, asked.ids, docs.ids, min_rel)
        facts = replace(facts, judged={"qrels": _judged_facts(judged, queries.ids)})
    collection = Collection(
        name or opened.name,
        docs,
        asked,
        qrels,
        split,
        self_match=self_match,
        measures=tuple(measures),
        origin=_origin(opened, docs, asked, qrels),
    )
    collection = replace(collection, findings=(*audit(collection, facts, max_dangling=max_dangling), *opened.findings))
    if check:
        refuse(collection.findings)
    return collection


def resolve(source: str | Path, split: str | None) -> tuple[Source, str | None]:
    """Open what a source names, and return it with the split that the name contains."""
    text = str(source)
    if text == stdlib.NAME:
        return stdlib.StandardLibrary(), split
    path = Path(source).expanduser()
    if path.is_dir():
        return BeirFolder(path), split
    if path.exists():
        raise ConfigError(f"collection {text}: is a file; expected a folder in BEIR's layout")
    if is_beir(path.parent):
        if split not in (None, path.name):
            raise ConfigError(f"collection {text}: names split '{path.name}', but split '{split}' is asked for")
        return BeirFolder(path.parent), path.name
    is_id = isinstance(source, str) and not text.startswith((".", "/", "~"))
    if is_id and irds.is_known(text):
        return irds.IrDataset.split_of(text, split), None
    beside = [str(path.parent / one.name) for one in path.parent.iterdir()] if path.parent.is_dir() else []
    known = [stdlib.NAME, *beside, *(irds.known_ids() if is_id else ())]
    what = "neither a folder nor an ir_datasets id" if is_id else "no such folder"
    raise ConfigError(
        f"collection {text}: {what}; expected a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv,"
        f" an id of ir_datasets, or '{stdlib.NAME}'{suggest(text, known)}"
    )


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
    if stored is None:
        log.info("importing %s", source.label(side))
        meta: dict[str, Any] = {}
        with store.commit(node, meta) as folder:
            facts = import_texts(source.records(side), folder, source.label(side))
            meta["facts"] = facts.to_json()
        stored = store.find(node)
        if stored is None:
            raise StoreError(f"{source.label(side)}: was imported, but the store does not find it again")
    return Texts.open(stored.folder), ImportFacts.from_json(stored.meta["facts"])


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


def _declared(split: str | None, queries: Texts, judged: QrelsFile | None) -> NDArray[np.bool_]:
    """Tell which queries are declared, (n_queries,) bool."""
    if split is None:
        return np.ones(len(queries), np.bool_)
    named = np.array([value == split for value in queries.metadata("split")], np.bool_)
    if judged is not None:
        rows = queries.ids.rows(judged.query_ids.unique())
        named[rows[rows >= 0]] = True
    return named


def _join(judged: QrelsFile, queries: Ids, docs: Ids, min_rel: int) -> Qrels:
    """Join judgements to both sides; those of queries that are not there are left out, dangling ones stay."""
    q, d = queries.rows(judged.query_ids), docs.rows(judged.doc_ids)
    kept = np.flatnonzero(q >= 0)
    lost = kept[d[kept] < 0]
    dangling = tuple(
        Judgement(judged.query_ids[row].as_py(), judged.doc_ids[row].as_py(), int(judged.grades[row]))
        for row in lost.tolist()
    )
    return Qrels.build(queries, docs, q[kept], d[kept], judged.grades[kept], min_rel=min_rel, dangling=dangling)


def _judged_facts(judged: QrelsFile, topics: Ids) -> JudgedFacts:
    ids = judged.query_ids.unique()
    outside = np.flatnonzero(topics.rows(ids) < 0)
    shown = tuple(ids.take(pa.array(outside[:3])).to_pylist())
    return JudgedFacts(judged.repeated, len(topics), len(ids), len(ids) - len(outside), shown)


def _origin(source: Source, docs: Texts, queries: Texts, qrels: Mapping[str, Qrels]) -> dict[str, Any]:
    digests = {"docs": docs.digest, "queries": queries.digest}
    counts = {"docs": len(docs), "queries": len(queries)}
    for key, one in qrels.items():
        digests[key], counts[key] = one.digest, len(one)
    return {**source.origin(), "digests": digests, "counts": counts}


def _check_options(min_rel: int, self_match: SelfMatch, max_dangling: float) -> None:
    wrong = []
    if isinstance(min_rel, bool) or not isinstance(min_rel, int) or min_rel < 1:
        wrong.append(f"min_rel must be an integer from 1, got {min_rel!r}")
    by_key = isinstance(self_match, Mapping) and set(self_match) == {"key"} and isinstance(self_match["key"], str)
    if not by_key and self_match not in ("keep", "id"):
        wrong.append(f"self_match must be 'keep', 'id' or {{'key': metadata key}}, got {self_match!r}")
    if not 0 <= max_dangling <= 1:
        wrong.append(f"max_dangling must be from 0 to 1, got {max_dangling!r}")
    if wrong:
        raise ConfigError(*wrong)
