"""Merging duplicates: the record that stays keeps what any of its group had, and every merge is listed with why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nirank.forms.names import normalise_name
from nirank.records.conversion import TABLES, find_kind
from nirank.records.decisions import combine_decisions
from nirank.records.record import BibliographicRecord, Fields, RecordFile
from nirank.screening.duplicate_table import write_rows
from nirank.screening.duplicates import DuplicateGroup, DuplicatePair, find_conflicts
from nirank.screening.joined_files import JoinedFiles

_GATHERED = frozenset({"keyword", "note", "url", "database"})  # kinds whose values of all records are kept
_COLUMNS = ("kept", "merged", "joined_to", "by", "titles", "abstracts", "title", "values_not_kept")


@dataclass(frozen=True)
class Merge:
    """One record that went into another one.

    kept, merged  places of both in the search
    pair          what joined the merged one to its group
    not_kept      its fields that the kept record has with another value
    """

    kept: int
    merged: int
    pair: DuplicatePair
    not_kept: Fields


@dataclass(frozen=True)
class MergedRecords:
    """A search after merging.

    file      the records that stay, in their order: as many as there were less the merges
    added     columns to write beside: `sources`, where each record and those merged into it are from; `decision`
              where a merge changed one
    merges    one for each record that is gone, in the search's order
    unmerged  groups that were left alone, as their records were decided differently
    """

    file: RecordFile
    added: Mapping[str, Sequence[str]]
    merges: Sequence[Merge]
    unmerged: Sequence[DuplicateGroup]


def merge_duplicates(search: JoinedFiles, groups: Sequence[DuplicateGroup]) -> MergedRecords:
    """Merge each group into its first record, unless its records were decided differently."""
    records = search.file.records
    unmerged = [group for group, _ in find_conflicts(groups, records)]
    staying: dict[int, BibliographicRecord] = dict(enumerate(records))
    sources = {row: [source] for row, source in enumerate(search.sources)}
    merges: list[Merge] = []
    for group in groups:
        if group in unmerged:
            continue
        kept = group.members[0]
        for child, pair in _walk(group):
            merged, not_kept = _merge(staying[kept], staying.pop(child), search.file.format)
            staying[kept] = merged
            sources[kept] += sources.pop(child)
            merges.append(Merge(kept, child, pair, not_kept))
    merges.sort(key=lambda merge: merge.merged)
    added = {"sources": ["; ".join(sources[row]) for row in staying]}
    verdicts = {row: combine_decisions(record.decisions) for row, record in staying.items()}
    if any(verdicts[row] != combine_decisions(records[row].decisions) for row in staying):
        added["decision"] = [verdicts[row] or "" for row in staying]
    return MergedRecords(replace(search.file, records=list(staying.values())), added, merges, unmerged)


def _walk(group: DuplicateGroup) -> Iterable[tuple[int, DuplicatePair]]:
    """Yield each record of a group but the first, with the pair that joined it to one that came before."""
    reached, pairs = {group.members[0]}, list(group.why)
    while pairs:
        pair = next(pair for pair in pairs if (pair.left in reached) != (pair.right in reached))
        pairs.remove(pair)
        child = pair.right if pair.left in reached else pair.left
        reached.add(child)
        yield child, pair


def _merge(kept: BibliographicRecord, other: BibliographicRecord, form: str) -> tuple[BibliographicRecord, Fields]:
    """Return a record with what it lacks from another one, and the other's fields that it has no place for."""
    fields = _merge_cells(kept, other) if form in TABLES else _merge_tags(kept, other, form)
    dated = kept if kept.date or kept.year is not None else other
    merged = replace(
        kept,
        fields=fields,
        title=kept.title or other.title,
        abstract=kept.abstract or other.abstract,
        keywords=tuple(dict.fromkeys((*kept.keywords, *other.keywords))),
        authors=kept.authors or other.authors,
        date=dated.date,
        year=dated.year,
        doi=kept.doi or other.doi,
        pmid=kept.pmid or other.pmid,
        language=kept.language or other.language,
        journal=kept.journal or other.journal,
        decisions=tuple(dict.fromkeys((*kept.decisions, *other.decisions))),
    )
    have = set(fields)
    lacking = [(name, value) for name, value in other.fields if value.strip() and (name, value) not in have]
    if form in TABLES:
        cells = dict(fields)
        lacking = [(name, value) for name, value in lacking if value not in cells.get(name, "").split("; ")]
    return merged, tuple(lacking)


def _merge_cells(kept: BibliographicRecord, other: BibliographicRecord) -> Fields:
    """Return the cells of two rows of one table: those that are blank filled, and those of gathered kinds joined."""
    rows = zip(kept.fields, other.fields, strict=False)
    return tuple((name, _merge_values(name, value.strip() and value, more)) for (name, value), (_, more) in rows)


def _merge_values(name: str, value: str, more: str) -> str:
    if not value or not more.strip():
        return value or more
    if find_kind("csv", name) in _GATHERED or normalise_name(name) == "source":
        return "; ".join(dict.fromkeys((*value.split("; "), *more.split("; "))))
    return value


def _merge_tags(kept: BibliographicRecord, other: BibliographicRecord, form: str) -> Fields:
    """Return a record's fields, then another one's whose kind or tag it has none of, or that are gathered."""
    names = {name for name, value in kept.fields if value.strip()}
    kinds = {find_kind(form, name) for name in names} - {""}
    fields = list(kept.fields)
    for name, value in other.fields:
        kind = find_kind(form, name)
        is_new = name not in names and kind not in kinds
        if (is_new or kind in _GATHERED) and value.strip() and (name, value) not in fields:
            fields.append((name, value))
    return tuple(fields)


def write_merges(path: Path, search: JoinedFiles, merges: Sequence[Merge]) -> None:
    """Write a table of all merges, whole or not at all: what went where, and why.

    Values that the kept record has no place for (another spelling of a title) are in the last column, as JSON.
    """
    write_rows(path, _COLUMNS, (_make_row(merge, search) for merge in merges))


def _make_row(merge: Merge, search: JoinedFiles) -> list[str]:
    pair, record = merge.pair, search.file.records[merge.merged]
    comparison = pair.comparison
    values: dict[str, list[str]] = {}
    for name, value in merge.not_kept:
        values.setdefault(name, []).append(value)
    return [
        search.sources[merge.kept],
        search.sources[merge.merged],
        search.sources[pair.left if pair.right == merge.merged else pair.right],
        comparison.by,
        f"{comparison.likeness:.3f}" if record.title else "",
        "" if comparison.abstracts is None else f"{comparison.abstracts:.3f}",
        " ".join(record.title.split()),
        json.dumps(values, ensure_ascii=False) if values else "",
    ]
