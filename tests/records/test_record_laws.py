"""n records in, n records out: every form that is read, written in every form, with nothing of its own form lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError, DataError
from nirank.records.decisions import combine_decisions
from nirank.records.files import ENDINGS, read_record_file, write_record_file
from nirank.records.record import BibliographicRecord, RecordFile

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n ;,|\"'=-_<&>"), max_size=40)
LINE = TEXT.map(lambda text: " ".join(text.split()))
Fields = dict[str, str]
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"title": LINE, "abstract": TEXT, "author": LINE, "year": st.sampled_from(["", "1999", "2020"])},
        optional={"decision": st.sampled_from(["included", "excluded", "maybe", "not_seen"])},
    ),
    min_size=1,
    max_size=6,
)
NOTES = {
    "included": ["ASReview_relevant"],
    "excluded": ["ASReview_irrelevant"],
    "maybe": ["ASReview_not_seen", "nirank_decision: maybe"],
    "not_seen": ["ASReview_not_seen"],
}


def write_ris(path: Path, records: Sequence[Fields]) -> None:
    blocks = []
    for record in records:
        lines = [f"TI  - {record['title']}", f"AU  - {record['author']}", f"PY  - {record['year']}"]
        lines.append(f"AB  - {' '.join(record['abstract'].split())}")
        lines += [f"N1  - {note}" for note in NOTES.get(record.get("decision", ""), [])]
        blocks.append("\n".join(["TY  - JOUR", *lines, "ER  - ", "", ""]))
    path.write_text("".join(blocks), encoding="utf-8", newline="\r\n")


def write_bare_ris(path: Path, records: Sequence[Fields]) -> None:
    path.write_text("ER  - \n" * len(records), encoding="utf-8")


def write_nbib(path: Path, records: Sequence[Fields]) -> None:
    blocks = []
    for number, record in enumerate(records, 1):
        lines = [f"PMID- {number}", f"TI  - {record['title']}", f"FAU - {record['author']}", f"DP  - {record['year']}"]
        lines.append("AB  - " + "\n      ".join(record["abstract"].split("\n")))
        lines += [f"GN  - {note}" for note in NOTES.get(record.get("decision", ""), [])]
        blocks.append("\n".join([*lines, "", ""]))
    path.write_text("".join(blocks), encoding="utf-8")


def write_endnote(path: Path, records: Sequence[Fields]) -> None:
    parts = []
    for record in records:
        notes = "\n".join(NOTES.get(record.get("decision", ""), []))
        parts.append(
            f"<record><contributors><authors><author>{escape(record['author'])}</author></authors></contributors>"
            f"<titles><title><style>{escape(record['title'])}</style></title></titles><dates><year>{record['year']}"
            f"</year></dates><abstract>{escape(record['abstract'])}</abstract><notes>{notes}</notes></record>"
        )
    path.write_text(f"<xml><records>{''.join(parts)}</records></xml>", encoding="utf-8")


def write_pubmed(path: Path, records: Sequence[Fields]) -> None:
    parts = [
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>{escape(record['title'])}"
        f"</ArticleTitle><Abstract><AbstractText>{escape(record['abstract'])}</AbstractText></Abstract></Article>"
        "</MedlineCitation></PubmedArticle>"
        for number, record in enumerate(records, 1)
    ]
    path.write_text(f"<PubmedArticleSet>{''.join(parts)}</PubmedArticleSet>", encoding="utf-8")


def list_rows(records: Sequence[Fields]) -> list[list[str]]:
    header = ["record_id", "title", "abstract", "author", "year", "decision", "note of my own"]
    rows = [
        [str(n), r["title"], r["abstract"], r["author"], r["year"], r.get("decision", ""), "x"]
        for n, r in enumerate(records)
    ]
    return [header, *rows]


def write_delimited(path: Path, records: Sequence[Fields], separator: str) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(list_rows(records))


def write_csv(path: Path, records: Sequence[Fields]) -> None:
    write_delimited(path, records, ",")


def write_semicolons(path: Path, records: Sequence[Fields]) -> None:
    write_delimited(path, records, ";")


def write_tsv(path: Path, records: Sequence[Fields]) -> None:
    write_delimited(path, records, "\t")


def write_xlsx(path: Path, records: Sequence[Fields]) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row, cells in enumerate(list_rows(records), 1):
        for column, cell in enumerate(cells, 1):
            sheet.cell(row, column).value = cell
            sheet.cell(row, column).data_type = "s"
    workbook.save(path)


WRITERS = [
    write_ris,
    write_bare_ris,
    write_nbib,
    write_endnote,
    write_pubmed,
    write_csv,
    write_semicolons,
    write_tsv,
    write_xlsx,
]


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nirank.records.files.sync_file", lambda path: "")
        yield


def list_words(record: BibliographicRecord) -> list[str]:
    return " ".join((record.title, record.abstract)).split()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("write", WRITERS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=RECORDS, seed=st.randoms(use_true_random=False))
def test_as_many_records_come_out_as_went_in(write, ending: str, records: list[Fields], seed) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target, again = (Path(folder, name) for name in ("source", f"target.{ending}", f"again.{ending}"))
        write(source, records)
        file = read_record_file(source)
        assert len(file.records) == len(records)
        order = list(range(len(records)))
        seed.shuffle(order)
        ranks = [str(order.index(at) + 1) for at in range(len(records))]
        write_record_file(target, file, order, {"rank": ranks, "score": [f"{at}.5" for at in order]})
        first = read_record_file(target)
        expected = [file.records[at] for at in order]
        assert len(first.records) == len(records)
        assert [list_words(record) for record in first.records] == [list_words(record) for record in expected]
        verdicts = [combine_decisions(record.decisions) for record in first.records]
        assert verdicts == [combine_decisions(record.decisions) for record in expected]
        assert [dict(record.added)["rank"] for record in first.records] == [str(n + 1) for n in range(len(records))]
        write_record_file(again, first, None, {})
        second = read_record_file(again)
        assert [record.fields for record in second.records] == [record.fields for record in first.records]


@pytest.mark.parametrize("write", WRITERS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=RECORDS, data=st.data())
def test_decisions_that_are_written_are_read_again_and_replace_earlier_ones(write, records: list[Fields], data) -> None:
    """Twice over: what a second round decides stands instead of the first, in every form."""
    choices = st.lists(
        st.sampled_from(["included", "excluded", "maybe", "not_seen"]), min_size=len(records), max_size=len(records)
    )
    ending = data.draw(st.sampled_from(list(ENDINGS)))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "source"), records)
        file: RecordFile = read_record_file(Path(folder, "source"))
        for round in range(2):
            decided = data.draw(choices)
            target = Path(folder, f"{round}.{ending}")
            write_record_file(target, file, None, {"decision": decided})
            file = read_record_file(target)
            assert [combine_decisions(record.decisions) for record in file.records] == decided
            assert all(len(record.decisions) == 1 for record in file.records)


def test_what_is_no_order_or_no_form_is_refused(tmp_path: Path) -> None:
    write_ris(tmp_path / "a.ris", [{"title": "a", "abstract": "", "author": "", "year": ""}] * 3)
    file = read_record_file(tmp_path / "a.ris")
    for order in ([0, 1], [0, 1, 1], [0, 1, 3]):
        with pytest.raises(DataError, match=r"not .*3 records, once each"):
            write_record_file(tmp_path / "b.ris", file, order, {})
    with pytest.raises(DataError, match="'rank' to be added has 2 values for 3 records"):
        write_record_file(tmp_path / "b.ris", file, None, {"rank": ["1", "2"]})
    with pytest.raises(ConfigError, match=r"b\.doc: has no ending that says a form of records; expected \.ris"):
        write_record_file(tmp_path / "b.doc", file, None, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ris"]
