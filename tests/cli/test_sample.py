"""`nirank sample`: documents to label, of folders without queries and of files alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from nirank.cli.main import main

TOPICS = {"saw": 12, "zebra": 6, "quartz": 3}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with documents of three topics and nothing else."""
    lines = [
        {"_id": f"{word}{i}", "title": word, "text": f"{word} {word} {word} {word} {chr(97 + i) * 3}", "metadata": {}}
        for word, n in TOPICS.items()
        for i in range(n)
    ]
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sample(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["sample", *map(str, arguments), "--quiet"])
    return int(end.value.code or 0)


def test_a_sample_has_ids_clusters_and_texts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample("things", "-n", 6, "--clusters", 3) == 0
    with (place / "sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "cluster", "cluster_size", "title", "text"]
    assert [row["title"] for row in rows] == ["saw", "zebra", "saw", "quartz", "saw", "zebra"]
    assert [row["cluster_size"] for row in rows] == ["12", "6", "12", "3", "12", "6"]
    printed = capsys.readouterr().out
    assert "3 clusters of 3 to 12 documents" in printed
    assert "hashed n-grams" in printed
    assert "6 of 21 documents: sample.csv" in printed


def test_a_file_alone_at_random_as_json_lines(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "id,name,cluster\n" + "".join(f"{i},thing number {i},c{i}\n" for i in range(9)) + "9,thing number 1,c1\n"
    (place / "table.csv").write_text(lines)
    assert sample("table.csv", "-n", 4, "--by", "random", "--text", "name", "--out", "out.jsonl") == 0
    rows = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 4
    assert all(row["name"] == f"thing number {row['id']}" for row in rows)
    assert all(row["cluster (text)"] == f"c{row['id']}" for row in rows)
    printed = capsys.readouterr().out
    assert printed == "left out: text of an earlier document 1\n4 of 10 documents: out.jsonl\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("thing",), "did you mean"),
        (("things", "--out", "sample.txt"), "expected a file that ends in .csv, .jsonl or .parquet"),
        (("things", "--clusters", "elbow"), "selection: clusters must be a number or 'knee', got 'elbow'"),
        (("things", "--by", "random", "--model", "m"), "--model: documents drawn at random need no clusters"),
        (("things", "--min-characters", 500), "none of 21 documents has 500 characters or more; the longest has"),
        (("things", "--text", "titel"), "titel"),
        (("things", "--model", "no/such/model"), "model 'no/such/model'"),
    ],
)
def test_mistakes_are_sentences(
    arguments: tuple[object, ...], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(place.glob("sample.*"))
