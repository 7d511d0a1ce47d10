"""Judgement files: forms, headers, mistakes, repeats."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import DataError
from nirank.flow.judgement_files import QrelsFile, read_qrels


def write_file(folder: Path, content: str | bytes, name: str = "test.tsv") -> Path:
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def list_triples(file: QrelsFile) -> list[tuple[str, str, int]]:
    return list(zip(file.query_ids.to_pylist(), file.doc_ids.to_pylist(), file.grades.tolist(), strict=True))


TWO = [("q1", "a", 1), ("q2", "b", 2)]


@pytest.mark.parametrize(
    ("content", "form", "header"),
    [
        ("q1\ta\t1\nq2\tb\t2\n", "beir", False),
        ("q1\ta\t1\nq2\tb\t2", "beir", False),
        ("query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t2\n", "beir", True),
        ("query-id\tcorpus-id\tscore\r\nq1\ta\t1\r\nq2\tb\t2\r\n", "beir", True),
        ("\ufeffq1\ta\t1\nq2\tb\t2\n", "beir", False),
        ("\ufeffquery-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t2\n", "beir", True),
        ("q1 0 a 1\nq2 0 b 2\n", "trec", False),
        ("q1     Q0  a      1  \r\nq2     Q0  b      2  \r\n", "trec", False),
        ("q1\t0\ta\t1\nq2\t0\tb\t2\n", "trec", False),
        ("qid iter docid rel\nq1 0 a 1\nq2 0 b 2\n", "trec", True),
        ("  q1 a 1\n\n   \n  q2 b +2\n\n", "beir", False),
    ],
)
@pytest.mark.parametrize("name", ["test.tsv", "test.tsv.gz"])
def test_trap_13_header_and_columns(tmp_path: Path, content: str, form: str, header: bool, name: str) -> None:
    file = read_qrels(write_file(tmp_path, content, name))
    assert list_triples(file) == TWO
    assert (file.form, file.header, file.repeated) == (form, header, 0)


@pytest.mark.parametrize("label", ["0.7", "1.0", "NaN", "inf", ".5", "-0.5", "1e3", "99999999999"])
def test_trap_13_a_label_that_is_no_integer_is_refused_with_its_line(tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match=rf"test\.tsv:1: label '{label}' is not an integer"):
        read_qrels(write_file(tmp_path, f"q1\ta\t{label}\nq2\tb\t1\n"))


def test_bad_lines_are_named_up_to_three(tmp_path: Path) -> None:
    lines = ["query-id\tcorpus-id\tscore", "", *(f"q{i}\ta\tgood" for i in range(5))]
    with pytest.raises(DataError) as error:
        read_qrels(write_file(tmp_path, "\n".join(lines)))
    assert len(error.value.messages) == 4
    assert "test.tsv:3: label 'good'" in error.value.messages[0]
    assert "2 more such lines" in error.value.messages[3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1\ta\t1\nq2\tb\n", r":2: 2 columns; expected 3, as in line 1"),
        ("q1 0 a 1\nq2 0 b c 1\n", r":2: 5 columns; expected 4"),
        ("q1\n", r":1: 1 columns; expected 2 \(query, document\) or 3 \(.*\) or TREC's 4"),
        ("q1\ta\t1\n\tb\t1\n", r":2: the query id is empty"),
        ("q1\ta\t1\nq2\t\t1\n", r":2: the document id is empty"),
        (b"q1\ta\t1\nq\xff\tb\t1\n", r":2: not valid UTF-8 \(byte 0xff at column 2\)"),
    ],
)
def test_hostile_lines(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_qrels(write_file(tmp_path, content))


def test_hostile_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_qrels(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_qrels(tmp_path / "absent.tsv")
    packed = gzip.compress(b"q1\ta\t1\n" * 1000)
    (tmp_path / "cut.tsv.gz").write_bytes(packed[:-9])
    with pytest.raises(DataError, match="not a whole gzip file"):
        read_qrels(tmp_path / "cut.tsv.gz")
    (tmp_path / "plain.tsv.gz").write_bytes(b"q1\ta\t1\n")
    with pytest.raises(DataError, match="not a whole gzip file"):
        read_qrels(tmp_path / "plain.tsv.gz")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "query-id\tcorpus-id\tscore\n"])
def test_no_judgements(tmp_path: Path, content: str) -> None:
    file = read_qrels(write_file(tmp_path, content))
    assert len(file) == 0 and list_triples(file) == []


STRANGE = ["01", "1", "007", "1e3", "NA", "null", "None", "#x", '"', "ü", "🙂", "x" * 60, "1.2345678901234567"]


@pytest.mark.parametrize("separator", ["\t", " "])
def test_trap_12_judgement_ids_stay_strings(tmp_path: Path, separator: str) -> None:
    content = "".join(f"{id}{separator}{id}{separator}1\n" for id in STRANGE)
    assert list_triples(read_qrels(write_file(tmp_path, content))) == [(id, id, 1) for id in STRANGE]


def test_blanks_between_tabs_belong_to_the_id(tmp_path: Path) -> None:
    assert list_triples(read_qrels(write_file(tmp_path, "query 1\t doc 7 \t1\n"))) == [("query 1", " doc 7 ", 1)]


def test_trap_14_identical_repeats_are_dropped_and_counted(tmp_path: Path) -> None:
    file = read_qrels(write_file(tmp_path, "q\tb\t2\nr\ta\t1\nq\tb\t2\nq\ta\t1\nq\tb\t2\n"))
    assert list_triples(file) == [("q", "b", 2), ("r", "a", 1), ("q", "a", 1)], "in the order of the file"
    assert file.repeated == 2


def test_trap_14_contradictions_are_refused_naming_both_lines(tmp_path: Path) -> None:
    content = "query-id\tcorpus-id\tscore\nq\ta\t1\nq\tb\t1\n\nq\ta\t0\n"
    with pytest.raises(DataError, match=r"test\.tsv:2 and :5: query 'q' and document 'a' have labels 1 and 0"):
        read_qrels(write_file(tmp_path, content))
    with pytest.raises(DataError, match=r"here:1 and :2: query 'q'"):
        QrelsFile.of([("q", "a", 1), ("q", "a", 0)], "here")


_ids = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.tuples(_ids, _ids), st.integers(-2, 4), min_size=1, max_size=20), st.booleans(), st.booleans()
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, judged: dict[tuple[str, str], int], trec: bool, crlf: bool
) -> None:
    end = "\r\n" if crlf else "\n"
    lines = [f"{q} 0 {d} {grade}{end}" if trec else f"{q}\t{d}\t{grade}{end}" for (q, d), grade in judged.items()]
    file = read_qrels(write_file(tmp_path_factory.mktemp("qrels"), "".join(lines)))
    assert list_triples(file) == [(q, d, grade) for (q, d), grade in judged.items()]
    assert not file.header


def test_real_files(shared_data: Path) -> None:
    start = time.process_time()
    train = read_qrels(shared_data / "beir/nfcorpus/qrels/train.tsv.gz")
    assert time.process_time() - start < 5  # far above what it takes; a loop over Python objects would show
    assert len(train) == 110_575 and len(train.query_ids.unique()) == 2590
    assert list_triples(train)[0] == ("PLAIN-3", "MED-2436", 1)
    vaswani = read_qrels(shared_data / "classic/vaswani/upstream/qrels")
    assert (len(vaswani), vaswani.form) == (2083, "trec")
    vaswani_file = read_qrels(shared_data / "classic/vaswani/qrels/test.tsv")
    assert sorted(list_triples(vaswani)) == sorted(list_triples(vaswani_file))
    tar = read_qrels(shared_data / "screening/clef-tar/2017-TAR/testing/qrels/qrel_abs_test.txt.gz")
    assert tar.form == "trec" and list_triples(tar)[0] == ("CD007431", "7072537", 0)
