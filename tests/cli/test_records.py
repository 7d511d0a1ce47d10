"""`nirank records`: what was read of record files."""

from __future__ import annotations

import json
from pathlib import Path

from command_result import run_nirank

RIS = (
    "TY  - JOUR\nTI  - Vitamin D and fractures in old age\nAB  - A trial.\nPY  - 2020\nDO  - 10.1000/a\nLA  - English\n"
    "N1  - ASReview_relevant\nER  - \nTY  - JOUR\nTI  - Cats\nN1  - see ASReview_relevant here\nER  - \nER  - \n"
)
CSV = (
    "key,title,year,abstract,notes,doi,pubmed_id,pmc_id\n"
    'r-1,Vitamin D and fractures in old age,2020,A trial.,"RAYYAN-INCLUSION: {""Ana""=>""Excluded"", ""Bo""=>""Included""}",'
    "10.1000/A,,\n"
)


def test_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.ris").write_text(RIS)
    (tmp_path / "b.csv").write_text(CSV)
    result = run_nirank("records", "a.ris", "b.csv", cwd=tmp_path)
    assert result.code == 0, result
    for line in (
        "a.ris\n  records         3, RIS of ASReview, utf-8\n",
        "  texts           1 with an abstract, 2 without abstract, 1 without title, 1 without either\n",
        "  years           2020 to 2020, 2 without a year\n",
        "  languages       English 1, 2 without\n",
        "  decisions       2 none, 1 included\n",
        "  fields          TY 2, TI 2, N1 2, AB 1, PY 1, DO 1, LA 1\n",
        "  not understood  1 notes that hold 'ASReview_' inside a sentence, not taken for a decision\n",
        "  by reviewer     Ana: 1 excluded; Bo: 1 included\n",
        "  conflicts       1 included by one and excluded by another; these count as included\n",
        "all 2 files together\n  records         4\n",
        "  duplicates      1 records repeat another one, in 1 groups (1 by DOI)\n                  such as 1 = r-1\n",
        "                  1 groups decided differently: 1 = r-1\n",
    ):
        assert line in result.out, (line, result.out)
    assert max(map(len, result.out.splitlines())) <= 100


A = """id,title,abstract,authors,year,doi,source
a1,Vitamin D and fractures,A trial.,Moreau A,2020,10.1000/JB.1,pubmed
a2,Vitamin D and falls in old age,Another trial.,Moreau A,2020,,pubmed
a3,,,,,10.1000/empty.1,pubmed
"""
B = """id,title,abstract,authors,year,doi,source
b1,Vitamin D and fractures.,,,2020,https://doi.org/10.1000/jb.1,embase
b2,VITAMIN D AND FALLS IN OLD AGE,"Another trial. © 2020 The Authors.","Moreau, Ana",2020,doi:10.1000/jb.2,embase
b3,Vitamin D and falls in old age,Another trial.,"Moreau, Ana",2010,,embase
"""


def test_several_files_are_one_search_whose_duplicates_are_merged_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(A)
    (tmp_path / "b.csv").write_text(B)
    untouched = run_nirank("records", "a.csv", "b.csv", cwd=tmp_path)
    assert "2 records repeat another one, in 2 groups (1 by DOI, 1 by text)\n" in untouched.out
    assert "  such as a1 = b1, a2 = b2\n" in untouched.out
    assert "2 pairs are alike and held apart" in untouched.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]
    result = run_nirank("records", "a.csv", "b.csv", "--merge", "o/out.ris", "--duplicates", "pairs.tsv", cwd=tmp_path)
    assert result.code == 0, result
    for line in ("o/out.ris: 6 records = 4 + 2 merged\n", "o/out.merges.tsv: every merge", "pairs.tsv: the pairs"):
        assert line in result.out, result.out
    assert max(map(len, result.out.splitlines())) <= 100
    merged = json.loads(run_nirank("records", "o/out.ris", "--json", cwd=tmp_path).out)["files"][0]
    assert (merged["records"], merged["with_doi"]) == (4, 3)
    assert [line.split("\t")[:4] for line in (tmp_path / "o/out.merges.tsv").read_text().splitlines()[1:]] == [
        ["a.csv: a1", "b.csv: b1", "a.csv: a1", "doi"],
        ["a.csv: a2", "b.csv: b2", "a.csv: a2", "text"],
    ]
    held = [line.split("\t") for line in (tmp_path / "pairs.tsv").read_text().splitlines() if line.startswith("\t")]
    assert [(row[1], row[2], row[6]) for row in held] == [
        ("a.csv: a2", "b.csv: b3", "the years differ: 2020, 2010"),
        ("b.csv: b2", "b.csv: b3", "the years differ: 2020, 2010"),
    ]


def test_what_was_read_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(A)
    for arguments in (("--merge", "a.csv"), ("--duplicates", "./a.csv")):
        result = run_nirank("records", "a.csv", *arguments, cwd=tmp_path)
        result.assert_mistake("a.csv: is one of the files that were read; expected another name")
    run_nirank("records", "a.csv", "--merge", "a.pdf", cwd=tmp_path).assert_mistake("a.pdf: has no ending")
    assert (tmp_path / "a.csv").read_text() == A


def test_json(tmp_path: Path) -> None:
    (tmp_path / "a.ris").write_text(RIS)
    summary = json.loads(run_nirank("records", "a.ris", "--json", cwd=tmp_path).out)
    (file,) = summary["files"]
    assert (file["records"], file["format"], file["tool"], file["encoding"]) == (3, "ris", "asreview", "utf-8")
    assert file["decisions"]["records"] == {"none": 2, "included": 1}
    assert file["fields"] == {"TY": 2, "TI": 2, "N1": 2, "AB": 1, "PY": 1, "DO": 1, "LA": 1}


def test_mistakes(tmp_path: Path) -> None:
    (tmp_path / "a.ris").write_bytes(b"%PDF-1.4")
    (tmp_path / "empty.ris").write_bytes(b"")
    run_nirank("records", "a.ris", cwd=tmp_path).assert_mistake("a.ris: is a PDF; expected an export of records")
    run_nirank("records", "empty.ris", cwd=tmp_path).assert_mistake("empty.ris: is empty; expected RIS")
    run_nirank("records", "absent.ris", cwd=tmp_path).assert_mistake("absent.ris: cannot be read")
