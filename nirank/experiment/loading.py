"""load(): a collection from a folder, an ir_datasets id, or the standard library."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node, Store, StoredArtifact
from nirank.base.files import expand_path
from nirank.collections.audit.facts import JudgementFacts
from nirank.collections.audit.judgements import audit_judgement_file
from nirank.collections.audit.laws import audit_laws
from nirank.collections.audit.sides import audit_side
from nirank.collections.collection import Collection
from nirank.collections.collection_data import SelfMatch, Time
from nirank.collections.contents import Contents
from nirank.collections.findings import Finding
from nirank.collections.importer import VERSION, ImportFacts, import_texts
from nirank.collections.readers.records import Side
from nirank.collections.rules import check_rules
from nirank.collections.sources.clef_tar import ClefTar, is_clef_tar
from nirank.collections.sources.coliee import Coliee
from nirank.collections.sources.file_set import FileSet, find_side_files, is_collection
from nirank.collections.sources.judgement_sets import QrelsOption, drop_split_files, read_judgement_sets
from nirank.collections.sources.lookup import NamedFiles, open_source
from nirank.collections.sources.record_tables import Ask, PairFiles, RecordTables, TableOptions
from nirank.collections.sources.source import Source
from nirank.collections.sources.text_files import TextFiles
from nirank.collections.texts import Texts
from nirank.collections.works import WorkRule
from nirank.errors import ConfigError, DataError, StoreError, suggest
from nirank.experiment.kept_facts import cut_into_ranges, load_dates
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile, read_pairs, read_qrels
from nirank.forms.column_names import ColumnNames

log = logging.getLogger("nirank")


def load(
    source: str | Path | None = None,
    *,
    split: str | None = None,
    name: str | None = None,
    docs: str | Path | None = None,
    queries: str | Path | None = None,
    left: str | Path | None = None,
    right: str | Path | None = None,
    records: str | Path | None = None,
    pairs: PairFiles | Mapping[str, PairFiles] | None = None,
    exclude: str | Sequence[str] = (),
    ask: Ask = "right",
    qrels: QrelsOption = None,
    candidates: str | Path | bool | None = None,
    known: str | Path | None = None,
    columns: Mapping[str, Any] | None = None,
    min_rel: int = 1,
    self_match: SelfMatch = "keep",
    date: str | None = None,
    time: Time = "all",
    works: str | Mapping[str, str] | None = None,
    expect: Mapping[str, int | str] | None = None,
    measures: Sequence[str] = (),
    group: str | None = None,
    max_dangling: float = 0.05,
    ranges: int | None = None,
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
    left, right   instead of docs and queries: two tables of records whose matches are sought. Every column but the id
                  is text; both tables may have the same ids
    records       one table instead, whose records are sought among each other; none pairs with itself
    pairs         of tables: a file of pairs of ids, with or without labels, or {name: file}; the names are the splits.
                  A list of files is one set.
                  None: ranked, not measured
    exclude       of tables: columns that are no text
    ask           of two tables: the side that asks, 'right' or 'left'; all its records are declared queries, and the
                  other side is the corpus. 'both': each side asks the other, and candidates are what either finds
    qrels         judgement sets: a file, or {name: file}, or {name: {path: file, min_rel: grade}}
    candidates    a file; False: the source's own are not used
    known         a file of pairs or of judgements: documents that each query has had before (seeds of a
                  review, an earlier round), which are taken out of results and judgements, and counted
    columns       names of columns (of JSON: keys) where they are not found by known names: {docs: {id, title, text,
                  label}, queries: {id, title, text}, qrels: {query, document, label}}, or {id, title, text, label}
                  of the documents. `text` may list several; `label` holds the judgements of the only query.
                  Of tables: {left: {id}, right: {id}, pairs: {left, right, label}}, or {id} of every table
    split         default: test, else the only one
    name          as rows show it; default: the folder's name or the id
    min_rel       the least grade that binary measures take as relevant
    self_match    what to do with the query's own document: 'keep', 'id' or {'key': metadata key}
    date          metadata key of the dates; default: found by its name
    time          'all', or 'as_of_query': documents dated before the query, and undated ones
    works         the metadata key that versions of a law share, or {'key': …, 'take': …}: judgements may then name the
                  law, and are of its version 'as_of_query' (default), 'adopted' or 'latest'; the row counts them
    expect        counts and digests that must hold: docs, queries, judgements, docs_digest, …
    measures      asked for here instead of the experiment's
    group         collections of one group get a row with the mean over them
    max_dangling  the part of relevant judgements that may name absent documents
    ranges        documents of a range: they are then indexed and searched by ranges of so many rows, with the same
                  results; those appended later make new ranges only. None: all at once
    store         where imported texts are kept; default: the user's
    check         whether findings that are errors are raised; they are in `findings` either way

    The declared queries are those judged in the split and those whose metadata name it
    (`split`); of ir_datasets, and without judgements, all. Texts are imported once and then
    found by the digest of their files' bytes.
    Raises ConfigError for a source, split or option that does not exist, DataError for files
    that cannot be trusted.
    """
    check_rules(min_rel, self_match, max_dangling, time, expect, ranges)
    options: dict[str, Any] = {
        "name": name,
        "queries": queries,
        "columns": columns,
        "qrels": drop_split_files(qrels),
        "candidates": False if candidates is False else None,
        "min_rel": min_rel,
        "self_match": self_match,
        "date": date,
        "time": time,
        "works": works,
        "max_dangling": max_dangling,
        "ranges": ranges,
        "store": store,
    }
    tables = TableOptions(left, right, records, pairs, exclude, ask, columns)
    if tables.list_given():
        own_rule = None if self_match == "keep" else self_match
        beside = {"docs": docs, "queries": queries, "qrels": qrels, "candidates": candidates, "known": known}
        _refuse_beside_tables(beside | {"self_match": own_rule})
        options |= tables.list_given()
        files = NamedFiles(tables=tables)
    else:
        files = NamedFiles(docs, queries, ColumnNames.of(columns))
    opened, split = open_source(source, split, files, name)
    if store is None:
        from nirank.store import open_store

        store = open_store()
    docs_and_facts = import_side(opened, "docs", store)
    if ranges is not None:
        docs_and_facts[0].ranges = cut_into_ranges(docs_and_facts[0], ranges, store)
    topics, topic_facts = import_side(opened, "queries", store)
    split = _choose_split(opened, split, topic_facts)
    qrels_sets = read_judgement_sets(opened, split, topics.ids, qrels, min_rel)
    other_splits, unread = _read_other_splits(opened, split, topics.ids)
    contents = Contents(
        docs_and_facts,
        (topics, topic_facts),
        qrels_sets,
        _read_candidates(opened, split, candidates),
        None if known is None else read_pairs(expand_path(known), judgements_too=True),
        _find_declared(opened, split, topics, [judged for judged, _ in qrels_sets.values()]),
        other_splits,
        opened.describe_origin(),
        candidates is False,
        None if works is None else WorkRule.of(works),
    )
    rules = {"self_match": self_match, "date": date, "time": time, "group": group, "measures": tuple(measures)}
    if isinstance(opened, (RecordTables, Coliee)):
        rules |= opened.rules
    return Collection.join(
        name or opened.name,
        split,
        contents,
        rules,
        max_dangling=max_dangling,
        expect=expect,
        findings=(*(_rename_finding(finding, opened.name, name) for finding in opened.findings), *unread),
        check=check,
        open_split=_make_split_opener(source, split, opened, options),
    )


