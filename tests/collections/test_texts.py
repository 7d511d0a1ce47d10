"""Texts and what a model sees of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.collections.importer import import_texts
from nirank.collections.readers.records import Record
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.ids import take_rows

BEIR = TextView(("title", "text"))


@pytest.mark.parametrize(
    "record", [{"title": "", "text": "x"}, {"title": None, "text": "x"}, {"text": "x"}, {"title": " ", "text": " x "}]
)
def test_trap_19_an_empty_title_adds_no_joiner(record: dict[str, str | None]) -> None:
    assert list(Texts.of({"full": {"title": "T", "text": "x"}, "d": record}).read(BEIR)) == ["T x", "x"]
    assert list(Texts.of({"d": record}).read(BEIR)) == ["x"]


def test_trap_19_a_template_is_another_view() -> None:
    texts = Texts.of({"a": {"title": "T", "text": "x"}, "b": {"text": "y"}})
    assert list(texts.read(TextView("title: {title} | {text}"))) == ["title: T | x", "title:  | y"]
    assert str(TextView("{title} {text}")) != str(BEIR)
    with pytest.raises(DataError, match="no column or metadata key 'body'; expected one of title, text"):
        list(texts.read(TextView("{body}")))


def test_reading_rows_is_reading_all_and_choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nirank.collections.texts._SLICE", 3)
    texts = Texts.of({f"d{i}": {"title": "t" * (i % 2), "text": str(i)} for i in range(10)})
    all_texts = list(texts.read(BEIR))
    rows = np.array([9, 0, 0, 4, 7])
    assert list(texts.read(BEIR, rows)) == [all_texts[row] for row in rows]
    assert list(texts.take(rows).read(BEIR)) == [all_texts[row] for row in rows]
    assert list(texts.read(BEIR, rows[:0])) == []


@given(st.lists(st.integers(0, 4), max_size=6), st.data())
def test_taking_rows_of_many_chunks(sizes: list[int], data: st.DataObject) -> None:
    n = sum(sizes)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    chunks = [pa.array([str(starts[i] + j) for j in range(size)], pa.large_string()) for i, size in enumerate(sizes)]
    column = pa.chunked_array(chunks, pa.large_string())
    rows = data.draw(st.lists(st.integers(0, n - 1), max_size=12)) if n else []
    assert take_rows(column, rows).to_pylist() == [str(row) for row in rows]


def test_taking_rows_costs_no_copy_of_the_column() -> None:
    column = pa.chunked_array([pa.array(["x" * 1000] * 1000, pa.large_string())] * 20)
    default_pool, watched_pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(watched_pool)
    try:
        values = take_rows(column, np.arange(0, 20_000, 1000)).to_pylist()  # nothing of the pool outlives it
    finally:
        pa.set_memory_pool(default_pool)
    assert len(values) == 20 and 0 < watched_pool.max_memory() < 1_000_000


def test_the_columns_of_a_table_count_in_their_order(tmp_path: Path) -> None:
    """A table is read whole, column by column, so two orders are two texts, also where they were imported."""
    brand_first, model_first = {"brand": "Acme", "model": "T-1"}, {"model": "T-1", "brand": "Acme"}
    view = TextView(("title", "text"))
    texts_of_both = [Texts.of({"d": columns}) for columns in (brand_first, model_first)]
    assert [list(texts.read(view)) for texts in texts_of_both] == [["Acme T-1"], ["T-1 Acme"]]
    assert texts_of_both[0].digest != texts_of_both[1].digest
    for at, columns in enumerate((brand_first, model_first)):
        folder = tmp_path / str(at)
        folder.mkdir()
        import_texts([Record("d", "", "", {}, 1, columns)], folder, "table")
        assert Texts.open(folder).digest == texts_of_both[at].digest


def test_an_empty_title_is_no_missing_one() -> None:
    """Texts with a title are read by name, others whole: what is read differs, so the digest does."""
    named, table = Texts.of({"d": {"title": "", "brand": "Acme"}}), Texts.of({"d": {"brand": "Acme"}})
    assert list(named.read(TextView(("title", "text")))) != list(table.read(TextView(("title", "text"))))
    assert named.digest != table.digest
