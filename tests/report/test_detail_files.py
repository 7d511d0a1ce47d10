"""Scripts of details: whatever ids and texts are, they are read as they were written, by Python and by JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from report_examples import make_report
from report_worlds import HOSTILE

from nirank.errors import DataError
from nirank.report import read_report, write_report
from nirank.report.detail_files import _read_script, open_details, read_document_details, read_query_details
from nirank.report.report import Report
from nirank.results.query_detail import (
    DetailSource,
    DocumentDetail,
    ListDetail,
    MissedDocument,
    QueryDetail,
    StageList,
)
from nirank.results.query_set import QuerySet

TEXTS = (*HOSTILE, "\u2029\x00\x1e\x7f', \\' \\\\ \\u0041 */ ]]> <!-- ", "", "é\U0001f600")


def make_details(n_queries: int) -> list[QueryDetail]:
    """Return details whose ids, names and texts are all hostile."""
    details = []
    for at in range(n_queries):
        documents = tuple(f"{text}{at}" for text in TEXTS)
        first = ListDetail(
            documents,
            tuple(map(float, range(len(documents), 0, -1))),
            (StageList(TEXTS[at % len(TEXTS)], (None, 0, *range(2, len(documents))), (None,) * len(documents)),),
            (MissedDocument("gone", 2, None, None, None), MissedDocument(TEXTS[0], 1, 30, TEXTS[1], 3)),
        )
        lists = {TEXTS[7]: first, TEXTS[8]: ListDetail((), ()), TEXTS[2]: ListDetail(("d",), (None,))}
        date = "2020-01-01" if at % 2 else None
        details.append(QueryDetail(f"{TEXTS[8]}{at}", TEXTS[at % len(TEXTS)], at, date, {TEXTS[8]: at}, lists))
    return details


def make_source(details: Sequence[QueryDetail]) -> DetailSource:
    def describe(ids: Sequence[str]) -> Iterator[DocumentDetail]:
        for id in ids:
            if id != "gone":
                yield DocumentDetail(id, f"title of {id}", f"text of {id}", 7, "1999" if "d" in id else None)

    return DetailSource(lambda: iter(details), describe)


def save(folder: Path, n_queries: int, **sources: DetailSource) -> tuple[Report, QuerySet]:
    report = make_report(2, n_queries)
    source = sources.get("source", make_source(make_details(n_queries)))
    write_report(folder, report, details={report.query_sets[0].key: source})
    saved = read_report(folder)
    return saved, saved.query_sets[0]


def test_details_are_read_as_they_were_written_and_written_again_byte_for_byte(tmp_path: Path) -> None:
    saved, query_set = save(tmp_path / "a", 45)
    assert query_set.folder == "scifact-test-qrels"
    details = list(read_query_details(tmp_path / "a", query_set))
    assert details == make_details(45)
    documents = {each.id: each for each in read_document_details(tmp_path / "a", query_set)}
    listed = {id for detail in details for each in detail.lists.values() for id in each.documents}
    assert set(documents) == listed | {TEXTS[0]}
    assert documents["d"] == DocumentDetail("d", "title of d", "text of d", 7, "1999")
    names = sorted(path.name for path in (tmp_path / "a" / "details" / "scifact-test-qrels").iterdir())
    assert names == [
        *(f"lists-000{at}.js" for at in range(3)),
        "queries.json",
        *(f"texts-000{at}.js" for at in range(3)),
    ]
    source = open_details(tmp_path / "a", query_set)
    assert source is not None
    write_report(tmp_path / "b", saved, details={query_set.key: source})
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path
    inodes = {path: path.stat().st_ino for path in (tmp_path / "a" / "details").rglob("*.*")}
    write_report(tmp_path / "a", saved, details={query_set.key: source})  # from the folder into itself
    assert inodes == {path: path.stat().st_ino for path in (tmp_path / "a" / "details").rglob("*.*")}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not there; the browser's tests read scripts too")
def test_javascript_reads_the_same(tmp_path: Path) -> None:
    save(tmp_path, 3)
    folder = tmp_path / "details" / "scifact-test-qrels"
    program = (
        "globalThis.nirankDetails = (name, text) => console.log(JSON.stringify([name, JSON.parse(text)]));"
        f"require({json.dumps(str(folder / 'lists-0000.js'))});"
    )
    name, content = json.loads(subprocess.check_output(["node", "-e", program], text=True))
    assert name == "scifact-test-qrels/lists-0000"
    assert [query["id"] for query in content["queries"]] == [detail.id for detail in make_details(3)]
    assert content["documents"]["gone"] == ["", None, None]
    assert content["documents"]["d"] == ["title of d", 0, "1999"]


def test_the_text_of_a_document_stands_in_the_script_that_its_number_names(tmp_path: Path) -> None:
    _, query_set = save(tmp_path, 45)
    folder = tmp_path / "details" / str(query_set.folder)
    for path in folder.glob("lists-*.js"):
        for id, (title, number, _) in _read_script(path)["documents"].items():
            if number is not None:
                assert _read_script(folder / f"texts-{number:04}.js")["documents"][id]["title"] == title


def test_a_document_without_a_title_is_listed_by_how_its_text_begins(tmp_path: Path) -> None:
    texts = {"long": "word " * 50, "short": " two\nwords ", "blank": "", "titled": "text"}

    def describe(ids: Sequence[str]) -> Iterator[DocumentDetail]:
        yield from (DocumentDetail(id, "A title" if id == "titled" else "", texts[id], 1) for id in ids)

    detail = QueryDetail("q", "", 0, lists={"S": ListDetail(tuple(texts), (None,) * 4)})
    _, query_set = save(tmp_path, 1, source=DetailSource(lambda: iter([detail]), describe))
    listed = _read_script(tmp_path / "details" / str(query_set.folder) / "lists-0000.js")["documents"]
    assert {id: title for id, (title, _, _) in listed.items()} == {
        "long": "word " * 15 + "word…", "short": "two words", "blank": "", "titled": "A title",
    }  # fmt: skip
    assert [each.title for each in read_document_details(tmp_path, query_set)] == ["", "", "", "A title"]


def test_what_is_short_of_details_leaves_no_scripts(tmp_path: Path) -> None:
    saved, query_set = save(tmp_path, 25)
    write_report(tmp_path, saved)
    (kept,) = read_report(tmp_path).query_sets
    assert kept == replace(query_set, folder=None, values=kept.values, signs=kept.signs)
    assert [path.name for path in (tmp_path / "details" / str(query_set.folder)).iterdir()] == ["queries.json"]
    assert open_details(tmp_path, kept) is None


@pytest.mark.parametrize("content", ["", "nirankDetails('x', '{');\n", "nirankDetails('x', '{}');\n", "alert(1)"])
def test_what_is_no_script_of_details_is_one_sentence(tmp_path: Path, content: str) -> None:
    _, query_set = save(tmp_path, 3)
    (tmp_path / "details" / str(query_set.folder) / "lists-0000.js").write_text(content)
    with pytest.raises(DataError, match=r"lists-0000.js: (is no script of details|cannot be read)"):
        list(read_query_details(tmp_path, query_set))


def test_details_that_fail_leave_the_folder_as_it_was(tmp_path: Path) -> None:
    def fail() -> Iterator[QueryDetail]:
        yield make_details(1)[0]
        raise ZeroDivisionError

    save(tmp_path, 3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(ZeroDivisionError):
        save(tmp_path, 3, source=DetailSource(fail, lambda ids: iter(())))
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