def _make_split_opener(
    source: str | Path | None, split: str | None, opened: Source, options: Mapping[str, Any]
) -> Callable[[str], Collection] | None:
    """Return what opens another split of a source; None where there is none to open."""
    if source is None and not isinstance(opened, RecordTables):
        return None
    root = None if source is None else _remove_split(source, split)
    return lambda other: load(root, split=other, **options)


def _refuse_beside_tables(options: Mapping[str, Any]) -> None:
    given_names = [key for key, value in options.items() if value is not None]
    if given_names:
        raise ConfigError(f"{given_names[0]} does not go with tables of records; they take pairs, exclude and ask")


def load_alone(path: Path, *, store: Store | None = None) -> Collection:
    """Take a file of texts, or a folder of such files, or a file of judgements, by itself, to be audited.

    Raises ConfigError or DataError for a file that is neither.
    """
    judged = _read_judgements_alone(path)
    if judged is not None:
        counts = {"queries": len(judged.query_ids.unique()), "docs": len(judged.doc_ids.unique()), "qrels": len(judged)}
        facts = JudgementFacts(judged.repeated, line_ends=judged.line_ends, form=judged.form, header=judged.header)
        origin = {"source": str(path), "counts": counts}
        none = Texts.of({})
        return Collection(path.name, none, none, findings=tuple(audit_judgement_file(path.name, facts)), origin=origin)
    if store is None:
        from nirank.store import open_store

        store = open_store()
    files = FileSet(path.name, TextFiles.find(path, "audit"), TextFiles())
    texts, import_facts = import_side(files, "docs", store)
    origin = {"source": str(path), "counts": {"records": len(texts)}, "digests": {"records": texts.digest}}
    oddities = (*audit_side(texts, "records", import_facts), *audit_laws(texts, "records", import_facts))
    findings = (*oddities, *files.findings)
    return Collection(path.name, texts, Texts.of({}), findings=findings, origin=origin)


