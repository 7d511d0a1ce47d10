"""Run files made elsewhere: evaluated, tested and compared, on the command line and in Python."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.cli.main import cli
from nirank.errors import ConfigError, DataError
from nirank.evaluation.comparisons import Significance
from nirank.experiment.run_files import evaluate_runs, list_differences


@pytest.fixture
def files(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    (tmp_path / "qrels.txt").write_text("".join(f"q{q} 0 d{d} {int(d < 3)}\n" for q in range(30) for d in range(10)))
    for name, skill in (("good", 2.0), ("bad", 0.0), ("also bad", 0.0)):
        lines = []
        for q in range(30 if name != "bad" else 29):
            scores = random.random(10) + skill * (np.arange(10) < 3)
            lines += [f"q{q} Q0 d{d} 1 {scores[d]} x\n" for d in np.argsort(-scores)]
        (tmp_path / f"{name}.run").write_text("".join(lines))
    return tmp_path


def run_nirank(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_values_are_ir_measures(files: Path) -> None:
    import ir_measures

    result = evaluate_runs(files / "qrels.txt", [files / "bad.run"], ["nDCG@5", "AP", "RR@3"])
    qrels = list(ir_measures.read_trec_qrels(str(files / "qrels.txt")))
    run = list(ir_measures.read_trec_run(str(files / "bad.run")))
    expected = ir_measures.calc_aggregate([ir_measures.nDCG @ 5, ir_measures.AP, ir_measures.RR @ 3], qrels, run)
    (row,) = result.rows
    assert row.measures == pytest.approx({str(name): value for name, value in expected.items()}, abs=1e-6)
    assert (row.queries.judged, row.queries.missing, row.ceilings) == (30, 1, {})


def test_the_command_prints_and_writes(files: Path) -> None:
    runs = [files / f"{name}.run" for name in ("good", "bad", "also bad")]
    result = run_nirank(
        "evaluate", "--qrels", files / "qrels.txt", "--run", *runs, "--measures", "nDCG@10", "AP",
        "--baseline", "bad.run", "--out", files / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (good_line,) = (line for line in result.output.splitlines() if line.startswith("good.run"))
    assert good_line.count("▲") == 2
    assert "▲ significantly better, ▼ significantly worse than bad.run" in result.output
    assert "Holm over 4 comparisons with bad.run" in result.output
    leaderboard = json.loads((files / "out" / "leaderboard.json").read_text())
    assert [row["system"] for row in leaderboard["rows"]] == ["good.run", "bad.run", "also bad.run"]
    assert len(leaderboard["comparisons"][0]["pairs"]) == 6
    against = leaderboard["rows"][0]["differences"]["AP"]
    assert against["difference"] > 0.2
    assert against["p"] < against["p_baseline"] <= 4 * against["p"] + 1e-9
    page = (files / "out" / "report.html").read_text()
    assert "Intervals and differences" in page
    assert "| AP | good.run |" in (files / "out" / "leaderboard.md").read_text()
    letters = run_nirank("evaluate", "--qrels", files / "qrels.txt", "--run", *runs).output
    assert "Systems that share a letter do not differ significantly" in letters


def test_compare_shows_the_greatest_difference_first(files: Path) -> None:
    output = run_nirank("compare", files / "bad.run", files / "good.run", "--qrels", files / "qrels.txt", "--top", "3")
    lines = output.output.splitlines()
    assert output.exit_code == 0, output.output
    differences = [abs(float(line.split()[-1])) for line in lines[2:5]]
    assert differences == sorted(differences, reverse=True)
    assert lines[-1].startswith("30 queries: B - A +")
    result = evaluate_runs(files / "qrels.txt", {"A": files / "bad.run", "B": files / "good.run"}, ["AP"])
    assert list_differences(result, "A", "B", "AP")[0][3] > 0
    with pytest.raises(ConfigError, match="there is no system 'C'"):
        list_differences(result, "A", "C", "AP")
    with pytest.raises(ConfigError, match="has no 'RR'"):
        list_differences(result, "A", "B", "RR")


@pytest.fixture
def review(tmp_path: Path) -> Path:
    """Write two topics of 100 candidates, 10 of them relevant; the run has topic A whole, 5 of them in seeds, and not B."""
    labels = "".join(f"{topic} 0 d{i:02} {int(i < 10)}\n" for topic in "AB" for i in range(100))
    (tmp_path / "qrels.txt").write_text(labels)
    lines = [f"A 0 d{i:02} {i + 1} {100 - i} r\n" for i in range(100)]
    (tmp_path / "a.run").write_text("".join(lines) + "A 0 stranger 101 200 r\n")
    (tmp_path / "seeds.txt").write_text("A d08\nA d09\nA d77\n")
    return tmp_path


def test_trap_48_screening_measures_with_candidates_and_seeds(review: Path) -> None:
    names = ["WSS@100", "last_rel"]
    blind = evaluate_runs(review / "qrels.txt", [review / "a.run"], names)
    assert blind.rows[0].measures == {"WSS@100": None, "last_rel": None}
    assert "expected the candidates" in blind.rows[0].nulls["last_rel"]
    with_candidates = evaluate_runs(review / "qrels.txt", [review / "a.run"], names, candidates=review / "qrels.txt")
    assert with_candidates.rows[0].measures == pytest.approx({"WSS@100": 0.45, "last_rel": (10 + 100) / 2})
    assert (with_candidates.rows[0].counts, with_candidates.rows[0].queries.unranked) == (
        {"rank_score_conflicts": 1, "not_candidates": 1},
        100,
    )
    assert len(with_candidates.rows[0].effort) == 101
    seeded = evaluate_runs(
        review / "qrels.txt", [review / "a.run"], names, candidates=review / "qrels.txt", known=review / "seeds.txt"
    )
    (row,) = seeded.rows
    values = next(iter(seeded.evaluations.values())).per_query
    assert values["last_rel"].tolist() == [8, 100], "8 are left of 10, among 97 of 100"
    assert values["WSS@100"][0] == pytest.approx((97 - 8) / 97)
    assert row.counts["known"] == 3
    assert row.conventions.collection["known"] == "3 pairs taken out of results and judgements, 3 of them judged"
    result = run_nirank(
        "evaluate", "--qrels", review / "qrels.txt", "--run", review / "a.run", "--measures", *names,
        "--candidates", review / "qrels.txt", "--known", review / "seeds.txt",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Known before: 3 pairs" in " ".join(result.output.split()), "lines are wrapped"


def test_trap_48_known_documents_leave_the_judgements_of_every_run(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q 0 a 1\nq 0 b 1\nr 0 c 1\n")
    (tmp_path / "A").write_text("q Q0 a 1 3 x\nq Q0 b 2 2 x\nr Q0 c 1 1 x\n")
    (tmp_path / "B").write_text("q Q0 b 1 2 x\nr Q0 c 1 1 x\n")  # does not show the seed
    (tmp_path / "known").write_text("q a\n")
    for options in ({}, {"candidates": tmp_path / "qrels"}):
        rows = evaluate_runs(
            tmp_path / "qrels", [tmp_path / "A", tmp_path / "B"], ["R@2", "AP"], known=tmp_path / "known", **options
        ).rows
        assert [row.measures for row in rows] == [{"R@2": 1, "AP": 1}] * 2
        assert rows[0].conventions.collection["known"] == rows[1].conventions.collection["known"]
    (tmp_path / "all").write_text("q a\nq b\nr c\n")
    result = evaluate_runs(tmp_path / "qrels", [tmp_path / "A", tmp_path / "B"], ["AP"], known=tmp_path / "all")
    assert [row.nulls["AP"] for row in result.rows] == ["no declared query is judged"] * 2


def test_trap_45_depth_is_what_candidates_leave_of_it(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("".join(f"q{q} 0 d{q}-{at} 1\n" for q in range(3) for at in (1, 30)))
    lines = [f"q{q} Q0 d{q}-{at} {at} {-at} x\n" for q in range(3) for at in range(1, 21)]
    (tmp_path / "run").write_text("".join(lines))
    for numbers, expected in (
        ([1, *range(11, 41)], {"R@10": 0.5, "R@20": None, "R@50": None}),  # 11 are left of lists that were cut
        (range(1, 21), {"R@10": 0.5, "R@20": 0.5, "R@50": 0.5}),  # every candidate is there
    ):
        (tmp_path / "candidates").write_text("".join(f"q{q} d{q}-{at}\n" for q in range(3) for at in numbers))
        (row,) = evaluate_runs(
            tmp_path / "qrels", tmp_path / "run", ("R@10", "R@20", "R@50"), candidates=tmp_path / "candidates"
        ).rows
        assert row.measures == expected, numbers


def test_trap_06_runs_of_other_topics_are_refused(files: Path) -> None:
    (files / "strangers.run").write_text("".join(f"x{q} Q0 d1 1 1.0 x\n" for q in range(50)) + "q1 Q0 d1 1 1.0 x\n")
    with pytest.raises(DataError, match="1 of its 51 queries are among the 30 of .*qrels.txt; expected at least 90%"):
        evaluate_runs(files / "qrels.txt", files / "strangers.run", "AP")
    (files / "nothing").write_text("")
    with pytest.raises(DataError, match="candidates: .*nothing: is empty"):
        evaluate_runs(files / "qrels.txt", files / "bad.run", "AP", candidates=files / "nothing")


def test_compare_leaves_out_what_the_measure_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q1 0 a 1\nq1 0 b 0\nq2 0 a 0\nq2 0 b 1\nq3 0 a 0\n")
    for name, order in (("A", "ab"), ("B", "ba")):
        (tmp_path / name).write_text(
            "".join(f"q{q} Q0 {doc} {at} {-at} x\n" for q in (1, 2, 3) for at, doc in enumerate(order))
        )
    result = run_nirank(
        "compare", tmp_path / "A", tmp_path / "B", "--qrels", tmp_path / "qrels", "--measure", "last_rel",
        "--candidates", tmp_path / "qrels",
    )  # fmt: skip
    assert isinstance(result.exception, DataError) or result.exit_code == 0, result.output
    (tmp_path / "candidates").write_text("".join(f"q{q} {doc}\n" for q in (1, 2, 3) for doc in "ab"))
    result = run_nirank(
        "compare", tmp_path / "A", tmp_path / "B", "--qrels", tmp_path / "qrels", "--measure", "last_rel",
        "--candidates", tmp_path / "candidates",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "nan" not in result.output
    assert "q3" not in result.output
    assert (
        "2 queries (1 more without a value): B - A +0.0 (-1.0 to +1.0), p 1.0000; 1 won, 0 tied, 1 lost"
        in result.output
    )
    (tmp_path / "one").write_text("q1 0 a 1\nq1 0 b 0\n")
    for name in "AB":
        lines = (tmp_path / name).read_text().splitlines(keepends=True)
        (tmp_path / f"{name}1").write_text("".join(lines[:2]))
    single = run_nirank("compare", tmp_path / "A1", tmp_path / "B1", "--qrels", tmp_path / "one")
    assert "a single query: nothing can be tested" in single.output, single.output


def test_trap_45_common_queries_and_depths(files: Path) -> None:
    runs = [files / "good.run", files / "bad.run"]
    common = evaluate_runs(files / "qrels.txt", runs, ["AP"], common_queries=True)
    assert [row.queries.judged for row in common.rows] == [29, 29]
    assert common.rows[0].counts == {"not_common": 1}
    assert next(iter(common.comparisons.values())).pairs[0].n == 29
    all_queries = evaluate_runs(files / "qrels.txt", runs, ["AP"])
    per_query = next(value for key, value in all_queries.evaluations.items() if key[-1] == "good.run").per_query["AP"]
    assert common.rows[0].measures["AP"] == pytest.approx(per_query[:29].mean())
    (files / "other.run").write_text("q29 Q0 d1 1 1.0 x\n")
    result = run_nirank(
        "evaluate", "--qrels", files / "qrels.txt", "--run", files / "bad.run", files / "other.run", "--common-queries"
    )
    assert isinstance(result.exception, ConfigError)
    assert "no query of" in str(result.exception)
    deep = "".join(f"q{q} Q0 e{q}-{i} {i} {-i} x\n" for q in range(30) for i in range(20))
    (files / "twenty.run").write_text(deep)
    (row,) = evaluate_runs(files / "qrels.txt", [files / "twenty.run"], ["R@100", "R@10"]).rows
    assert row.depth == 20
    assert row.measures == {"R@100": None, "R@10": 0}
    shown = run_nirank("evaluate", "--qrels", files / "qrels.txt", "--run", files / "twenty.run", "--measures", "R@100")
    assert "cut at 20" in shown.output


def test_what_a_run_is_read_by(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q 0 a 1\nq 0 b 0\n")
    (tmp_path / "run").write_text("q Q0 a 1 1.0 x\nq Q0 b 2 2.0 x\nq Q0 a 3 0.5 x\n")

    def compute_rr(**options: str) -> float | None:
        return evaluate_runs(tmp_path / "qrels", [tmp_path / "run"], ["RR"], **options).rows[0].measures["RR"]  # type: ignore[arg-type]

    with pytest.raises(DataError, match="'a' twice"):
        compute_rr()
    assert (compute_rr(duplicates="best"), compute_rr(duplicates="first", order_by="line")) == (0.5, 1.0)
    printed = run_nirank(
        "evaluate",
        "--qrels",
        tmp_path / "qrels",
        "--run",
        tmp_path / "run",
        "--measures",
        "RR",
        "--duplicates",
        "best",
        "--order-by",
        "rank",
    )
    assert "Order of run files by: rank" in printed.output
    assert "1.0000" in printed.output


@given(
    scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=6),
    repeated_line=st.integers(0, 5),
    at=st.integers(0, 6),
    differs=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_trap_14_awkward_repeats_are_refused_and_harmless_ones_change_nothing(
    scores: list[float], repeated_line: int, at: int, differs: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("repeats")
    (folder / "qrels").write_text("".join(f"q 0 d{i} {i % 2}\n" for i in range(6)))
    lines = [f"q Q0 d{i} {i + 1} {score} x" for i, score in enumerate(scores)]
    (folder / "once").write_text("\n".join(lines) + "\n")
    number = repeated_line % len(scores)
    score = scores[number] + (0.25 if differs else 0.0)
    lines.insert(at % (len(lines) + 1), f"q Q0 d{number} {number + 1} {score} x")
    (folder / "twice").write_text("\n".join(lines) + "\n")
    names = ["nDCG@10", "AP", "RR"]
    if differs:
        with pytest.raises(DataError, match=f"document 'd{number}' twice with different scores"):
            evaluate_runs(folder / "qrels", [folder / "twice"], names)
        return
    single_row, repeated_row = (
        evaluate_runs(folder / "qrels", [folder / name], names).rows[0] for name in ("once", "twice")
    )
    assert repeated_row.measures == single_row.measures
    assert repeated_row.counts["duplicate_run_rows"] == 1


def test_files_of_other_topics_are_refused(files: Path) -> None:
    (files / "strange").write_text("x d1\n")
    for option in ("--candidates", "--known"):
        result = run_nirank(
            "evaluate", "--qrels", files / "qrels.txt", "--run", files / "bad.run", option, files / "strange"
        )
        assert isinstance(result.exception, DataError), result.output
        assert "0 of its 1 queries are among the 30" in str(result.exception)


def test_compare_writes_the_same_files(files: Path) -> None:
    result = run_nirank(
        "compare", files / "bad.run", files / "good.run", "--qrels", files / "qrels.txt", "--out", files / "out"
    )
    assert result.exit_code == 0, result.output
    leaderboard = json.loads((files / "out" / "leaderboard.json").read_text())
    assert [row["system"] for row in leaderboard["rows"]] == ["A", "B"]


def test_lists_of_files_in_every_spelling(files: Path) -> None:
    runs = [files / "good.run", files / "bad.run"]
    spellings = (
        ("--run", *runs),
        ("--run", runs[0], "--run", runs[1]),
        (f"--run={runs[0]}", runs[1]),
    )
    outputs = {
        run_nirank("evaluate", "--qrels", files / "qrels.txt", *options, "--baseline", runs[1]).output
        for options in spellings
    }
    assert len(outputs) == 1
    assert "comparisons with bad.run" in outputs.pop()


def test_help_keeps_its_examples_on_lines_of_their_own() -> None:
    for command in ("run", "audit", "evaluate", "compare", "stages"):
        assert f"\n    nirank {command} " in run_nirank(command, "--help").output, command


def test_clef_tar_by_name(shared_data: Path) -> None:
    folder = shared_data / "screening" / "clef-tar" / "2019-TAR"
    run = folder / "participant-runs/Runs/Sheffield/DTA/DTA_sheffield-Odds_Ratio.gz"
    qrels = folder / "Task2/Testing/DTA/qrels/full.test.dta.abs.2019.qrels.gz"
    result = run_nirank("evaluate", "--qrels", qrels, "--run", run, "--protocol", "clef-tar-2019")
    assert result.exit_code == 0, result.output
    printed = {line.split()[0]: line.split()[-1] for line in result.output.splitlines()}
    assert (printed["last_rel"], printed["ap"], printed["wss_95"]) == ("2184.0", "0.248", "0.49")


def test_runs_of_equal_file_names_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("t 0 a 1\nt 0 b 0\n")
    for folder, order in (("x", "ab"), ("y", "ba")):
        (tmp_path / folder).mkdir()
        lines = [f"t 0 {record} {rank} {-rank} r\n" for rank, record in enumerate(order, 1)]
        (tmp_path / folder / "a.run").write_text("".join(lines))
    runs = [tmp_path / "x" / "a.run", tmp_path / "y" / "a.run"]
    result = run_nirank("evaluate", "--qrels", tmp_path / "qrels", "--run", *runs, "--protocol", "clef-tar-2019")
    assert result.output.splitlines()[1].split() == ["x/a.run", "y/a.run"]
    (last,) = (line for line in result.output.splitlines() if line.startswith("last_rel"))
    assert last.split()[1:] == ["1.0", "2.0"]


def test_a_protocol_writes_its_files_with_every_topic(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("t 0 a 1\nt 0 b 0\nu 0 a 1\nu 0 b 1\nv 0 a 1\n")
    (tmp_path / "my.run").write_text("t AF b 1 9 r\nt AF a 2 8 r\nu AF b 1 9 r\nw AF b 1 9 r\n")
    out = tmp_path / "out"
    files = ("--qrels", tmp_path / "qrels", "--run", tmp_path / "my.run")
    result = run_nirank("evaluate", *files, "--protocol", "clef-tar-2017", "--out", out)
    assert result.exit_code == 0, result.output
    assert "my.run: skipped, since they have no relevant record among the labels, w." in result.output
    assert "my.run: labelled, and counted nowhere since the run lacks them, v." in result.output
    (row,) = json.loads((out / "leaderboard.json").read_text())["rows"]
    assert (row["system"], row["measures"]["last_rel"], row["counts"]) == ("my.run", 1.5, {"skipped": 1, "absent": 1})
    assert (row["conventions"]["protocol"], row["queries"]["judged"]) == ("clef-tar-2017", 2)
    with (out / "topics.csv").open() as file:
        topics = {(line["topic"], line["measure"]): line for line in csv.DictReader(file)}
    assert (topics["t", "last_rel"]["value"], topics["u", "last_rel"]["value"]) == ("2", "1")
    assert topics["t", "norm_area"] == {
        "run": "my.run", "topic": "t", "measure": "norm_area", "value": "0.333", "printed": "0.333",
    }  # fmt: skip
    with (out / "leaderboard.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["system"], line["last_rel"]) == ("my.run", "1.5")
    assert "| last_rel | 1.5 |" in (out / "leaderboard.md").read_text()
    files_of_manifest = json.loads((out / "manifest.json").read_text())["files"]
    assert set(files_of_manifest) == {path.name for path in out.iterdir()}


def test_a_protocol_refuses_runs_of_other_topics(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("t 0 a 1\n")
    (tmp_path / "my.run").write_text("x AF b 1 9 r\n")
    result = run_nirank(
        "evaluate", "--qrels", tmp_path / "qrels", "--run", tmp_path / "my.run", "--protocol", "clef-tar-2017"
    )
    assert "none of its 1 topics has a relevant record" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--measures", "nDGC@10"), "did you mean 'nDCG'"),
        (("--baseline", "bet.run"), "there is no system 'bet.run'"),
        (("--protocol", "clef-tar-2019", "--measures", "AP"), "leave out --measures"),
        (("--protocol", "clef-tar-2019", "--min-rel", "2", "--alpha", "0.1"), "leave out --min-rel, --alpha"),
        (("--correction", "holms"), "did you mean 'holm'"),
        (("--seed", "-1"), "not in the range"),
        (("--measures", "nDCG@99999999999999999999"), "at most 9 digits"),
        (("--out", "/proc/x"), "/proc/x: cannot be written"),
        (("--min-rel", "99999999999"), "min_rel must be 1 or more"),
    ],
)
def test_mistakes_end_with_two(files: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run_nirank("evaluate", "--qrels", files / "qrels.txt", "--run", files / "bad.run", *arguments)
    assert result.exit_code == 2 or isinstance(result.exception, ConfigError)
    assert message in result.output + str(result.exception)


def test_mistakes_of_all_files_are_told(files: Path) -> None:
    (files / "x.run").write_text("q0 Q0 d1 1 nan x\n")
    (files / "y.run").write_text("q0 Q0 d1 1\n")
    with pytest.raises(DataError) as error:
        evaluate_runs(files / "qrels.txt", [files / "x.run", files / "y.run"], ["AP"])
    assert len(error.value.messages) == 2
    with pytest.raises(ConfigError, match="no run files"):
        evaluate_runs(files / "qrels.txt", [], ["AP"])
    with pytest.raises(ConfigError, match="given twice"):
        evaluate_runs(files / "qrels.txt", [files / "bad.run"] * 2, ["AP"])
    with pytest.raises(ConfigError, match="expected randomisation or t"):
        evaluate_runs(files / "qrels.txt", [files / "bad.run"], ["AP"], significance=Significance("z"))  # type: ignore[arg-type]
