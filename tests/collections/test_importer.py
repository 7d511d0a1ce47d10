"""The importer: what comes out is what went in, in bounded memory; hostile files are refused by line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections import importer, texts_writer
from nirank.collections.importer import ImportFacts, import_texts
from nirank.collections.readers.json_files import read_json
from nirank.collections.readers.records import Record
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns


def read_records(path: Path) -> Iterator[Record]:
    return read_json(path, "docs", TextColumns())


def import_records(records: list[Record], folder: Path) -> tuple[Texts, ImportFacts]:
    facts = import_texts(iter(records), folder, "corpus.jsonl")
    return Texts.open(folder), facts


def write_lines(folder: Path, *values: Any, end: str = "\n", bom: bool = False, packed: bool = False) -> Path:
    raw = "".join((value if isinstance(value, str) else json.dumps(value)) + end for value in values)
    path = folder / ("corpus.jsonl.gz" if packed else "corpus.jsonl")
    content = (b"\xef\xbb\xbf" if bom else b"") + raw.encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def import_file(path: Path, folder: Path) -> tuple[Texts, ImportFacts]:
    (folder / "out").mkdir()
    facts = import_texts(read_records(path), folder / "out", str(path))
    return Texts.open(folder / "out"), facts


_json = st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=4), max_size=3)
_plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
        st.tuples(_plain, _plain, _json),
        max_size=9,
    )
)
def test_content_and_digest_equal_those_of_texts_in_memory(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, tuple[str, str, dict[str, Any]]]
) -> None:
    clean = {
        id: (title, text, json.loads(_mend_surrogates(metadata))) for id, (title, text, metadata) in records.items()
    }
    texts, facts = import_records(
        [Record(id, *fields, line) for line, (id, fields) in enumerate(records.items(), 1)],
        tmp_path_factory.mktemp("texts"),
    )
    in_memory = Texts.of({id: {"title": t, "text": x, "metadata": m} for id, (t, x, m) in clean.items()})
    assert texts.digest == in_memory.digest == Texts(texts.ids, texts.columns).digest
    assert [texts[row] for row in range(len(texts))] == [
        {"id": id, "title": t, "text": x, "metadata": m} for id, (t, x, m) in clean.items()
    ]
    assert facts.records == len(records)
    assert texts.ids.find_rows(list(records)).tolist() == list(range(len(records)))


def _mend_surrogates(metadata: dict[str, Any]) -> str:
    return importer._SURROGATE.sub("\ufffd", json.dumps(metadata, ensure_ascii=False))


def test_digest_does_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [Record(f"d{i}", "", f"text {i}", {}, i + 1) for i in range(10)]
    (tmp_path / "one").mkdir()
    one_batch, _ = import_records(records, tmp_path / "one")
    monkeypatch.setattr(texts_writer, "_BATCH_ROWS", 3)
    (tmp_path / "many").mkdir()
    parts, _ = import_records(records, tmp_path / "many")
    assert parts.columns["text"].num_chunks == 4
    assert parts.digest == one_batch.digest and parts.ids == one_batch.ids
    assert parts.take(np.array([9, 0, 4])).columns["text"].to_pylist() == ["text 9", "text 0", "text 4"]


@pytest.mark.slow
def test_memory_is_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_writer, "_BATCH_CHARACTERS", 1_000_000)
    before, most_allocated = pa.total_allocated_bytes(), 0

    def records() -> Iterator[Record]:
        nonlocal most_allocated
        for i in range(4000):
            most_allocated = max(most_allocated, pa.total_allocated_bytes() - before)
            yield Record(f"d{i}", "", f"{i} " * 3000, {}, i + 1)  # 4,000 documents, over 50 MB

    tracemalloc.start()
    import_texts(records(), tmp_path, "corpus.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "texts.arrow").stat().st_size > 50_000_000
    assert peak < 8_000_000 and most_allocated < 8_000_000


STRANGE = ["01", "1", "007", "1e3", "NA", "null", "x" * 60, "ü", "🙂", "doc 7", "#x", "a\u0000b", "e\u0301", "é"]


@pytest.mark.parametrize(
    "form", [{}, {"end": "\r\n"}, {"bom": True}, {"packed": True}, {"end": "\r\n", "bom": True, "packed": True}]
)
def test_trap_12_ids_are_byte_identical_after_import_and_reopening(tmp_path: Path, form: dict[str, Any]) -> None:
    texts, facts = import_file(write_lines(tmp_path, *({"_id": id, "text": "x"} for id in STRANGE), **form), tmp_path)
    assert [id.encode() for id in texts.ids] == [id.encode() for id in STRANGE]
    assert [texts.ids.find_row(id) for id in STRANGE] == list(range(len(STRANGE)))
    assert facts.converted.count == 0


def test_trap_12_numbers_become_strings_and_are_counted(tmp_path: Path) -> None:
    texts, facts = import_file(
        write_lines(tmp_path, '{"_id": 7, "text": "x"}', '{"_id": "07"}', '{"_id": 1.5}'), tmp_path
    )
    assert list(texts.ids) == ["7", "07", "1.5"]
    assert (facts.converted.count, facts.converted.examples) == (2, ["7", "1.5"])


def test_unknown_keys_go_into_the_metadata_whose_own_keys_win(tmp_path: Path) -> None:
    record = {"_id": "a", "title": None, "text": "x", "year": 1, "url": "outer", "metadata": {"url": "inner"}}
    texts, _ = import_file(write_lines(tmp_path, record, {"_id": "b", "metadata": None}), tmp_path)
    assert texts[0] == {"id": "a", "title": "", "text": "x", "metadata": {"url": "inner", "year": 1}}
    assert texts[1] == {"id": "b", "title": "", "text": "", "metadata": {}}


def test_encoding_damage_is_counted(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path,
        '{"_id": "a", "text": "\\ud83d!"}',
        '{"_id": "b", "text": "\ufffd"}',
        '{"_id": "c", "text": "\\ud83d\\ude42"}',
    )
    texts, facts = import_file(path, tmp_path)
    assert texts.columns["text"].to_pylist() == ["\ufffd!", "\ufffd", "🙂"]
    assert (facts.replaced.count, facts.damaged.count) == (1, 2)
    assert facts.damaged.examples == ["a", "b"]


def test_blank_texts_and_splits_are_counted(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path, {"_id": "a", "text": " \t"}, {"_id": "b", "title": "t"}, {"_id": "c", "text": "x", "split": "dev"}
    )
    _, facts = import_file(path, tmp_path)
    assert (facts.empty.count, facts.empty.examples, facts.splits) == (1, ["a"], {"dev": 1})
    assert ImportFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_duplicate_ids_name_both_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path, {"_id": "a"}, "", {"_id": "b"}, {"_id": "a"}, {"_id": "b"})
    with pytest.raises(DataError) as error:
        import_file(path, tmp_path)
    assert error.value.messages == (f"{path}:1 and :4: id 'a' occurs twice", f"{path}:3 and :5: id 'b' occurs twice")


def test_an_id_thrice_and_an_id_that_becomes_another(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r":1 and :2: id '1' occurs twice\n.*:2 and :3: id '1'"):
        import_file(write_lines(tmp_path, {"_id": "1"}, {"_id": 1}, {"_id": "1"}), tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "b", "text": ', r":2: not valid JSON \(Expecting value at column 21\)"),
        ('["b"]', r":2: a JSON list; expected an object"),
        ("3", r":2: a JSON number; expected an object"),
        ('{"key": "b", "text": "x"}', r":2: the record has no _id; found keys 'key', 'text'"),
        ('{"_id": null}', r":2: the record has no _id"),
        ('{"_id": ""}', r":2: the record has no _id"),
        ('{"_id": NaN}', r":2: the record has no _id"),
        ('{"_id": true}', r":2: _id is a boolean; expected a string"),
        ('{"_id": ["b"]}', r":2: _id is a list"),
        ('{"_id": "\\ud800"}', r":2: the id '\\ud800' has half a character"),
        ('{"_id": "b", "text": [["x"]]}', r":2: text is a list that holds a list; expected text, or a list of texts"),
        ('{"_id": "b", "title": {"en": "x"}}', r":2: title is an object; expected text"),
        ('{"_id": "b", "metadata": "x"}', r":2: metadata is a string; expected an object"),
        ("[" * 100_000, r":2: not valid JSON"),
        ('{"_id": ' + "9" * 5000 + "}", r":2: not valid JSON"),
    ],
)
def test_hostile_records_are_refused_by_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        import_file(write_lines(tmp_path, {"_id": "a", "text": "x"}, line), tmp_path)


def test_hostile_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'{"_id": "a"}\n{"_id": "b", "text": "\xe4"}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:2: not valid UTF-8 \(byte 0xe4 at column 23\)"):
        list(read_records(path))
    with pytest.raises(DataError, match="is a folder; expected a file"):
        list(read_records(tmp_path))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"_id": "a"}\n' * 50)[:-5])
    with pytest.raises(DataError, match="not a whole gzip file"):
        list(read_records(tmp_path / "c.jsonl.gz"))


def test_no_records_at_all(tmp_path: Path) -> None:
    texts, facts = import_file(write_lines(tmp_path), tmp_path)
    assert len(texts) == 0 and facts.records == 0
    assert texts.blank_rows.shape == (0,) and texts.ids.find_row("a") == -1
    assert texts.digest == Texts.of({}).digest