def load_documents(source: str | Path, *, store: Store | None = None) -> Texts:
    """Take the documents of a collection, or a file or a folder of texts, without queries and judgements.

    Raises ConfigError for a source that does not exist, DataError for files that cannot be read.
    """
    if store is None:
        from nirank.store import open_store

        store = open_store()
    path = expand_path(source)
    opened: Source
    if path.is_dir() and is_collection(path):
        opened = FileSet(path.name, find_side_files(path, "docs"), TextFiles())
    elif path.is_file() or (path.is_dir() and not is_clef_tar(path)) or is_collection(path.parent):
        opened = FileSet(path.name, TextFiles.find(path, "collection"), TextFiles())
    else:
        opened, _ = open_source(source, None)
    return import_side(opened, "docs", store)[0]


def _read_judgements_alone(path: Path) -> QrelsFile | None:
    """Return a file's judgements; None where it has none, or where its two columns may as well be ids and texts."""
    try:
        judged = read_qrels(path)
    except DataError:
        return None
    return judged if judged.form not in ("pairs", "empty") or judged.header else None


def _rename_finding(finding: Finding, source: str, name: str | None) -> Finding:
    """Return a source's finding under the name that the collection was given."""
    start = f"{source}: "
    if name is None or not finding.message.startswith(start):
        return finding
    return replace(finding, message=f"{name}: {finding.message.removeprefix(start)}")


def _remove_split(source: str | Path, split: str | None) -> str | Path:
    """Return a source without the split that its name ends with."""
    path = expand_path(source)
    return path.parent if path.name == split and not path.is_dir() and path.parent.is_dir() else source


def import_side(source: Source, side: Side, store: Store) -> tuple[Texts, ImportFacts]:
    """Return one side of a source, imported now unless the store has it from before."""
    node = Node(
        "nirank.collections.importer:import_texts",
        VERSION,
        source.get_identity(side),
        kind="texts",
        offline=True,
        label=f"import {source.name} {side}",
    )
    stored = store.find(node)
    if stored is None or not store.verify(stored):
        with store.lock(node, log.info):
            stored = store.find(node) or _run_import(source, side, store, node)
    texts = Texts.open(stored.folder)
    texts.read_dates = partial(load_dates, store)
    return texts, ImportFacts.from_json(stored.meta["facts"])


def _run_import(source: Source, side: Side, store: Store, node: Node) -> StoredArtifact:
    log.info("importing %s", source.name_side(side))
    meta: dict[str, Any] = {"inputs": []}
    with store.commit(node, meta) as folder:
        with ExitStack() as files:
            for given in source.list_input_files(side):
                files.enter_context(given.expect_unchanged())
            facts = import_texts(source.read_records(side), folder, source.name_side(side))
        meta["facts"] = facts.to_json()
    stored = store.find(node)
    if stored is None:
        raise StoreError(f"{source.name_side(side)}: was imported, but the store does not find it again")
    return stored


def _choose_split(source: Source, split: str | None, queries: ImportFacts) -> str | None:
    """Return the split to use: the one asked for, else test, else the only one."""
    splits = sorted({*source.splits, *queries.splits}) if source.splits or split is not None else []
    if split is None:
        if not splits or "test" in splits:
            return "test" if splits else None
        if len(splits) > 1:
            raise ConfigError(f"collection {source.name}: has several splits; choose one of {', '.join(splits)}")
        return splits[0]
    if split not in splits:
        listed = f"it has {', '.join(splits)}" if splits else "it has none"
        raise ConfigError(f"collection {source.name}: there is no split '{split}'; {listed}{suggest(split, splits)}")
    return split


def _find_declared(
    source: Source, split: str | None, queries: Texts, qrels_files: Sequence[QrelsFile]
) -> NDArray[np.bool_]:
    """Tell which queries are declared, (n_queries,) bool."""
    if split is None or isinstance(source, (ClefTar, RecordTables)):
        return np.ones(len(queries), np.bool_)
    declared = np.array([value == split for value in queries.read_metadata("split")], np.bool_)
    for qrels in qrels_files:
        rows = queries.ids.find_rows(qrels.query_ids.unique())
        declared[rows[rows >= 0]] = True
    return declared


def _read_candidates(source: Source, split: str | None, asked: str | Path | bool | None) -> PairsFile | None:
    if asked is False:
        return None
    if not isinstance(asked, (str, Path)):
        return source.read_candidates(split)
    return read_pairs(expand_path(asked), judgements_too=True)


def _read_other_splits(source: Source, split: str | None, topics: Ids) -> tuple[dict[str, QrelsFile], list[Finding]]:
    """Read the main judgements of the other splits; one that cannot be read becomes a finding."""
    judgements: dict[str, QrelsFile] = {}
    findings: list[Finding] = []
    for split_name in source.splits:
        if split_name == split:
            continue
        try:
            for qrels in list(source.read_judgements(split_name, topics).values())[:1]:
                judgements[split_name] = qrels
        except DataError as error:
            findings.append(Finding("unreadable-split", "warning", 0, f"split {split_name}: {error.messages[0]}"))
    return judgements, findings
