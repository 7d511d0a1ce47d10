"""Merging duplicates: what either record had stays, every merge is listed, and nothing else is lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from nirank.records.files import read_record_file, write_record_file
from nirank.screening.duplicates import find_duplicates
from nirank.screening.joined_files import JoinedFiles, join_files
from nirank.screening.merging import MergedRecords, merge_duplicates, write_merges

A = """id,title,abstract,authors,year,doi,source
a1,Vitamin D and fractures,A trial.,Moreau A,2020,10.1000/JB.1,pubmed
a2,Vitamin D and falls,Another trial.,Moreau A,2020,,pubmed
a3,,,,,10.1000/empty.1,pubmed
a4,,,,,10.1000/empty.2,pubmed
a5,Editorial,,Okafor C,2018,,pubmed
a6,Editorial,,Silva P,2021,,pubmed
"""
B = """id,title,abstract,authors,year,doi,source
b1,Vitamin D and fractures.,,,2020,https://doi.org/10.1000/jb.1,embase
b2,VITAMIN D AND FALLS,"Another trial. © 2020 The Authors.","Moreau, Ana",2020,doi:10.1000/jb.2,embase
b3,Vitamin D and falls: a reply,Another trial.,Chen B,2021,10.1000/jb.9,embase
"""
RIS = """TY  - JOUR
TI  - Vitamin D and fractures.
JO  - Bone
DO  - 10.1000/jb.1
KW  - fractures
N1  - {label}
UR  - https://example.org/1
ER  -
"""


def merge(*paths: Path) -> tuple[JoinedFiles, MergedRecords]:
    search = join_files([read_record_file(path) for path in paths])
    return search, merge_duplicates(search, find_duplicates(search.file.records))


@pytest.fixture
def two_tables(tmp_path) -> tuple[Path, Path]:
    for name, text in (("a.csv", A), ("b.csv", B)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_two_files_are_one_search_of_which_nothing_is_lost(two_tables):
    search = join_files([read_record_file(path) for path in two_tables])
    assert [record.id for record in search.file.records] == ["a1", "a2", "a3", "a4", "a5", "a6", "b1", "b2", "b3"]
    assert search.sources[0] == "a.csv: a1"
    assert search.sources[-1] == "b.csv: b3"


def test_nine_less_two_are_seven_and_each_keeps_what_either_had(two_tables, tmp_path):
    search, merged = merge(*two_tables)
    assert (len(search.file.records), len(merged.file.records), len(merged.merges)) == (9, 7, 2)
    first, second = merged.file.records[:2]
    assert (first.authors, first.abstract, first.doi) == (("Moreau A",), "A trial.", "10.1000/JB.1")
    assert (second.abstract, second.doi) == ("Another trial.", "10.1000/jb.2")
    assert dict(second.fields)["source"] == "pubmed; embase"
    assert merged.added["sources"][:3] == ["a.csv: a1; b.csv: b1", "a.csv: a2; b.csv: b2", "a.csv: a3"]
    out = tmp_path / "out.csv"
    write_record_file(out, merged.file, None, merged.added)
    again = read_record_file(out)
    assert [record.id for record in again.records] == ["a1", "a2", "a3", "a4", "a5", "a6", "b3"]
    assert again.records[1].doi == "10.1000/jb.2"


def test_every_merge_is_listed_with_why_and_with_what_the_kept_record_does_not_say(two_tables, tmp_path):
    search, merged = merge(*two_tables)
    write_merges(tmp_path / "merges.tsv", search, merged.merges)
    with (tmp_path / "merges.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [(row["kept"], row["merged"], row["by"]) for row in rows] == [
        ("a.csv: a1", "b.csv: b1", "doi"),
        ("a.csv: a2", "b.csv: b2", "text"),
    ]
    assert json.loads(rows[1]["values_not_kept"]) == {
        "id": ["b2"],
        "title": ["VITAMIN D AND FALLS"],
        "abstract": ["Another trial. © 2020 The Authors."],
        "authors": ["Moreau, Ana"],
    }


def test_files_of_two_forms_are_joined_as_a_table_and_written_in_any_form(two_tables, tmp_path):
    (tmp_path / "c.ris").write_text(RIS.format(label="by hand"), encoding="utf-8")
    search, merged = merge(two_tables[0], tmp_path / "c.ris")
    assert (len(search.file.records), len(merged.file.records)) == (7, 6)
    for ending in ("csv", "ris", "xml"):
        out = tmp_path / f"out.{ending}"
        write_record_file(out, merged.file, None, merged.added)
        record = read_record_file(out).records[0]
        assert (record.title, record.authors, record.abstract) == ("Vitamin D and fractures", ("Moreau A",), "A trial.")
        assert (record.keywords, record.doi.lower()) == (("fractures",), "10.1000/jb.1")
        assert "by hand" in str(record.fields)


def test_of_two_ris_records_notes_keywords_and_what_is_missing_are_gathered(tmp_path):
    other = (
        RIS.format(label="from Embase")
        .replace("JO  - Bone\n", "AU  - Moreau, Ana\nAU  - Chen, B\n")
        .replace("1\nER", "2\nER")
    )
    (tmp_path / "both.ris").write_text(RIS.format(label="by hand") + other, encoding="utf-8")
    _, merged = merge(tmp_path / "both.ris")
    (record,) = merged.file.records
    assert [value for tag, value in record.fields if tag in ("N1", "UR", "KW", "TI", "JO", "AU")] == [
        *("Vitamin D and fractures.", "Bone", "fractures", "by hand", "https://example.org/1"),
        *("Moreau, Ana", "Chen, B", "from Embase", "https://example.org/2"),
    ]
    assert record.authors == ("Moreau, Ana", "Chen, B")
    assert merged.merges[0].not_kept == ()


@pytest.mark.parametrize(
    ("labels", "left", "decision"),
    [
        (("ASReview_relevant", "ASReview_relevant"), 1, "included"),
        (("ASReview_not_seen", "ASReview_irrelevant"), 1, "excluded"),
        (("ASReview_relevant", "ASReview_irrelevant"), 2, "included"),
    ],
)
def test_records_decided_differently_are_not_merged(tmp_path, labels, left, decision):
    (tmp_path / "both.ris").write_text("".join(RIS.format(label=label) for label in labels), encoding="utf-8")
    _, merged = merge(tmp_path / "both.ris")
    assert len(merged.file.records) == left
    assert len(merged.unmerged) == left - 1
    write_record_file(tmp_path / "out.ris", merged.file, None, merged.added)
    again = read_record_file(tmp_path / "out.ris").records[0]
    assert {d.verdict for d in again.decisions} == {decision}


def test_nothing_is_merged_where_no_group_is(two_tables):
    search = join_files([read_record_file(two_tables[0])])
    merged = merge_duplicates(search, [])
    assert merged.file == replace(search.file, records=list(search.file.records))
    assert merged.merges == []
