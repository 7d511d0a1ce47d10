"""Versions of one work: which documents are the same law, in which order they came, and judgements of works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.dates import UNDATED, Dates, find_date_key, get_dates
from nirank.collections.metadata_values import as_id
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.judgement_files import QrelsFile
from nirank.flow.ranking import Ranking, find_certain_depth

Take = Literal["as_of_query", "adopted", "latest"]
VERSION_DATE = "version_date"  # the key of a version's first day
_NEVER = np.iinfo(np.int32).max  # a day after all others


def group_works(docs: Texts, key: str, where: str) -> NDArray[np.int64]:
    """Return for each document the first one of its work, (n,) int64; one without a work is a work by itself.

    where  begins the message of the DataError where no document has the key
    """
    check_work_key(docs, key, where)
    first: dict[str, int] = {}
    groups = np.arange(len(docs))
    for row, value in enumerate(docs.read_metadata(key)):
        if value is not None and value != "":
            groups[row] = first.setdefault(as_id(value), row)
    return groups


def check_work_key(docs: Texts, key: str, where: str) -> None:
    """Raise DataError where no document says of which work it is a version."""
    known = [name for name, rows in docs.text_fields.keys.items() if rows]
    if len(docs) and key not in known:
        raise DataError(
            f"{where}: no document names its work under '{key}'; expected a metadata key that the versions of a law"
            f" share; they have {', '.join(known) or 'no metadata'}{suggest(key, known)}"
        )


def read_version_dates(docs: Texts, key: str, other: str | None) -> Dates:
    """Return the first day of each version, and where it has none its date under another key."""
    dates = get_dates(docs, key)
    if other is None or other == key:
        return dates
    others = get_dates(docs, other)
    first = np.where(dates.undated, others.first, dates.first)
    last = np.where(dates.undated, others.last, dates.last)
    return replace(dates, first=first, last=last)


def order_versions(works: NDArray[np.int64], dates: Dates, docs: Texts) -> NDArray[np.int64]:
    """Return all rows, work by work, the versions of each by date and then by id; undated ones come first.

    A month or a year counts as its last day: a version is there when it surely is.
    """
    days = np.where(dates.undated, UNDATED, dates.last)
    return np.lexsort((docs.ids.rank, days, works))


def fold_works(ranking: Ranking, works: NDArray[np.int64]) -> Ranking:
    """Return a ranking that has of each work its best version alone; works are documents, (n_docs,) int64."""
    keys = ranking.query_rows * max(len(works), 1) + works[ranking.rows]
    _, first = np.unique(keys, return_index=True)
    best = np.zeros(len(ranking), np.bool_)
    best[first] = True  # in standard order the first is the best
    folded = ranking.select(best)
    depth = find_certain_depth(ranking, folded.counts)
    return Ranking(folded.queries, folded.docs, folded.offsets, folded.rows, folded.scores, depth)


@dataclass(frozen=True)
class WorkRule:
    """How judgements that name a law are understood.

    key   metadata key that the versions of a law share
    take  which of them is meant: the last one from on or before the query's date, the first, or the last
    """

    key: str
    take: Take = "as_of_query"

    @classmethod
    def of(cls, given: str | Mapping[str, str]) -> WorkRule:
        """Read what a user gives: a key, or {key: …, take: …}; raise ConfigError for what is neither."""
        values = {"key": given} if isinstance(given, str) else given
        if not isinstance(values, Mapping) or not isinstance(values.get("key"), str) or set(values) - {"key", "take"}:
            raise ConfigError(f"works must be a metadata key, or {{key: work, take: latest}}, got {given!r}")
        take = values.get("take", "as_of_query")
        if take not in get_args(Take):
            expected = ", ".join(get_args(Take))
            raise ConfigError(f"works: take is one of {expected}, got {take!r}{suggest(str(take), get_args(Take))}")
        return cls(values["key"], take)  # type: ignore[arg-type]


class NamedLaws(NamedTuple):
    """What became of judgements that name laws.

    file     the judgements, each of a document
    named    how many name a law
    without  how many of these were left as they are, since none of its versions is from before the query
    """

    file: QrelsFile
    named: int
    without: int


def resolve_works(file: QrelsFile, queries: Texts, docs: Texts, rule: WorkRule, date: str | None) -> NamedLaws:
    """Let judgements that name a law be of one of its versions; others stay.

    date  metadata key of dates; None: found by its name
    Of a version that is judged by itself and by its law the greater label counts.
    """
    groups = group_works(docs, rule.key, "works")
    dates = read_version_dates(docs, VERSION_DATE, date or find_date_key(docs))
    query_key = date or find_date_key(queries)
    if rule.take == "as_of_query" and query_key is None:
        raise DataError("works: take: as_of_query needs the queries' dates, but they have none; take adopted or latest")
    order = order_versions(groups, dates, docs)
    begins = np.where(dates.undated, UNDATED, dates.last)[order].astype(np.int64)
    of_group = groups[order]
    places: dict[str, tuple[int, int]] = {}
    for row, value in enumerate(docs.read_metadata(rule.key)):
        if value is not None and value != "" and groups[row] == row:
            ends = (int(np.searchsorted(of_group, row, side=side)) for side in ("left", "right"))
            places[as_id(value)] = next(ends), next(ends)
    days = _read_query_days(queries, query_key, len(queries)) if rule.take == "as_of_query" else None
    query_rows = queries.ids.find_rows(file.query_ids)
    ids, named, without = file.doc_ids.to_pylist(), 0, 0
    for at, id in enumerate(ids):
        if id not in places:
            continue
        first, end = places[id]
        place = first if rule.take == "adopted" else end - 1
        if days is not None:
            day = days[query_rows[at]] if query_rows[at] >= 0 else _NEVER
            place = first + int(np.searchsorted(begins[first:end], day, side="right")) - 1
        named, without = named + 1, without + (place < first)
        if place >= first:
            ids[at] = docs.ids[int(order[place])]
    return NamedLaws(_keep_best(file, ids) if named else file, named, without)


def _read_query_days(queries: Texts, key: str | None, n: int) -> NDArray[np.int64]:
    """Return the day of each query; one without a date is after all versions."""
    if key is None:
        return np.full(n, _NEVER, np.int64)
    dates = get_dates(queries, key)
    return np.where(dates.undated, _NEVER, dates.first).astype(np.int64)


def _keep_best(file: QrelsFile, doc_ids: list[str]) -> QrelsFile:
    """Return judgements of other documents; where one has several labels, the greatest."""
    best: dict[tuple[str, str], int] = {}
    for query, doc, grade in zip(file.query_ids.to_pylist(), doc_ids, file.grades.tolist(), strict=True):
        best[query, doc] = max(grade, best.get((query, doc), grade))
    queries, docs = (pa.array([pair[at] for pair in best], pa.large_string()) for at in (0, 1))
    return replace(file, query_ids=queries, doc_ids=docs, grades=np.array(list(best.values()), np.int64))
