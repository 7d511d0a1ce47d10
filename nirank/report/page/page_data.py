"""What the page's scripts need: values of single queries, comparisons, figures; JSON that no markup can end."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nirank.evaluation.measures import lower_is_better
from nirank.report.charts.figure import Figure
from nirank.report.charts.list_names import name_lists
from nirank.report.charts.theme import make_config
from nirank.report.grid import find_format
from nirank.report.page.boards import Board
from nirank.report.page.vega import make_page_config
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.groups import JudgedSplit
from nirank.results.query_set import QuerySet, Signs
from nirank.results.row import Row

_SIGNS = ("unjudged", "lost", "later")
_DIGITS = 4  # significant ones: what a page can show


def make_page_data(report: Report, boards: Sequence[Board], figures: Sequence[Figure]) -> dict[str, Any]:
    """Return what the scripts read.

    boards    of each table: the number of its query set, None: it has none; the systems, and every two of them as
              [measure, a, b, difference, low, high, p]: numbers of the measure and the systems, difference `b - a`
    sets      the query sets; values and signs lie by the number of system and measure; `stages`: [label, short name]
    config    of charts, in colours that follow the page's; `lightConfig`: on white, for files
    """
    numbers = {JudgedSplit(*each.key): at for at, each in enumerate(report.query_sets)}
    titles = {board.key: board.title for board in boards}
    compared = {JudgedSplit(each["collection"], each["split"], each["qrels"]): each for each in report.comparisons}
    seeds = {row.system: row.seed_of for row in report.rows if row.seed_of is not None}
    return {
        "measures": [
            {"name": name, "lower": lower_is_better(name), "format": find_format(name)}
            for name in _list_measures(report)
        ],
        "boards": [
            {
                "set": numbers.get(board.key),
                "title": board.title,
                "systems": [line.system for line in board.lines],
                **_list_comparisons(compared.get(board.key), board, _list_measures(report)),
            }
            for board in boards
        ],
        "sets": [
            {
                "title": titles.get(JudgedSplit(*each.key)) or JudgedSplit(*each.key).title,
                "unit": next((row.unit for row in report.rows if _is_of(row, each)), "query"),
                "stages": list(_name_stages([row for row in report.rows if _is_of(row, each)]).items()),
                **_describe_set(each, _list_measures(report), seeds),
            }
            for each in report.query_sets
        ],
        "figures": [to_plain(figure) for figure in figures],
        "config": make_page_config(),
        "lightConfig": make_config(),
    }


def format_script_data(value: Any) -> str:
    """Return a value as JSON for a script element: no `<`, and so neither `</script` nor `<!--`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _list_measures(report: Report) -> list[str]:
    """Return the measures asked for, and behind them those that only query sets have."""
    of_sets = (name for queries in report.query_sets for values in queries.values.values() for name in values)
    return list(dict.fromkeys([*report.measures, *of_sets]))


def _list_comparisons(compared: Mapping[str, Any] | None, board: Board, measures: Sequence[str]) -> dict[str, Any]:
    if compared is None:
        return {"pairs": [], "baseline": None, "alpha": None}
    places = {line.system: at for at, line in enumerate(board.lines)}
    pairs = [
        [
            measures.index(pair["measure"]),
            places[pair["a"]],
            places[pair["b"]],
            *map(_round, (pair["difference"], *pair["interval"], _find_p(pair, compared))),
        ]
        for pair in compared["pairs"]
        if pair["a"] in places and pair["b"] in places and pair["measure"] in measures
    ]
    return {"pairs": pairs, "baseline": compared.get("baseline"), "alpha": compared.get("alpha")}


def _find_p(pair: Mapping[str, Any], compared: Mapping[str, Any]) -> float | None:
    """Return the p by which marks are given: against the baseline where there is one."""
    against_baseline = compared.get("baseline") in (pair["a"], pair["b"])
    p: float | None = pair["p_baseline"] if against_baseline else None
    return pair["p_adjusted"] if p is None else p


def _is_of(row: Row, queries: QuerySet) -> bool:
    return (row.collection, row.split, row.qrels) == queries.key


def _name_stages(rows: Sequence[Row]) -> dict[str, str]:
    """Return the short names of lists on the way, as charts have them, by label."""
    labels = {stage.stage: stage.stage for row in rows for stage in row.stages}
    owners: dict[str, list[str]] = {}
    for row in rows:
        if row.stages and row.seed_of is None:
            owners.setdefault(row.stages[-1].stage, []).append(row.system)
    return {label: name.removesuffix("()") for label, name in name_lists(labels, owners).items()}


def _describe_set(queries: QuerySet, measures: Sequence[str], seeds: Mapping[str, str | None]) -> dict[str, Any]:
    systems = list(queries.values)
    return {
        "folder": queries.folder,
        "perChunk": queries.per_chunk,
        "detailed": queries.detailed,
        "ids": list(queries.ids),
        "texts": list(queries.texts),
        "relevant": list(queries.relevant),
        "systems": systems,
        "seedOf": [seeds.get(system) for system in systems],
        "values": [[_round_all(queries.values[system].get(measure, ())) for measure in measures] for system in systems],
        "signs": [_list_signs(queries.signs.get(system)) for system in systems],
    }


def _list_signs(signs: Signs | None) -> dict[str, list[int]] | None:
    if signs is None:
        return None
    return {name: counts.tolist() for name in _SIGNS if (counts := getattr(signs, name)) is not None}


def _round_all(values: Iterable[float]) -> list[float | None]:
    return [_round(float(value)) for value in values]


def _round(value: float | None) -> float | int | None:
    """Return a number with the digits that a page shows; what is no number is None."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
