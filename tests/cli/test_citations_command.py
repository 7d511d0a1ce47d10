"""`nirank citations`: a line a reference."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from command_result import run_nirank


def test_a_line_a_reference(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Council\nDirective 77/794/EEC, the Companies Act 2006\tand\n2021/2115")
    result = run_nirank("citations", "a.txt", "a.txt", cwd=tmp_path)
    assert result.code == 0, result
    lines = [
        "Council Directive 77/794/EEC\t31977L0794",
        "Companies Act 2006\t",
        "2021/2115\t32021R2115",
    ]
    assert result.out.splitlines() == lines * 2
    assert result.error.splitlines() == [
        "2021/2115: 32021R2115, or else 32021L2115 or 32021D2115",
        "6 references, 2 of them without an identifier",
    ]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffSOR/2019-105 é".encode())))
    assert run_nirank("citations", "-").out == "SOR/2019-105\tSOR-2019-105\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"SOR/2019-105 \xff")))
    run_nirank("citations", "-").assert_mistake("standard input: not valid UTF-8 (byte 13); expected UTF-8")


def test_with_a_collection(tmp_path: Path) -> None:
    """Documents by their ids, those that share a number or a title, and what is none of them."""
    rows = [
        {"_id": "32014L0065", "title": "Directive on markets", "text": "x"},
        {"_id": "B-1.01", "title": "Bank Act", "text": "x"},
        {"_id": "order-1", "title": "Wine Export Order", "text": "x"},
        {"_id": "order-2", "title": "Wine Export Order", "text": "x"},
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.txt").write_text(
        "2014/65/EU, the Bank Acta, the wine export order, the Fish Act; Directive 1999/5/EC"
    )
    result = run_nirank("citations", "a.txt", "--collection", "corpus.jsonl", cwd=tmp_path)
    assert result.out.splitlines() == [
        "2014/65/EU\t32014L0065",
        "Bank Act\tB-1.01",
        "wine export order\torder-1",
        "Fish Act\t",
        "Directive 1999/5/EC\t",
    ]
    assert result.error.splitlines()[-1] == "5 references, 2 of them of no document of the collection"
    assert run_nirank("citations", "a.txt", "--collection", ".", cwd=tmp_path).out == result.out
    run_nirank("citations", "a.txt", "--collection", "nix", cwd=tmp_path).assert_mistake("nix")


def test_laws_in_mark_up(tmp_path: Path) -> None:
    """What tags come between is one reference, and attributes are none."""
    body = "<p>See <b>Directive</b> <a href='32001L0001'>2014/65/<i>EU</i></a>.</p>"
    (tmp_path / "a.html").write_text(f"<!doctype html><html><body>{body}</body></html>")
    assert run_nirank("citations", "a.html", cwd=tmp_path).out == "Directive 2014/65/EU\t32014L0065\n"
    law = (
        '<akomaNtoso xmlns="http://docs.oasis-open.org/legaldocml/ns/akn/3.0"><act><body><article eId="art_1"><num>1</num>'
        '<content><p>See <ref href="/akn/x/1">Directive 2000/60/EC</ref>.</p></content></article></body></act></akomaNtoso>'
    )
    (tmp_path / "a.xml").write_text(law)
    assert run_nirank("citations", "a.xml", cwd=tmp_path).out == "Directive 2000/60/EC\t32000L0060\n"


def test_mistakes(tmp_path: Path) -> None:
    run_nirank("citations", "none.txt", cwd=tmp_path).assert_mistake("none.txt", "No such file")
    run_nirank("citations", ".", cwd=tmp_path).assert_mistake("is a folder; expected a file")
    run_nirank("citations", cwd=tmp_path).assert_mistake("Missing argument")
