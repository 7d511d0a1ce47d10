"""The audit of tables of records: nothing there tells sides apart by ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirank.collections.findings import Finding
from nirank.experiment.loading import load
from nirank.store import LocalStore

WORDS = ["apple", "bread", "corn", "dill", "egg", "fig"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def audit_tables(tmp_path: Path, store: LocalStore, left: str, right: str, **pairs: str) -> dict[str, Finding]:
    for name, text in {"left": left, "right": right, **pairs}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    files = {name: tmp_path / f"{name}.csv" for name in pairs}
    collection = load(left=tmp_path / "left.csv", right=tmp_path / "right.csv", pairs=files, store=store, check=False)
    return {finding.code: finding for finding in collection.findings}


def write_rows(*columns: str, names: str = "id,name") -> str:
    return names + "\n" + "".join(f"{row}\n" for row in columns)


PLAIN = write_rows(*(f"{number},{word}" for number, word in enumerate(WORDS)))


def test_equal_ids_on_both_sides_mean_nothing(tmp_path: Path, store: LocalStore) -> None:
    pairs = "ltable_id,rtable_id,label\n0,0,1\n1,2,0\n"
    findings = audit_tables(tmp_path, store, PLAIN, PLAIN, test=pairs)
    assert not {"self-match", "self-match-judged", "self-pairs", "own-pairs", "unjudged-queries"} & set(findings)


def test_what_is_said_of_pairs(tmp_path: Path, store: LocalStore) -> None:
    left = write_rows("0,apple", "1,Apple ", "2,corn", "3,")
    test = "ltable_id,rtable_id,label\n0,0,1\n9,1,1\n2,8,0\n3,3,1\n2,2,1\n"
    train = "ltable_id,rtable_id,label\n0,0,0\n2,1,0\n"
    findings = audit_tables(tmp_path, store, left, PLAIN, test=test, train=train)
    assert findings[
        "repeated-records"
    ].message == "store: left: 1 of 4 records repeat the text of an earlier one".replace("store", tmp_path.name)
    assert (findings["absent-records"].count, findings["absent-records"].severity) == (2, "error")
    assert findings["absent-records"].examples == ("9 – 1", "2 – 8")  # the left one first
    assert "1 of them matches" in findings["absent-records"].message
    assert (findings["matches-without-text"].count, findings["matches-without-text"].examples) == (1, ("3 – 3",))
    assert (findings["pairs-in-two-splits"].count, findings["label-conflicts"].count) == (1, 1)
    assert findings["label-conflicts"].examples == ("0 – 0",)
    assert "of 3 matches 1 have both records in pairs of split train, and 1 have one" in (
        findings["records-in-two-splits"].message
    )


def test_columns_that_give_the_answer_away(tmp_path: Path, store: LocalStore) -> None:
    names = "id,name,Entity,colour"
    left = write_rows(*(f"{number},{word},{number},red" for number, word in enumerate(WORDS)), names=names)
    right = write_rows(
        *(f"{5 - number},{word}s,{number},red" for number, word in enumerate(WORDS)), names="id,name,entity,colour"
    )
    matches = "".join(f"{number},{5 - number},1\n" for number in range(6))
    findings = audit_tables(tmp_path, store, left, right, test="ltable_id,rtable_id,label\n" + matches + "0,1,0\n")
    assert "column 'Entity' gives the answer away" in findings["giveaway-column"].message
    assert findings["giveaway-column"].message.endswith("exclude: [Entity]")
    without_non_matches = audit_tables(tmp_path, store, left, right, test="ltable_id,rtable_id,label\n" + matches)
    assert "hardly a pair more" in without_non_matches["giveaway-column"].message
    pairs_with_a_miss = "ltable_id,rtable_id,label\n" + matches.replace("0,5,1", "0,4,1")
    assert "giveaway-column" not in audit_tables(tmp_path, store, left, right, test=pairs_with_a_miss)
