"""Charts of single kinds: losses, survival, stopping, diagnostics, training, written queries, gains, seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import vl_convert
from report_examples import make_report
from test_pair_tables import FACTS
from test_topics import A, B, make_outcome, make_screening_row
from test_written import ROW as WRITTEN_ROW
from test_written import WRITTEN

from nirank.diagnostics.ceiling import Ceiling
from nirank.diagnostics.diagnosis import Diagnosis
from nirank.diagnostics.reliance import Reliance
from nirank.diagnostics.time_profile import TimeProfile
from nirank.errors import ConfigError
from nirank.report.charts.diagnostics import draw_diagnostics
from nirank.report.charts.gains import draw_gains
from nirank.report.charts.losses import draw_losses
from nirank.report.charts.seeds import draw_seeds
from nirank.report.charts.stopping import draw_stopping
from nirank.report.charts.survival import draw_survival
from nirank.report.charts.theme import SystemStyles, make_config
from nirank.report.charts.trainings import draw_loss, draw_watched
from nirank.report.charts.written import draw_funnel, draw_map
from nirank.report.figures import list_figures
from nirank.report.report import Report
from nirank.results.row import Row, Source, Spread, StageRecall, SurvivalBin, SurvivalCurve
from nirank.results.row_training import Training

TRAINING = Training(
    *("m", "bi_encoder", "b", {}, {}, "float32", 128, "", "", 1, 10, 20, 1.0, None, False, 5, 9.0, {}, {}),
    measure="nDCG@10",
    loss=((1, 2.0), (10, 1.0), (20, 0.5)),
    evaluations=((10, 0.3), (20, 0.4)),
)


def draw(spec: dict[str, Any] | None) -> str:
    assert spec is not None
    sized = {**spec, "width": 400} if spec.get("width") == "container" else spec
    svg = str(vl_convert.vegalite_to_svg({**sized, "config": make_config()}))
    assert "NaN" not in svg and "<script" not in svg
    return svg


def list_values(spec: dict[str, Any] | None) -> list[dict[str, Any]]:
    assert spec is not None
    return list(spec["data"]["values"])


def make_stage(name: str, relevant: int, *sources: tuple[int, int]) -> StageRecall:
    return StageRecall(name, relevant, 10, relevant / 10, {}, sources=tuple(Source(*source) for source in sources))


BM25, DENSE = make_stage("BM25()", 8), make_stage("Dense(<m>)", 6)
FUSED = make_stage("RRF()", 9, (0, 8), (1, 6))


def test_lists_that_say_the_same_and_were_made_of_others_are_others() -> None:
    first, second = make_stage("A()", 5), make_stage("B()", 5)
    there = Row("c", "there", stages=(first, make_stage("B()", 5, (0, 5))))
    back = Row("c", "back", stages=(second, make_stage("A()", 5, (0, 5))))
    spec = draw_losses([there, back])
    draw(spec)
    assert sorted(each["stage"] for each in list_values(spec) if "stage" in each) == ["A()", "A()", "B()", "B()"]


def test_a_list_that_systems_share_stands_once_and_losses_are_what_is_not_shared() -> None:
    cut = make_stage("Cut(2)", 5, (2, 5))
    again = make_stage("Other()", 7, (0, 6))
    rows = [Row("c", "H", stages=(BM25, DENSE, FUSED, cut)), Row("c", "O", stages=(BM25, again))]
    spec = draw_losses(rows)
    boxes = {record["stage"]: record for record in list_values(spec) if "stage" in record}
    assert {name: box["x"] for name, box in boxes.items()} == {
        "BM25()": 0, "Dense(<m>)": 0, "RRF()": 1, "Cut(2)": 2, "Other()": 1
    }  # fmt: skip
    assert boxes["BM25()"]["systems"] == "H, O"
    assert [box["name"] for box in boxes.values()] == ["BM25()", "Dense(<m>)", "RRF()", "H", "O"]
    assert boxes["Cut(2)"]["short"] == "5 of 10, lost 4"
    assert boxes["Other()"]["change"] == "lost 2, gained 1"
    assert boxes["RRF()"]["short"] == "9 of 10"  # of two lists; what both lack together is not known
    for box in boxes.values():
        share = (box["filled"] - box["y"]) / (box["bottom"] - box["y"])
        assert share == pytest.approx(int(box["relevant"].split()[0]) / 10, abs=0.02)
    bands = {record["band"]: record for record in list_values(spec) if "band" in record}
    thick = {band: round((end["y2"] - end["y"]) / 4.4) for band, end in bands.items() if end["kind"] == "kept"}
    assert sorted(thick.values()) == [5, 6, 6, 8]
    assert sorted(end["says"] for end in bands.values() if end["kind"] == "lost") == [
        "2 of 8 are lost on the way to Other()",
        "4 of 9 are lost on the way to Cut(2)",
    ]
    draw(spec)


def test_of_older_leaderboards_lists_are_bars_without_ways() -> None:
    spec = draw_losses([Row("c", "S", stages=(BM25, make_stage("Cut(2)", 5)))])
    assert [(bar["label"], bar["value"], bar["limit"]) for bar in list_values(spec)] == [
        ("BM25() (S)", 8, 10), ("S", 5, 10)
    ]  # fmt: skip
    assert draw_losses([Row("c", "S", stages=(BM25,))]) is None


def test_of_pairs_the_flow_speaks_of_matches() -> None:
    row = Row("c", "S", stages=(BM25, make_stage("Cut(2)", 5, (0, 5))))
    for pairs, counted in ((None, "Relevant documents"), (FACTS, "Matches")):
        (figure,) = list_figures(Report([replace(row, pairs=pairs)], ["AP"], (), {}))
        assert figure.title == f"{counted} from list to list"
        assert f"A bar is all {counted.lower()}, its filled part" in figure.caption


def test_survival_is_drawn_beside_theory_once_for_systems_that_share_a_stage() -> None:
    angle = SurvivalCurve("LSH(<m>)", "angle in degrees", ((0.0, 1.0), (90.0, 0.0)), (SurvivalBin(40, 50, 45, 8, 4),))
    other = replace(angle, likeness="distance", theory=())
    charts = draw_survival([Row("c", "A", survival=(angle,)), Row("c", "B", survival=(angle, other))])
    assert list(charts) == ["angle in degrees", "distance"]
    values = list_values(charts["angle in degrees"])
    assert {value["stage"] for value in values} == {"A, B: LSH(<m>)"}
    assert [value["theory"] for value in values if "theory" in value] == [1.0, 0.0]
    (dot,) = (value for value in values if "share" in value)
    assert (dot["x"], dot["share"], dot["says"]) == (45, 0.5, "4 of 8 matches from 40 to 50")
    for spec in charts.values():
        draw(spec)


def test_rules_stand_where_they_ended_the_reviews() -> None:
    outcomes = (make_outcome("consecutive"), make_outcome("test"))
    spec = draw_stopping([replace(A, stopping=outcomes), B])
    means = [value for value in list_values(spec) if "topic" not in value]
    assert [(value["rule"], value["read"], value["recall"]) for value in means] == [
        (outcome.rule, outcome.effort, outcome.recall) for outcome in outcomes
    ]
    assert [value["promise"] for value in means] == [None, 0.95]
    assert [value["topic"] for value in list_values(spec) if "topic" in value] == ["t", "t"]
    draw(spec)
    many = replace(outcomes[0], ends=outcomes[0].ends * 10_000)
    assert len(list_values(draw_stopping([replace(A, stopping=(many,))]))) <= 1501


def test_diagnostics_of_several_systems_that_are_the_same_stand_once() -> None:
    ceiling = Ceiling(100, 0.8, {"Rprec": 0.75}, {"Rprec": 0.5})
    reliance = Reliance(**{**dict.fromkeys(Reliance.__dataclass_fields__), "share": 0.4})
    time = TimeProfile("c/train", ((0, 3), (4, 1)), 0, ((1, 0.5),), 0.0)
    rows = [
        Row("c", name, diagnosis=Diagnosis(ceiling=ceiling, time=time, reliance=own))
        for name, own in (("A", reliance), ("B", None))
    ]
    charts = {chart.title: chart.spec for chart in draw_diagnostics(rows)}
    assert list(charts) == [
        "D1, reliance on the pre-fetcher",
        "D3, ceiling of re-ranking",
        "D5, years between queries and relevant documents: c/train",
    ]
    (bar,) = list_values(charts["D3, ceiling of re-ranking"])
    assert (bar["label"], bar["value"], bar["limit"], bar["text"]) == ("A, B", 0.5, 0.75, "0.5000 of 0.7500")
    years = list_values(charts["D5, years between queries and relevant documents: c/train"])
    assert [(value["years"], value["pairs"]) for value in years] == [(0, 3), (4, 1)]
    for spec in charts.values():
        draw(spec)


def test_a_training_is_drawn_once_under_the_names_of_its_systems() -> None:
    other = replace(TRAINING, loss=((1, 3.0), (2, 2.0)), measure=None, evaluations=())
    rows = [
        Row("c", "A", trainings=(TRAINING,)),
        Row("c", "B", trainings=(TRAINING, other)),
        Row("d", "B", trainings=(TRAINING,)),
    ]
    loss = list_values(draw_loss(rows))
    assert [(value["line"], value["step"], value["value"]) for value in loss] == [
        ("A, B", 1, 2.0), ("A, B", 10, 1.0), ("A, B", 20, 0.5), ("B", 1, 3.0), ("B", 2, 2.0)
    ]  # fmt: skip
    (watched,) = draw_watched(rows).values()
    assert [value["value"] for value in list_values(watched)] == [0.3, 0.4]
    draw(watched)
    assert draw_loss([Row("c", "A")]) is None


def test_trainings_of_several_seeds_have_one_colour() -> None:
    rows = [
        Row("c", f"S (seed {seed})", seed=seed, seed_of="S", trainings=(replace(TRAINING, loss=((1, seed), (2, 0.0))),))
        for seed in (1, 2, 3)
    ]
    spec = draw_loss(rows)
    assert spec is not None and spec["encoding"]["color"]["scale"]["domain"] == ["S"]
    assert {(value["system"], value["line"]) for value in list_values(spec)} == {("S", row.system) for row in rows}
    draw(spec)


def test_written_queries_are_a_funnel_and_a_map() -> None:
    funnel = draw_funnel(WRITTEN)
    assert [(bar["value"], bar["limit"], bar["text"]) for bar in list_values(funnel)] == [
        (40, None, "40"), (30, 40, "30 of 40, 75%"), (7, 30, "7 of 30, 23%")
    ]  # fmt: skip
    draw(funnel)
    assert WRITTEN.map is not None
    plane = draw_map(WRITTEN.map)
    assert [(group["kind"], group["x"], group["y"]) for group in list_values(plane)] == [
        ("cluster 0", [0, 1000], [0, 1000]),
        ("cluster 1", [500], [500]),
        ("chosen, no query kept", [500], [500]),
        ("chosen", [0], [0]),
        ("evaluated queries", [250], [750]),
    ]
    draw(plane)


def test_gains_are_sorted_and_less_is_better_where_it_is() -> None:
    values = {value["measure"]: value for value in list_values(draw_gains([A, B], ["AP", "last_rel"]))}
    assert values["AP"]["topic"] == ["<b>t</b>", "t", "u", "v"]
    assert values["AP"]["gain"] == pytest.approx([0.3, 0.2, 0.0005, -0.2])
    assert dict(zip(values["last_rel"]["topic"], values["last_rel"]["gain"], strict=True)) == {
        "u": 60, "v": 0, "<b>t</b>": -1, "t": -10
    }  # fmt: skip
    draw(draw_gains([A, B], ["AP", "last_rel"]))
    assert draw_gains([A], ["AP"]) is None


def test_gains_are_over_the_baseline_where_there_is_one() -> None:
    rows = [make_screening_row(name, {"t": (0.1, 1)}, baseline="B") for name in "AB"]
    spec = draw_gains(rows, ["AP"])
    assert spec is not None and spec["layer"][0]["encoding"]["y"]["axis"]["title"] == "gain over B"
    assert [value["system"] for value in list_values(spec)] == ["A"]


def test_seeds_stand_beside_their_mean() -> None:
    mean = Row("c", "S", measures={"AP": 0.5}, seeds=(1, 2), spread={"AP": Spread(0.1, 0.4, 0.6)})
    seeds = [
        Row("c", f"S (seed {at})", measures={"AP": value}, seed=at, seed_of="S") for at, value in ((1, 0.4), (2, 0.6))
    ]
    rows = [mean, *seeds, Row("c", "T", measures={"AP": 0.9})]
    spec = draw_seeds(rows, ["AP", "RR"], SystemStyles.of(rows))
    middle, *points = list_values(spec)
    assert (middle["low"], middle["value"], middle["high"]) == (0.4, 0.5, 0.6)
    assert [(point["system"], point["seed"], point["value"]) for point in points] == [("S", 1, 0.4), ("S", 2, 0.6)]
    draw(spec)
    assert draw_seeds(rows[3:], ["AP"], SystemStyles.of(rows)) is None


def test_figures_of_a_section_stand_together_and_ids_are_unlike() -> None:
    survival = SurvivalCurve("LSH()", "angle", (), (SurvivalBin(40, 50, 45, 8, 4),))
    rows = [
        replace(row, collection=name, stages=(BM25, DENSE, FUSED), survival=(survival,), trainings=(TRAINING,))
        for name in ("c", "d")
        for row in make_report(2, 5).rows
    ]
    figures = list_figures(Report([*rows, WRITTEN_ROW], ["nDCG@10"], (), {}))
    assert len({figure.id for figure in figures}) == len(figures)
    sections = [figure.section for figure in figures]
    assert sections == sorted(sections, key=sections.index)
    assert {"What was lost where", "Hashing", "Training", "Written queries"} <= set(sections)
    assert all(figure.title and figure.caption.endswith(".") for figure in figures)


def test_plots_of_a_report_choose_by_name() -> None:
    outcomes = (make_outcome("consecutive"),)
    curve = SurvivalCurve("LSH()", "angle", (), (SurvivalBin(40, 50, 45, 8, 4),))
    rows = [
        replace(row, trainings=(TRAINING,), stopping=outcomes, survival=(curve,), written=(WRITTEN,)) for row in (A, B)
    ]
    plot = Report(rows, ["AP", "last_rel"], (), {}).plot
    for chart in (
        *(plot.gains("AP"), plot.stopping(), plot.survival(), plot.training(), plot.training("nDCG@10")),
        *(plot.written(), plot.written(map=True), plot.effort() if A.effort else plot.gains()),
    ):
        assert chart.altair.to_dict()["config"]["font"]
    for ask, message in (
        (lambda: plot.survival("angel"), "there is no chart of 'angel'; did you mean 'angle'"),
        (lambda: plot.training("AP"), "there is no chart of 'AP'; there are nDCG@10"),
        (plot.diagnostics, "no diagnostics were asked for"),
        (plot.seeds, "no system was run with several seeds"),
        (plot.losses, "no system has more than one list"),
        (plot.plan, "there is no plan"),
    ):
        with pytest.raises(ConfigError) as caught:
            ask()
        assert message in str(caught.value)
