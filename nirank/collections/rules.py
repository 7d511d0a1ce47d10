"""The rules that a user gives for a collection, and what it must hold, checked."""

from __future__ import annotations

from collections.abc import Mapping

from nirank.collections.collection_data import CollectionData, SelfMatch
from nirank.errors import ConfigError, DataError, suggest


def check_data(collection: CollectionData, expect: Mapping[str, int | str]) -> None:
    """Raise ConfigError where a rule on dates finds none, DataError where the data are not what the user expects."""
    if collection.date is not None:
        _check_date_key(collection, collection.date)
    if collection.time == "as_of_query":
        check_dates(collection)
    _check_expected(collection, expect)


def _check_date_key(collection: CollectionData, key: str) -> None:
    known = {**collection.docs.text_fields.keys, **collection.queries.text_fields.keys}
    if key not in known:
        raise ConfigError(
            f"{collection.name}: date: no document and no query has metadata '{key}'; they have"
            f" {', '.join(known) or 'no metadata'}{suggest(key, known)}"
        )


def check_dates(collection: CollectionData) -> None:
    """Raise ConfigError where a rule on dates is asked for and a side has none."""
    for dates, what in ((collection.doc_dates, "documents"), (collection.query_dates, "queries")):
        if dates is None or dates.undated.all():
            key = f"date: {collection.date}" if collection.date else "a metadata key such as date or year"
            raise ConfigError(f"{collection.name}: time: as_of_query needs dates, but the {what} have none ({key})")


def _check_expected(collection: CollectionData, expect: Mapping[str, int | str]) -> None:
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
    min_rel: int,
    self_match: SelfMatch,
    max_dangling: float,
    time: str,
    expect: Mapping[str, int | str] | None,
    ranges: int | None,
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
    if ranges is not None and (isinstance(ranges, bool) or not isinstance(ranges, int) or ranges < 1):
        wrong.append(f"ranges must be how many documents a range has, an integer from 1, got {ranges!r}")
    if wrong:
        raise ConfigError(*wrong)
