"""`nirank block` as a new user would try it: two files with odd headers."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from command_result import run_nirank
from test_cli import start_nirank

from nirank.cli.block_command import _choose_pipeline
from nirank.cli.main import main

LEFT = "\ufeffArticle no;Full Name;Price (EUR);Notes\na1;Acme drill 500;10;\na2;Acme saw;20;\na3;Rake, long;7;\n"
RIGHT = "\ufeffArticle no;Full Name;Price (EUR);Notes\nb1;ACME Drill 500;10.5;\nb2;acme saw;99;\nb3;;;\n"


def read_rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    (tmp_path / "left.csv").write_text(LEFT)
    (tmp_path / "right.csv").write_text(RIGHT)
    (tmp_path / "known.csv").write_text("left,right\na1,b1\na2,b2\na3,b3\n")
    return tmp_path


def test_two_tables_with_odd_headers_and_what_was_lost(place: Path) -> None:
    options = ("-k", 1, "--id", "Article no", "--pairs", "known.csv", "--complete", "--quiet")
    process = start_nirank("block", "left.csv", "right.csv", *options, "--out", "out.csv", cwd=place)
    assert process.returncode == 0, process.stderr
    assert [row[:3] for row in read_rows(place / "out.csv")] == [["a1", "b1", "1"], ["a2", "b2", "1"]]
    assert read_rows(place / "out.unpaired.csv") == [["left", "a3"], ["right", "b3"]]
    assert read_rows(place / "out.lost.csv") == [["a3", "b3", ""]]
    assert "left.csv: 3 records; right.csv: 3; 9 possible pairs" in process.stdout
    assert "recall (pair completeness, PC): 0.6667, 95 % interval" in process.stdout
    assert "precision (pair quality, PQ): 1.0000" in process.stdout
    assert "1 known matches are in no candidate pair: out.lost.csv" in process.stdout


@pytest.mark.parametrize(("ask", "pairs"), [("left", "a1 b1, a2 b1"), ("both", "a1 b1, a2 b1, a2 b2")])
def test_who_asks_changes_the_pairs_and_not_their_columns(ask: str, pairs: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("id,name\na1,drill\na2,drill red\na3,zinc\n")
    (tmp_path / "r.csv").write_text("id,name\nb1,drill red\nb2,red rose\nb3,kale\n")
    (tmp_path / "known.csv").write_text("left,right\na1,b1\na3,b3\n")
    options = ("-k", 1, "--pairs", "known.csv", "--quiet", "--ask", ask, "--out", "out.csv")
    result = run_nirank("block", "l.csv", "r.csv", *options, cwd=tmp_path)
    assert result.code == 0, result.error
    assert ", ".join(sorted(" ".join(row[:2]) for row in read_rows(tmp_path / "out.csv"))) == pairs
    assert (tmp_path / "out.csv").read_text().startswith('"left_id","right_id"')
    without_pair = [["right", "b2"]] if ask == "left" else []
    assert read_rows(tmp_path / "out.unpaired.csv") == [["left", "a3"], *without_pair, ["right", "b3"]]
    assert read_rows(tmp_path / "out.lost.csv") == [["a3", "b3", ""]]
    assert f"{len(pairs.split(','))} candidate pairs, {'0.67' if ask == 'left' else '0.50'} a record" in result.out


@pytest.mark.parametrize(
    ("system", "k", "expected"),
    [
        (None, None, "TFIDF(k=10)"),
        (None, 3, "TFIDF(k=3)"),
        ("tfidf", None, "TFIDF(k=10)"),
        ("{tfidf: {k: 50}}", None, "TFIDF(k=50)"),
        ("{tfidf: {k: 50}}", 3, "TFIDF(k=50) >> Cut(3)"),
        ("[minhash, tfidf]", None, "MinHash() >> TFIDF()"),
        ("[minhash, tfidf]", 3, "MinHash() >> TFIDF(k=3)"),
        ("minhash", None, "MinHash()"),
    ],
)
def test_a_search_looks_for_no_more_candidates_than_are_wanted(
    system: str | None, k: int | None, expected: str
) -> None:
    """A search for 1,000 candidates of each of 50,000 records, cut to 10, took a gigabyte."""
    assert repr(_choose_pipeline(system, k)) == expected


def test_records_of_full_codes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    (tmp_path / "one.csv").write_text("id,name\n" + "".join(f"{at},saw\n" for at in range(4)) + "a,drill\nb,drill\n")
    system = "{hamming: {model: {hashed_ngrams: {}}, radius: 0, max_block: 3}}"
    with pytest.raises(SystemExit) as end:
        main(["block", str(tmp_path / "one.csv"), "--system", system, "--out", str(tmp_path / "out.csv"), "--quiet"])
    assert end.value.code == 0
    assert "max_block=3): records of full codes 4" in capsys.readouterr().out
    assert [row[:2] for row in read_rows(tmp_path / "out.csv")] == [["a", "b"]]


def test_rules_are_counted_before_anything_is_compared_and_after(place: Path) -> None:
    rules = "- any: [{equal: Full Name}, {alike: {column: Full Name, at_least: 0.9}}]\n"
    rules += "- near: {column: Price (EUR), within: 0.1, relative: true}\n"
    (place / "rules.yaml").write_text(rules)
    options = ("left.csv", "right.csv", "--id", "Article no", "--rules", "rules.yaml", "--quiet")
    plan = run_nirank("block", *options, "--explain", cwd=place)
    assert plan.code == 0, plan.error
    assert "equal Full Name: 2 pairs in 2 blocks; the largest: 'acme drill 500' (2 records)" in plan.out
    assert not (place / "candidates.csv").exists()
    result = run_nirank("block", *options, cwd=place)
    assert "rules: 1 matches, 3 non-matches (left out), 0 unknown" in result.out
    assert [row[:2] for row in read_rows(place / "candidates.csv")] == [["a1", "b1"]]


def test_one_table_gives_each_pair_once_and_fifty_thousand_equal_records_are_counted(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("id,name,empty\n3,saw,\n1,saw,\n2,rake,\n")
    result = run_nirank("block", "one.csv", "--system", "tfidf", "--out", "one.parquet", "--quiet", cwd=tmp_path)
    assert result.code == 0, result.error
    table = parquet.read_table(tmp_path / "one.parquet")
    assert table.select(["id1", "id2", "rank"]).to_pylist() == [{"id1": "3", "id2": "1", "rank": 1}]
    assert parquet.read_table(tmp_path / "one.unpaired.parquet").to_pylist() == [{"table": "records", "id": "2"}]
    (tmp_path / "equal.csv").write_text("id,name\n" + "".join(f"{row},the same words\n" for row in range(50_000)))
    result = run_nirank("block", "equal.csv", "--system", "minhash", "--out", "equal.out.csv", "--quiet", cwd=tmp_path)
    assert result.code == 0, result.error
    assert "estimated recall of pairs by the Jaccard similarity" in result.out
    assert "comparisons 31,249,375,000, kept comparisons 0" in result.out
    assert "50,000 records are in no candidate pair" in result.out


def test_a_table_of_one_record_and_mistakes_in_a_sentence(place: Path) -> None:
    (place / "single.csv").write_text("id,name\n1,saw\n")
    (place / "twice.csv").write_text("id,Name,Name\n1,a,b\n")
    result = run_nirank("block", "single.csv", "--quiet", cwd=place)
    assert (result.code, read_rows(place / "candidates.csv")) == (0, [])
    for arguments, message in (
        (
            ("left.csv", "right.csv"),
            "or --left-id or --right-id NAME, or --id NAME for both, or --row-ids, which numbers the records",
        ),
        (("left.csv", "right.csv", "--id", "Article no", "--row-ids"), "--id names a column of ids; give one"),
        (("twice.csv",), "column 'Name' occurs twice"),
        (("single.csv", "--system", "{tfid: {}}"), "did you mean 'tfidf'?"),
        (("single.csv", "--system", "minhash", "-k", 3), "gives pairs without order"),
        (("single.csv", "--out", "candidates.txt"), "expected a file that ends in .csv, .jsonl or .parquet"),
    ):
        result = run_nirank("block", *arguments, "--quiet", cwd=place)
        assert result.code == 2, result.out
        assert message in result.error
        assert "Traceback" not in result.error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "by the angle in degrees: 1.000 at 10"),
        (", family: grids, width: 2", "by the Euclidean distance: 1.000 at 0.1"),
    ],
)
def test_explaining_states_the_survival_of_buckets_without_opening_a_model(
    place: Path, options: str, expected: str
) -> None:
    system = f"{{lsh: {{model: no/such, tables: 50, functions: 4{options}}}}}"
    arguments = ("left.csv", "right.csv", "--id", "Article no", "--system", system, "--explain", "--quiet")
    result = run_nirank("block", *arguments, cwd=place)
    assert result.code == 0, result.error
    assert f"estimated recall of pairs {expected}" in result.out


def test_an_empty_table_has_no_candidates(place: Path) -> None:
    (place / "nothing.csv").write_text("Article no,Full Name\n")
    for arguments, unpaired in (
        (("nothing.csv",), []),
        (("nothing.csv", "right.csv"), [["right", "b1"], ["right", "b2"], ["right", "b3"]]),
        (("left.csv", "nothing.csv", "--pairs", "known.csv"), [["left", "a1"], ["left", "a2"], ["left", "a3"]]),
    ):
        result = run_nirank("block", *arguments, "--id", "Article no", "--quiet", cwd=place)
        assert result.code == 0, result.error
        assert "a table has no records: nothing is compared, and nothing measured" in result.out
        assert (read_rows(place / "candidates.csv"), read_rows(place / "candidates.unpaired.csv")) == ([], unpaired)


def test_records_without_ids_are_numbered_where_the_user_asks_for_it(place: Path) -> None:
    (place / "left.csv").write_text("Full Name, short;Price\nAcme saw;20\nAcme drill;10\n")
    options = ("left.csv", "right.csv", "-k", 1, "--row-ids", "--right-id", "Article no", "--quiet")
    result = run_nirank("block", *options, cwd=place)
    assert result.code == 0, result.error
    assert [row[:2] for row in read_rows(place / "candidates.csv")] == [["1", "b1"], ["0", "b2"]]


@pytest.mark.parametrize("system", ["token_blocking", "minhash"])
def test_blocks_are_counted_before_anything_is_compared(place: Path, system: str) -> None:
    arguments = ("left.csv", "right.csv", "--id", "Article no", "--system", system, "--quiet")
    plan = run_nirank("block", *arguments, "--explain", cwd=place)
    assert plan.code == 0, plan.error
    line = plan.out.splitlines()[-1]
    counts = [int(count) for count in re.findall(r"(\d+) (?:blocks,|comparisons|blocks are|records)", line)]
    assert len(counts) == 5
    assert not (place / "candidates.csv").exists()
    result = run_nirank("block", *arguments, cwd=place)
    blocks, comparisons, purged, n_kept, largest = counts
    assert (
        f"blocks {blocks}, comparisons {comparisons}, kept comparisons {n_kept}, largest block {largest}" in result.out
    )
    assert not purged or f"purged blocks {purged}" in result.out
