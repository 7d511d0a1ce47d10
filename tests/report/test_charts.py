"""Charts: what stands in a specification is what rows say, and every specification can be drawn."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st
from report_examples import make_report

from nirank.errors import ConfigError
from nirank.report import write_report
from nirank.report.charts.curves import simplify_curve
from nirank.report.charts.differences import list_differences
from nirank.report.charts.labels import place_names
from nirank.report.charts.pareto import find_front
from nirank.report.charts.theme import COLOURS, SystemStyles, make_config
from nirank.report.figures import list_figures
from nirank.report.plots import Plots
from nirank.report.report import Report
from nirank.results.query_set import QuerySet
from nirank.results.row import TopicValues

REPORT = make_report(4, 30)
_NO_CHARTS = {"on", *Plots.__dataclass_fields__}
CURVE = tuple(np.linspace(0, 1, 101).round(4).tolist())


def draw(spec: dict[str, Any], *, dark: bool = False) -> str:
    """The SVG that Vega makes of a specification."""
    sized = {**spec, "width": 400} if spec.get("width") == "container" else spec
    return str(vl_convert.vegalite_to_svg({**sized, "config": make_config(dark=dark)}))


def list_values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec["data"]["values"])


def find_figure(report: Report, name: str) -> dict[str, Any]:
    return next(figure.spec for figure in list_figures(report) if figure.id == name)


def make_screening_report() -> Report:
    """Recall by depth and by effort, of two topics."""
    topics = tuple(TopicValues(topic, {"AP": 0.5}, CURVE) for topic in ("t", "<b>u</b>"))
    depths = ((1, 0.25), (10, 0.5), (100, 1.0))
    return replace(
        REPORT, rows=[replace(row, recall_by_depth=depths, effort=CURVE, topics=topics) for row in REPORT.rows]
    )


def test_every_figure_can_be_drawn_on_light_and_dark() -> None:
    figures = list_figures(make_screening_report())
    assert [figure.id for figure in figures] == [
        *("tradeoff-0", "intervals-0", "depth-0", "effort-0", "topics-0", "losses-0"),
        "plan",
        "differences",
    ]
    for at, figure in enumerate(figures):
        svg = draw(figure.spec, dark=at % 2 == 1)
        assert svg.startswith("<svg") and "NaN" not in svg
        assert figure.caption.endswith(".") and "config" not in figure.spec
    assert {figure.id for figure in figures if figure.data_name} == {"differences"}


def test_figures_are_small() -> None:
    report = make_report(10, 1000)
    assert sum(len(json.dumps(figure.spec)) for figure in list_figures(report)) < 300_000


def test_points_of_the_trade_off_are_values_and_costs_of_rows() -> None:
    spec = find_figure(REPORT, "tradeoff-0")
    assert spec["params"][0]["bind"]["options"] == list(REPORT.measures)
    for record in list_values(spec):
        row = next(row for row in REPORT.rows if row.system == record["system"])
        value = row.measures[record["measure"]]
        assert record["value"] == pytest.approx(value, rel=1e-5) and record["shown"] == f"{value:.4f}"
        assert record["ms"] == pytest.approx(row.cost.ms_per_query, rel=1e-3)
        assert [record["low"], record["high"]] == pytest.approx(row.intervals[record["measure"]], rel=1e-3)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_nothing_dominates(items: list[tuple[int, int]]) -> None:
    front = find_front([cost for cost, _ in items], [gain for _, gain in items])
    for (cost, gain), is_front in zip(items, front, strict=True):
        dominated = any((c <= cost and g >= gain) and (c, g) != (cost, gain) for c, g in items)
        assert is_front is not dominated


def test_of_measures_that_are_the_better_the_lower_the_front_is_of_low_ones() -> None:
    rows = [
        replace(row, measures={"last_rel": value}, cost=replace(row.cost, ms_per_query=ms))
        for row, value, ms in zip(REPORT.rows, (9.0, 5.0, 6.0, 4.0), (1.0, 2.0, 3.0, 4.0), strict=True)
    ]
    spec = find_figure(replace(REPORT, rows=rows, measures=["last_rel"]), "tradeoff-0")
    assert [record["front"] for record in list_values(spec)] == [True, True, False, True]
    assert spec["encoding"]["y"]["scale"]["reverse"] and "bind" not in spec["params"][0]


@given(
    st.lists(st.tuples(st.floats(0, 640), st.floats(0, 280)), min_size=1, max_size=12, unique=True),
    st.integers(1, 28),
)
def test_names_cover_neither_points_nor_names(points: list[tuple[float, float]], length: int) -> None:
    places = place_names(points, ["x" * length] * len(points), 640, 280)
    boxes = []
    for (x, y), place in zip(points, places, strict=True):
        if place is not None:
            left = x + place.dx - (7 * length if place.align == "right" else 0)
            boxes.append((left, y + place.dy - 7, left + 7 * length, y + place.dy + 7))
    for at, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and right <= 640
        assert not any(left < x < right and top < y < bottom for x, y in points)
        for low, high, end, deep in boxes[:at]:
            assert left >= end or low >= right or top >= deep or high >= bottom


def test_intervals_are_those_of_rows_and_the_best_system_stands_on_top() -> None:
    records = [r for r in list_values(find_figure(REPORT, "intervals-0")) if r["measure"] == REPORT.measures[0]]
    values = [record["value"] for record in sorted(records, key=lambda record: record["place"])]
    assert values == sorted(values, reverse=True)
    for record in records:
        row = next(row for row in REPORT.rows if row.system == record["system"])
        assert record.get("letters", "") == row.groups.get(record["measure"], "")
        assert record["high"] == pytest.approx(row.intervals[record["measure"]][1], rel=1e-3)


def test_what_a_row_lacks_is_not_written_as_undefined() -> None:
    """Compared with a baseline alone, systems have no letters; without comparisons they have no intervals."""
    rows = [replace(row, groups={}) for row in REPORT.rows]
    assert "undefined" not in draw(find_figure(replace(REPORT, rows=rows), "intervals-0"))
    (point, *_) = list_values(
        find_figure(replace(REPORT, rows=[replace(row, intervals={}) for row in rows]), "tradeoff-0")
    )
    assert point["interval"] == "-" and "low" not in point


def test_differences_are_sorted_gains() -> None:
    values = {"A": np.array([0.5, 0.2, np.nan, 0.9]), "B": np.array([0.5, 0.6, 0.1, 0.1])}
    ids = ("p", "q", "r", "s")
    queries = QuerySet("c", None, None, ids, values={name: {"AP": v, "last_rel": v} for name, v in values.items()})
    gains = list_differences(queries, "A", "B", "AP")
    assert [(r["at"], r["query"], r["difference"]) for r in gains] == [(0, "s", 0.8), (1, "p", 0.0), (2, "q", -0.4)]
    assert [r["query"] for r in list_differences(queries, "A", "B", "last_rel")] == ["q", "p", "s"]


def test_colours_of_systems_are_the_same_in_all_charts() -> None:
    rows = [replace(REPORT.rows[0], system=f"s{at}") for at in range(12)]
    styles = SystemStyles.of([*rows, replace(rows[0], system="s3 (seed 1)", seed_of="s3")])
    assert len(styles.names) == 12
    assert styles.colour(["s3", "s9"])["scale"]["range"] == [COLOURS[3], COLOURS[1]]
    assert styles.dash(["s1"])["scale"]["range"] != styles.dash(["s9"])["scale"]["range"]
    assert styles.colour([f"s{at}" for at in range(99)])["legend"] is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.floats(0, 0.2))
def test_a_simplified_curve_is_nowhere_further_than_its_tolerance(heights: list[float], tolerance: float) -> None:
    points = [(float(x), y) for x, y in enumerate(heights)]
    kept = simplify_curve(points, tolerance)
    drawn = np.interp([x for x, _ in points], [x for x, _ in kept], [y for _, y in kept])
    assert set(kept) <= set(points) and np.abs(drawn - heights).max() <= tolerance + 1e-9


def test_hostile_names_stay_texts() -> None:
    report = make_report(10, 20, hostile=True)
    for figure in list_figures(report):
        svg = draw(figure.spec)
        assert "<script" not in svg and "<img" not in svg
    chart = report.plot.differences(*list(report.query_sets[0].values)[:2])
    assert "<script" not in draw(chart.altair.to_dict())


def test_a_report_without_anything_to_draw_has_no_figures() -> None:
    assert list_figures(Report((), (), (), {})) == []
    (row, *_) = REPORT.rows
    failed = replace(row, status="failed", measures=dict.fromkeys(row.measures), intervals={}, groups={}, stages=())
    assert list_figures(Report([failed], REPORT.measures, (), {})) == []


def test_plots_can_be_saved_and_changed(tmp_path: Path) -> None:
    plot = REPORT.plot
    first, second = list(REPORT.query_sets[0].values)[:2]
    for chart in (plot.tradeoff("nDCG@10"), plot.intervals(), plot.differences(first, second)):
        assert chart.altair.to_dict()["width"] == 640
    plot.tradeoff().save(tmp_path / "tradeoff.svg")
    assert "nDCG@10" in (tmp_path / "tradeoff.svg").read_text()
    plot.tradeoff().save(tmp_path / "tradeoff.HTML")
    page = (tmp_path / "tradeoff.HTML").read_text()
    assert "vegaEmbed" in page and not re.search(r"<(?:script|link)[^>]+(?:src|href)=", page), "it needs nothing else"


def test_notebooks_show_a_picture_whatever_renderer_altair_has() -> None:
    data = REPORT.plot.intervals()._repr_mimebundle_()
    assert sorted(data) == ["image/svg+xml", "text/plain"]
    assert data["image/svg+xml"].startswith("<svg") and "BM25" in data["image/svg+xml"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chart.jpg", "expected a name that ends in .svg, .png, .pdf, .html or .json, got '.jpg'"),
        ("nowhere/chart.svg", "nowhere/chart.svg: cannot be written (No such file or directory)"),
    ],
)
def test_a_chart_that_cannot_be_saved_says_why(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        REPORT.plot.tradeoff().save(tmp_path / name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda plot: plot.tradeoff("nDCG@1"), "there is no measure 'nDCG@1'; did you mean 'nDCG@10'"),
        (lambda plot: plot.effort(), "nothing to plot: no screening measure was asked for"),
        (lambda plot: plot.differences("BM25", "Dens"), "there is no system 'Dens'; did you mean 'Dense'?; there are"),
        (lambda plot: plot.differences("BM25", "Dense", "R"), "no values by query of 'R'"),
        (
            lambda plot: plot.on("scifcat"),
            "there is no 'scifcat'; did you mean 'scifact'?; there are scifact test qrels",
        ),
    ],
)
def test_what_cannot_be_plotted_says_why(ask: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(REPORT.plot)
    assert message in str(caught.value)


def test_of_several_tables_one_must_be_chosen() -> None:
    rows = [replace(row, collection=name) for name in ("c", "d") for row in REPORT.rows]
    report = replace(REPORT, rows=rows)
    with pytest.raises(ConfigError, match=r"expected one table, choose it by on\(collection"):
        report.plot.tradeoff()
    assert report.plot.on("d").tradeoff("R@20").altair.to_dict()["params"][0]["value"] == "R@20"


def read_section() -> str:
    page = (Path(__file__).parents[2] / "docs" / "leaderboards.md").read_text()
    return page[page.index("## Charts") : page.index("## What lies in the folder")]


def test_the_example_of_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", read_section(), flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    write_report(tmp_path / "results", REPORT)
    exec(code, {})
    assert (tmp_path / "tradeoff.svg").stat().st_size > 1000 < (tmp_path / "differences.png").stat().st_size


def test_every_plot_stands_in_the_documents() -> None:
    named = re.findall(r"^\| `(\w+)\(", read_section(), flags=re.MULTILINE)
    assert sorted(named) == sorted(name for name in vars(Plots) if not name.startswith("_") and name not in _NO_CHARTS)
