"""nirank screen: as many records out as in, ranked by a question, by decisions, or played again."""

from __future__ import annotations

import csv
import socket
from pathlib import Path

import pytest
import record_tables
from command_result import run_nirank

from nirank.records.files import read_record_file
from nirank.screening.project import Project

QUESTION = "vitamin D to prevent fractures"


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_partly_labelled(folder: Path) -> Path:
    """Case b19 with decisions on 1, 2, 3 and 5."""
    path = record_tables.write_table(folder / "records.csv", labels=True)
    text = path.read_text()
    for line in (
        "Vitamin D and falls,a trial of vitamin D,1",
        "Fractures in dogs,bone of dogs,0",
        "Vitamin K,a trial,1",
        ",,0",
    ):
        text = text.replace(f"{line}\n", f"{line[:-1]}\n")
    path.write_text(text)
    return path


@pytest.mark.parametrize("ending", ["ris", "csv", "xlsx"])
def test_every_record_comes_out_ranked_by_the_question_in_the_format_of_the_ending(tmp_path: Path, ending: str) -> None:
    records = record_tables.write_table(tmp_path / "records.csv")
    out = tmp_path / f"ranked.{ending}"
    result = run_nirank("screen", records, "--question", QUESTION, "--out", out, "--quiet")
    assert result.code == 0, result.error
    assert "8 records, as many as came in" in result.out
    ids = [record.id for record in read_record_file(out).records]
    assert ids[0] == "3"
    assert set(ids[:2]) == {"3", "4"}
    assert ids[-1] == "6"  # without text
    assert sorted(ids) == [str(n) for n in range(1, 9)]
    if ending == "csv":
        rows = read_rows(out)
        assert [row["rank"] for row in rows] == [str(n) for n in range(1, 9)]
        scores = [float(row["score"]) for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert rows[0]["why"] == "question: fracture, vitamin"


def test_decisions_in_the_file_teach_the_order_of_the_others(tmp_path: Path) -> None:
    records = write_partly_labelled(tmp_path)
    result = run_nirank("screen", records, "--out", tmp_path / "ranked.csv")
    assert result.code == 0, result.error
    assert "ranked by elas_u4 from 4 decisions (1 included); before there is a model: the file's order" in result.out
    rows = read_rows(tmp_path / "ranked.csv")
    assert [row["id"] for row in rows] == ["4", "8", "7", "6", "3", "1", "2", "5"]
    assert [row["decision"] for row in rows] == ["not_seen"] * 4 + ["included"] + ["excluded"] * 3
    assert rows[0]["why"] == "like included: trial, vitamin"


def test_labels_of_another_file_are_found_by_id(tmp_path: Path) -> None:
    records = record_tables.write_table(tmp_path / "records.csv")
    (tmp_path / "labels.csv").write_text("id,title,included\n5,Dogs at home,0\n3,Vitamin D and fractures,1\n")
    given = ("screen", records, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "ranked.csv")
    assert run_nirank(*given).code == 0
    rows = read_rows(tmp_path / "ranked.csv")
    assert [row["id"] for row in rows[:2]] == ["4", "8"]
    assert [row["id"] for row in rows[-2:]] == ["3", "5"]
    (tmp_path / "labels.csv").write_text("id,title,included\n5,Dogs at home,0\n99,Birds,1\n")
    run_nirank(*given).assert_mistake("labels.csv: a decision is of id '99', which no record has")
    (tmp_path / "labels.csv").write_text("title,included\nDogs at home,0\nVitamin D and fractures,1\n")
    run_nirank(*given).assert_mistake(
        "labels.csv: has row numbers for ids, and its row 1 'Dogs at home' is no record '1'"
    )
    (tmp_path / "labels.csv").write_text("id,title\n5,Dogs at home\n")
    run_nirank(*given).assert_mistake("labels.csv: has no decisions that are understood")


def test_case_b19_a_simulation_uses_the_priors_given_and_leaves_them_out_of_every_figure(tmp_path: Path) -> None:
    records = record_tables.write_table(tmp_path / "records.csv", labels=True)
    outs = []
    for name in ("a.csv", "b.csv"):
        result = run_nirank("screen", records, "--simulate", "--prior", "1", "2", "--out", tmp_path / name)
        assert result.code == 0, result.error
        outs.append((tmp_path / name).read_bytes())
    assert outs[0] == outs[1]  # same seed, same order
    assert "3 of 6 records are relevant; 2 priors are left out of all that follows" in result.out
    ids = [row["id"] for row in read_rows(tmp_path / "a.csv")]
    assert ids[:3] == ["1", "2", "3"]  # the priors; then the file's order, until a relevant one is known
    assert ids[-1] == "6"
    assert sorted(ids) == [str(n) for n in range(1, 9)]
    # By hand: 3, 4, 8 first of six: L95 = 3, (6 - 3) / 6 - 0.05.
    assert ids[2:5] == ["3", "4", "8"]
    assert "WSS@95 0.4500, WSS@100 0.5000, TNR@95 1.0000, last_rel 3\n" in result.out
    assert "ATD 2.0, loss 0.0000, AP 1.0000, nDCG 1.0000\n" in result.out  # (1 + 2 + 3) / 3


def test_records_that_the_file_marks_as_prior_are_known_beside_those_that_are_named(tmp_path: Path) -> None:
    records = tmp_path / "records.csv"
    rows = "".join(f"{n},Vitamin {n},{n % 2},{int(n == 4)}\n" for n in range(1, 7))
    records.write_text(f"record_id,title,included,asreview_prior\n{rows}")
    assert "; 1 priors are left out" in run_nirank("screen", records, "--simulate").out
    result = run_nirank("screen", records, "--simulate", "--prior", "1", "4", "--out", tmp_path / "out.csv")
    assert "2 of 4 records are relevant; 2 priors are left out" in result.out
    assert [row["record_id"] for row in read_rows(tmp_path / "out.csv")][:2] == ["4", "1"]


def test_stopping_rules_of_a_simulation_say_where_and_what_they_promise(tmp_path: Path) -> None:
    records = record_tables.write_table(tmp_path / "records.csv", labels=True)
    stops = ("--stop", "{consecutive: 2}", "hypergeometric", "target", "oracle")
    result = run_nirank("screen", records, "--simulate", *stops)
    assert result.code == 0, result.error
    lines = {line.split("  ")[0]: line for line in result.out.splitlines()}
    assert "none" in lines["consecutive(n=2)"]
    assert "recall 0.95, 0.95 sure" in lines["hypergeometric"]
    assert "100.0%   100.0%  recall 0.7, 0.95 sure; with a sample" in lines["target"]  # ten relevant ones: all are read
    assert "none; knows all labels" in lines["oracle"]
    assert max(map(len, result.out.replace(f"{tmp_path}/", "").splitlines())) <= 100


def test_a_project_keeps_what_it_was_begun_with_and_is_taken_up_without_it(tmp_path: Path) -> None:
    records, review = write_partly_labelled(tmp_path), tmp_path / "review"
    assert run_nirank("screen", records, "--project", review, "--seed", "3", "--out", tmp_path / "a.ris").code == 0
    with Project.open(review) as project:
        assert (project.plan.known, project.plan.seed) == ({0: 0, 1: 0, 2: 1, 4: 0}, 3)
    records.unlink()  # the project has its own copy
    result = run_nirank("screen", "--project", review, "--out", tmp_path / "b.ris")
    assert result.code == 0, result.error
    assert "8 records, 4 decided before the review; 0 included, 0 excluded, 0 maybe, 0 skipped, 4 to do" in result.out
    assert (tmp_path / "a.ris").read_bytes() == (tmp_path / "b.ris").read_bytes()
    assert [record.id for record in read_record_file(tmp_path / "b.ris").records][:4] == ["4", "8", "7", "6"]
    for option in (("--question", "dogs"), ("--seed", "4"), ("--policy", "nb")):
        changed = run_nirank("screen", "--project", review, "--out", tmp_path / "b.ris", *option)
        changed.assert_mistake(f"the review was begun with {option[0]}")
    run_nirank("screen", "--project", review, "--labels", "x", "--serve").assert_mistake("read when a review begins")


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    plain = record_tables.write_table(tmp_path / "records.csv")
    labelled = write_partly_labelled(tmp_path)
    record_tables.write_table(plain)
    out = ("--out", tmp_path / "ranked.ris")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("mine")
    cases: list[tuple[tuple[object, ...], str]] = [
        ((tmp_path / "nothing.ris", "--question", "x", *out), "nothing.ris"),
        ((plain, *out), "give --question TEXT, or --labels FILE"),
        ((plain, "--question", "  ", *out), "--question: is blank"),
        ((plain, "--question", "x"), "--out FILE says where"),
        ((plain, "--question", "x", "--out", tmp_path / "ranked.doc"), "ranked.doc"),
        ((plain, "--question", "x", "--policy", "elas_u5", *out), "did you mean 'elas_u4'"),
        ((plain, "--question", "x", "--policy", "rocchio", *out), "learns from vectors"),
        ((plain, "--model", "x", *out), "--model: compares records with a question"),
        ((*out,), "FILE is missing"),
        ((plain, "--question", "x", "--port", "1", *out), "--port: is the page's"),
        ((plain, "--question", "x", "--prior", "1", *out), "--prior: is for --simulate"),
        ((plain, "--simulate"), "8 of 8 records are neither included nor excluded"),
        ((plain, "--simulate", "--serve"), "--simulate plays a review again"),
        (("--project", tmp_path / "none", "--serve"), "FILE is missing"),
        ((plain, "--question", "x", "--project", tmp_path / "folder", "--serve"), "holds other things than a review"),
        ((plain, "--question", "x", "--project", plain, "--serve"), "is a file"),
        ((plain, "--question", "x", "--project", tmp_path / "p", "--stop", "kneee", "--serve"), "did you mean 'knee'"),
        (
            (plain, "--question", "x", "--project", tmp_path / "p", "--stop", "oracle", "--serve"),
            "used with --simulate",
        ),
    ]
    for arguments, words in cases:
        result = run_nirank("screen", *arguments)
        result.assert_mistake(words)
        assert len(result.error.strip().splitlines()) == 1, result.error
    assert not (tmp_path / "p").exists()
    assert labelled == plain


def test_a_model_that_is_not_on_this_machine_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *arguments, **options: asked.append(arguments))
    records = record_tables.write_table(tmp_path / "records.csv")
    result = run_nirank("screen", records, "--question", QUESTION, "--model", "no/model", "--out", tmp_path / "r.ris")
    result.assert_mistake("model 'no/model': not in the local cache")
    assert asked == []


def test_other_records_a_taken_port_and_a_locked_project_are_said(tmp_path: Path) -> None:
    records, review = write_partly_labelled(tmp_path), tmp_path / "review"
    assert run_nirank("screen", records, "--project", review, "--out", tmp_path / "a.ris").code == 0
    other = record_tables.write_table(tmp_path / "other.csv", record_tables.CATS[:3])
    run_nirank("screen", other, "--project", review, "--serve").assert_mistake("whose records are others")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run_nirank("screen", "--project", review, "--serve", "--port", port).assert_mistake(
            f"--port: {port} cannot be used"
        )
    with Project.open(review):
        run_nirank("screen", "--project", review, "--serve").assert_mistake("another nirank works on this review")
