"""A scope by metadata: equality, sets, ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.collections.date_forms import parse_date
from nirank.collections.dates import get_dates, is_date_key
from nirank.collections.metadata_values import are_equal, parse_number
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.scope import Scope

_BOUNDS = ("min", "max")


@stage
class Where(ScopeStage):
    """Allow documents by their metadata: `within(Where({"type": "REG", "year": {"min": 1990}}), BM25())`.

    All conditions must hold. A condition is a value (equality), a list of values (any of them), or a mapping with `min`
    and `max` (inclusive; numbers, or dates given as text, where a month or a year must lie inside whole) and `not` (a
    value or a list). Numbers are compared as numbers, however they are written (1990, 1990.0, "1990"). Of metadata that
    are lists one element must fit. A document without the key is dropped unless `missing` is 'keep', and counted. So is
    one whose value is no date, or a placeholder such as 9999-12-31, where a bound is a date; and a placeholder under a
    key that is called date or year, where a bound is a number. For dates relative to the
    query there are `dated` and `in_force`.
    """

    match: Mapping[str, Any] = option(help="conditions by metadata key")
    missing: Literal["drop", "keep"] = option(default="drop", help="what becomes of documents that lack a key")

    name = "where"
    version = 3

    def check(self) -> None:
        if not self.match:
            raise ConfigError("where: match is empty; expected conditions such as {type: REG}")
        for key, rule in self.match.items():
            values = rule.get("not", ()) if isinstance(rule, Mapping) else rule
            for value in values if isinstance(values, tuple) else (values,):
                if not isinstance(value, (str, bool, int, float)):
                    raise ConfigError(f"where: {key}: expected text, a number, true or false, got {value!r}")
            if not isinstance(rule, Mapping):
                continue
            unknown = [name for name in rule if name not in (*_BOUNDS, "not")]
            if unknown or not rule:
                near = suggest(unknown[0], (*_BOUNDS, "not")) if unknown else ""
                raise ConfigError(
                    f"where: {key}: expected min, max or not, got {', '.join(unknown) or 'nothing'}{near}"
                )
            for name in _BOUNDS:
                bound = rule.get(name)
                if name not in rule or (isinstance(bound, str) and parse_date(bound) is not None):
                    continue
                if isinstance(bound, str) or parse_number(bound) is None:
                    raise ConfigError(f"where: {key}: {name} must be a number or a date, got {bound!r}")

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        absent = [_describe_absent(key, docs) for key in self.match if len(docs) and not docs.text_fields.keys.get(key)]
        if absent:
            raise DataError(*absent)

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        mask = np.ones(len(docs), np.bool_)
        for key, rule in self.match.items():
            mask &= self._find_fitting(docs, key, rule, ctx)
        return Scope(queries.ids, docs.ids, mask=mask)

    def _find_fitting(self, docs: Texts, key: str, rule: Any, ctx: Context) -> NDArray[np.bool_]:
        fits = np.zeros(len(docs), np.bool_)
        without_key = 0
        by_date = _names_dates(rule)
        dates = get_dates(docs, key) if by_date or (is_date_key(key) and _has_bounds(rule)) else None
        undated = 0
        for row, value in enumerate(docs.read_metadata(key)):
            if value is None or value == "":
                without_key += 1
                fits[row] = self.missing == "keep"
            elif dates is None or isinstance(value, list):
                fits[row] = _holds(value, rule)
            elif dates.undated[row] and (by_date or parse_date(value) is not None):
                undated += 1
                fits[row] = self.missing == "keep"
            elif not by_date:
                fits[row] = _holds(value, rule)
            else:
                when = int(dates.first[row]), int(dates.last[row])
                fits[row] = _holds(value, rule, when)
        if len(docs) and without_key == len(docs):
            raise DataError(_describe_absent(key, docs))
        ctx.count(f"without_{key}", without_key)
        if dates is not None:
            ctx.count(f"undated_{key}", undated)
        return fits


def _describe_absent(key: str, docs: Texts) -> str:
    known = [name for name, rows in docs.text_fields.keys.items() if rows]
    description = f"they have {', '.join(known)}" if known else "they have no metadata"
    return f"where: no document has metadata '{key}'; {description}{suggest(key, known)}"


def _names_dates(rule: Any) -> bool:
    """Tell whether a bound of a condition is a date."""
    return isinstance(rule, Mapping) and any(isinstance(rule.get(name), str) for name in _BOUNDS)


def _has_bounds(rule: Any) -> bool:
    return isinstance(rule, Mapping) and any(name in rule for name in _BOUNDS)


def _holds(value: Any, rule: Any, when: tuple[int, int] | None = None) -> bool:
    """Tell whether a condition holds of a value; `when` is the first and last day of one that is a date."""
    if isinstance(value, list):
        return any(_holds(element, rule) for element in value)
    if isinstance(rule, Mapping):
        excluded = rule.get("not", ())
        if _equals_any(value, excluded if isinstance(excluded, tuple) else (excluded,)):
            return False
        return all(_is_within_bound(value, rule[name], name == "min", when) for name in _BOUNDS if name in rule)
    return _equals_any(value, rule if isinstance(rule, tuple) else (rule,))


def _equals_any(value: Any, wanted: Iterable[Any]) -> bool:
    return any(are_equal(value, candidate) for candidate in wanted)


def _is_within_bound(value: Any, bound: Any, least: bool, when: tuple[int, int] | None) -> bool:
    if isinstance(bound, str):
        limit = parse_date(bound)
        interval = parse_date(value) if when is None else None
        when = when if interval is None else interval[:2]
        if when is None or limit is None:
            return False
        return when[0] >= limit[0] if least else when[1] <= limit[1]
    value_number = parse_number(value)
    return value_number is not None and bool(value_number >= bound if least else value_number <= bound)
