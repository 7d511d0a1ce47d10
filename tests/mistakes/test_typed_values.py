"""Values of a configuration mean what their place wants: ids stay as they are written, numbers may be written as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nirank import BM25, Cut, Dense, Only, within
from nirank.config.reader import Config, load_config
from nirank.errors import ConfigError
from nirank.experiment.folds import Folds

HEAD = "collections: [python-stdlib]\nmeasures: [nDCG@10]\n"


def parse(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD * ("collections" not in text) + text, encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    "id", ["1e3", "007", "null", "2020-01-01", "~", "no", "1:30", "0x1F", "1_000", "1.0", "True", "-0", "2020-01-01 10:00:00", ".inf", "=", "<<"]
)  # fmt: skip
def test_ids_stay_as_they_are_written(tmp_path: Path, id: str) -> None:
    expected = within(Only((id, "d1")), BM25())
    text = "systems: {S: {within: {scope: {only: ITEMS}, of: bm25}}}"
    assert parse(tmp_path, text.replace("ITEMS", f"[{id}, d1]")).systems["S"] == expected
    assert parse(tmp_path, text.replace("ITEMS", f"{{docs: [{id}, d1]}}")).systems["S"] == expected


@pytest.mark.parametrize(
    ("options", "stage"),
    [
        ("{bm25: {k1: 1e-1}}", BM25(k1=0.1)),
        ("{bm25: {k1: '0.5', k: 1e2}}", BM25(k1=0.5, k=100)),
        ("{bm25: {k1: 1E+1}}", BM25(k1=10)),
        ("{bm25: {doc_text: 2020}}", BM25(doc_text="2020")),
        ("{bm25: {doc_text: [title, 2020, no]}}", BM25(doc_text=("title", "2020", "no"))),
        ("[bm25, {cut: '7'}]", BM25() >> Cut(7)),
        ("[bm25, {cut: 010}]", BM25() >> Cut(10)),
        ("{dense: {model: a/b, query_prompt: 1e3}}", Dense("a/b", query_prompt="1e3")),
        ("{dense: {model: a/b, revision: 1234567}}", Dense("a/b", revision="1234567")),
    ],
)  # fmt: skip
def test_options_are_what_their_types_say(tmp_path: Path, options: str, stage: Any) -> None:
    assert parse(tmp_path, f"systems: {{S: {options}}}").systems["S"] == stage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("{bm25: {k1: yes}}", "got 'yes'"),
        ("{bm25: {k1: true}}", "k1: input should be a valid number"),
        ("[bm25, {cut: on}]", "valid integer"),
        ("[bm25, {cut: 1:30}]", "got '1:30'"),
        ("[bm25, {cut: 2.5}]", "got 2.5"),
        ("{bm25: {k1: 2020-01-01}}", "got '2020-01-01'"),
        ("{bm25: {k1: !!binary aGk=}}", "expected text, a number"),
    ],
)
def test_what_is_no_number_is_refused_as_written(tmp_path: Path, options: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(tmp_path, f"systems: {{S: {options}}}")
    assert words in str(error.value)


def test_collections_have_names_and_splits_that_look_like_numbers(tmp_path: Path) -> None:
    (tmp_path / "2017").mkdir()
    entry = "{path: 2017, split: 2018, name: 007, group: 1e3, min_rel: '2', max_dangling: 1e-2, expect: {docs: 5e3}}"
    (first, second) = parse(tmp_path, f"collections: [2017, {entry}]\nmeasures: [AP]\nsystems: {{S: bm25}}").collections
    assert first["source"] == str(tmp_path / "2017")
    assert second == {
        "source": str(tmp_path / "2017"), "split": "2018", "name": "007", "group": "1e3", "min_rel": 2,
        "max_dangling": 0.01, "expect": {"docs": 5000},
    }  # fmt: skip


def test_systems_and_models_may_be_called_like_numbers(tmp_path: Path) -> None:
    systems = parse(tmp_path, "systems: {2020: bm25, 1e3: [2020, {cut: 3}], no: {rrf: [2020, 1e3]}}").systems
    assert systems["1e3"] == BM25() % 3
    assert list(systems) == ["2020", "1e3", "no"]


def test_seeds_and_folds_may_be_text(tmp_path: Path) -> None:
    config = parse(tmp_path, "systems: {S: bm25}\nseeds: ['1', 2e0]\nfolds: '5'")
    assert (config.seeds, config.folds) == ((1, 2), Folds(5))
    with pytest.raises(ConfigError, match="seeds: expected a list of whole numbers"):
        parse(tmp_path, "systems: {S: bm25}\nseeds: [yes]")
    with pytest.raises(ConfigError, match="folds"):
        parse(tmp_path, "systems: {S: bm25}\nfolds: yes")
