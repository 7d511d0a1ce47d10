"""Scores are written into a configuration; all else in it stays, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.verification.acceptance import format_score, write_scores

HEAD = b'# a comment\ncollections: [tiny]   # and one behind\nsystems: {BM25: bm25, "a: {b}, $c": bm25}\nmeasures: [RR, last_rel]\n'
SCORES = {"tiny/test (a)": {"BM25": {"RR": 0.123456, "last_rel": 1234.5678}, "a: {b}, $c": {"P(rel=2)@5": 1.0}}}
WRITTEN = b"""\
  scores:
    tiny/test (a):
      BM25: {RR: 0.1235, last_rel: 1234.5678}
      "a: {b}, $$c": {P(rel=2)@5: 1.0000}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, HEAD + b"expected:\n" + WRITTEN),
        (HEAD.rstrip(), HEAD + b"expected:\n" + WRITTEN),
        (
            HEAD + b"expected:  # why\n  # how far\n  tolerance: 0.01\n  scores:\n    x:\n      BM25: {RR: 1}  # gone\n  # below\n\n# end\n",
            HEAD + b"expected:  # why\n  # how far\n  tolerance: 0.01\n" + WRITTEN + b"  # below\n\n# end\n",
        ),
        (
            b"expected:\n  scores: {x: {BM25: {RR: 1,\n    last_rel: 2}}}\n  tolerance: 0.01\n" + HEAD,
            b"expected:\n" + WRITTEN + b"  tolerance: 0.01\n" + HEAD,
        ),
        (b"\xef\xbb\xbf" + HEAD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + (HEAD + b"expected:\n" + WRITTEN).replace(b"\n", b"\r\n")),
    ],
)  # fmt: skip
def test_only_scores_are_replaced(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(before)
    path.chmod(0o640)
    write_scores(path, SCORES)
    assert path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o640
    write_scores(path, SCORES)
    assert path.read_bytes() == after
    expected = load_config(path).expected
    assert expected is not None
    assert expected.scores["tiny/test (a)"]["a: {b}, $c"] == {"P(rel=2)@5": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "{collections: [tiny], systems: {BM25: bm25}, measures: [RR]}\n",
        HEAD.decode() + "expected: {scores: {x: {BM25: {RR: 1}}}}\n",
        HEAD.decode() + "expected: &e\n  scores: &s\n    x:\n      BM25: {RR: 1}\nseeds: [1] # *s\n...\n",
    ],
)
def test_what_cannot_be_written_leaves_the_file_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    try:
        write_scores(path, {"tiny/test": {"BM25": {"RR": 1.0}}})
    except ConfigError as error:
        assert "expected" in str(error)
        assert path.read_text() == text
    else:  # what can be written is right
        expected = load_config(path).expected
        assert expected is not None
        assert list(expected.list_scores()) == [("tiny/test", "BM25", "RR", 1.0)]


def test_great_values_have_no_zeros_at_the_end() -> None:
    assert [format_score(value) for value in (0.00004, 9.87654, 10.0, 98.76543, 1234567.5)] == [
        "0.0000", "9.8765", "10", "98.7654", "1234567.5",
    ]  # fmt: skip
