"""REG-IR's layout: a corpus, and a file a split whose rows list the documents relevant to them."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.collections.collection import Collection
from nirank.collections.sources.reg_ir import is_reg_ir
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load

# The data card's figures for EU2UK, a hundredth of each: queries, and relevant documents a query.
SPLITS = {"train": (14, 1.79), "dev": (3, 2.09), "test": (3, 1.74)}
POOL = 525


def make_row(id: str, year: str, text: str, relevant: list[str]) -> dict[str, Any]:
    return {"document_id": id, "publication_year": year, "text": text, "relevant_documents": relevant}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the card's shape: sizes, identifiers, keys, and splits in the order of time."""
    folder = tmp_path / "eu2uk"
    folder.mkdir()
    pool = [f"UKSI{1990 + at % 30}{at:04}" for at in range(POOL)]
    write_rows(folder / "corpus.jsonl", [make_row(id, id[4:8], f"Regulations {id[-4:]}", []) for id in pool])
    draw = np.random.default_rng(5)
    number = 0
    for split, (n, mean) in SPLITS.items():
        total, rows = round(n * mean), []
        counts = np.full(n, total // n)
        counts[: total - counts.sum()] += 1
        for count in counts.tolist():
            number += 1
            relevant = draw.choice(pool, count, replace=False).tolist()
            rows.append(make_row(f"3{1980 + number}L{number:04}", str(1980 + number), f"Directive {number}", relevant))
        write_rows(folder / f"{split}.jsonl", rows)
    return folder


def count_findings(collection: Collection) -> dict[str, int]:
    return {finding.code: finding.count for finding in collection.findings}


def test_r1_counts_and_averages_are_those_of_the_card(folder: Path) -> None:
    assert is_reg_ir(folder)
    for split, (n, mean) in SPLITS.items():
        collection = load(folder, split=split)
        qrels = collection.qrels["qrels"]
        assert (len(collection.docs), len(collection.queries)) == (POOL, n)
        assert len(qrels) == round(n * mean)
        assert not (qrels.rows < 0).any()
        assert set(qrels.grades.tolist()) == {1}
        assert set(collection.queries.text_fields.keys) == {"publication_year", "split"}  # no list of answers
    assert load(folder / "dev").split == "dev"
    assert load(folder).split == "test"
    test = load(folder)
    assert test.open_split is not None
    assert len(test.open_split("train").queries) == 14


def test_r2_a_random_order_finds_one_in_pool_size(folder: Path) -> None:
    collection = load(folder, split="train")
    qrels = collection.qrels["qrels"]
    draw = np.random.default_rng(0)
    k, trials = 100, 200
    hits = 0.0
    for _ in range(trials):
        top = draw.permutation(POOL)[:k]
        hits += np.isin(qrels.rows, top).mean()
    share = k / POOL  # a standard error of 0.0055 over 25 judgements and 200 orders
    assert hits / trials == pytest.approx(share, abs=0.025)


def test_trap_2_a_year_that_is_no_year_is_unknown_and_counted(folder: Path) -> None:
    rows = [make_row("a", "1999", "x", []), make_row("b", "", "y", []), make_row("c", "19xx", "z", [])]
    write_rows(folder / "corpus.jsonl", rows)
    write_rows(folder / "test.jsonl", [make_row("q", "2001", "x", ["a", "b", "c"])])
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").unlink()
    collection = load(folder, time="as_of_query")
    dates = collection.doc_dates
    assert dates is not None
    assert (dates.key, dates.forms["year"], dates.missing, dates.impossible) == ("publication_year", 1, 1, 1)
    assert dates.undated.tolist() == [False, True, True]
    assert collection.scope is not None
    rows_seen = collection.scope.list_rows(0)
    assert rows_seen is not None
    assert rows_seen.tolist() == [0, 1, 2]  # unknown years are never filtered
    assert count_findings(collection)["impossible-dates-documents"] == 1


def test_relevant_ids_that_the_pool_lacks_and_queries_left_without_any(folder: Path) -> None:
    pool = [json.loads(line)["document_id"] for line in (folder / "corpus.jsonl").read_text().splitlines()]
    rows = [make_row(f"q{at}", "2001", "x", [pool[at], pool[at + 1]]) for at in range(60)]
    rows += [make_row("half", "2001", "y", [pool[0], "gone"]), make_row("lost", "2001", "z", ["gone", "away"])]
    write_rows(folder / "test.jsonl", rows)
    collection = load(folder)
    assert count_findings(collection) | {"dangling-judgements": 3, "unanswerable-queries": 1} == count_findings(
        collection
    )
    lost = next(finding for finding in collection.findings if finding.code == "unanswerable-queries")
    assert lost.examples == ("lost",)


def test_packed_files_and_a_split_that_is_called_validation(folder: Path) -> None:
    for name in ("corpus", "test"):
        path = folder / f"{name}.jsonl"
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    shutil.move(folder / "dev.jsonl", folder / "validation.jsonl")
    collection = load(folder)
    assert len(collection.queries) == 3
    with pytest.raises(ConfigError, match="there is no split 'dev'; it has test, train, validation"):
        load(folder, split="dev")


def test_a_row_without_its_list_is_named(folder: Path) -> None:
    with (folder / "test.jsonl").open("a") as file:
        file.write('{"document_id": "x", "publication_year": "1999", "text": "y"}\n')
    with pytest.raises(DataError, match=r"test.jsonl:4: has no list 'relevant_documents'"):
        load(folder)
