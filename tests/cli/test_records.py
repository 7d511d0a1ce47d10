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
        "  duplicates      1 records repeat another one, in 1 groups; 1 of the groups decided differently\n",
    ):
        assert line in result.out, (line, result.out)
    assert max(map(len, result.out.splitlines())) <= 100


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
