"""Exports of databases and reviewing tools as documents: title and abstract are text, decisions are labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nirank.collections.collection import Collection
from nirank.errors import DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore

RIS = (
    "TY  - JOUR\nTI  - Vitamin D\nAB  - A trial.\nAU  - Moreau, A.\nPY  - 2020\nN1  - ASReview_relevant\nER  - \n"
    "TY  - JOUR\nTI  - Cats\nN2  - Food\nfor cats.\nN1  - <p>ASReview_irrelevant</p>\nER  - \n"
    "TY  - JOUR\nTI  - Dogs\nN1  - ASReview_not_seen\nER  - \nER  - \n"
)
RAYYAN = (
    "key,title,year,abstract,notes,doi,pubmed_id,pmc_id\n"
    'r-1,A,2020,a,"RAYYAN-INCLUSION: {""Ana""=>""Included"", ""Bo""=>""Excluded""} | RAYYAN-EXCLUSION-REASONS: age",,,\n'
    'r-2,B,2020,b,"RAYYAN-INCLUSION: {""Ana""=>""Excluded""}",,,\nr-3,C,2020,c,"RAYYAN-INCLUSION: {""Ana""=>""Maybe""}",,,\n'
    "r-4,D,2020,d,,,,\n"
)
COVIDENCE = "Title,Authors,Abstract,Published Year,Covidence #,Study\nA,M,a,2020,#1,M 2020\nB,M,b,2020,#6,M 2020\n"
EMBASE = '"SEARCH QUERY","vitamin:ti"\n------\n\n"Title","Author Names","Source","Abstract","DOI"\n"A","M A.","J","T.","10.1000/a"\n'


def load_docs(path: Path, content: str | bytes, **options: Any) -> Collection:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (path.parent / "q.jsonl").write_text('{"_id": "q", "text": "vitamin"}\n')
    return load(docs=path, queries=path.parent / "q.jsonl", store=LocalStore(path.parent / "store"), **options)


def list_texts(collection: Collection) -> list[tuple[str, str, str]]:
    docs = collection.docs
    return [(docs[at]["id"], docs[at]["title"], docs[at]["text"]) for at in range(len(docs))]


def read_metadata(collection: Collection, at: int) -> dict[str, Any]:
    metadata = collection.docs[at]["metadata"]
    return json.loads(metadata) if isinstance(metadata, str) else dict(metadata)


def list_labels(collection: Collection) -> list[tuple[str, int]]:
    judgements = next(iter(collection.qrels.values())).list_judgements()
    return sorted((judgement.doc_id, judgement.relevance) for judgement in judgements)


@pytest.mark.parametrize("name", ["a.ris", "a.txt", "a"])
def test_ris(tmp_path: Path, name: str) -> None:
    collection = load_docs(tmp_path / name, RIS)
    assert list_texts(collection) == [
        ("1", "Vitamin D", "A trial."), ("2", "Cats", "Food for cats."), ("3", "Dogs", ""), ("4", "", ""),
    ]  # fmt: skip
    first = read_metadata(collection, 0)
    assert (first["authors"], first["year"], first["decision"]) == (["Moreau, A."], 2020, "included")
    assert read_metadata(collection, 2)["decision"] == "not_seen"


@pytest.mark.parametrize(("name", "encoding"), [("a.ris", "utf-16"), ("a.txt", "utf-16"), ("a.txt", "cp1252")])
def test_other_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    collection = load_docs(tmp_path / name, RIS.replace("Cats", "Käse").encode(encoding))
    assert list_texts(collection)[1][1] == "Käse"


def test_decisions_are_labels(tmp_path: Path) -> None:
    collection = load_docs(tmp_path / "a.ris", RIS, columns={"label": "decision"})
    assert list_labels(collection) == [("1", 1), ("2", 0)]
    with pytest.raises(DataError, match=r"no record has 'included'; expected columns: \{label: decision\}"):
        load_docs(tmp_path / "a.ris", RIS, columns={"label": "included"})
    with pytest.raises(DataError, match=r"whose id, title and text are known; expected no columns"):
        load_docs(tmp_path / "a.ris", RIS, columns={"id": "TI"})


def test_reviewers_who_disagree_are_counted(tmp_path: Path) -> None:
    collection = load_docs(tmp_path / "a.csv", RAYYAN, columns={"label": "decision"})
    assert list_labels(collection) == [("r-1", 1), ("r-2", 0)]  # maybe is not judged
    first = read_metadata(collection, 0)
    assert (first["reviewers"], first["exclusion_reasons"]) == ({"Ana": "included", "Bo": "excluded"}, ["age"])
    finding = next(finding for finding in collection.findings if finding.code == "reviewers-disagree")
    assert (finding.count, finding.severity) == (1, "warning")
    assert "1 of 4 documents were included by one reviewer and excluded by another" in finding.message


def test_tables_without_a_column_called_id(tmp_path: Path) -> None:
    assert list_texts(load_docs(tmp_path / "c.csv", COVIDENCE)) == [("#1", "A", "a"), ("#6", "B", "b")]
    assert list_texts(load_docs(tmp_path / "e.csv", EMBASE)) == [("1", "A", "T.")]
    assert list_texts(load_docs(tmp_path / "c.tsv", COVIDENCE.replace(",", "\t"))) == [
        ("#1", "A", "a"),
        ("#6", "B", "b"),
    ]


def test_a_table_that_could_be_read_before_is_read_as_it_stands(tmp_path: Path) -> None:
    """Its columns are metadata under their own names, whatever tool wrote it."""
    text = "PMID,Title,Authors,Journal/Book,Publication Year,Create Date\n7,Falls,M A,J Bone,2020,2019/03/30\n"
    assert "Journal/Book" in read_metadata(load_docs(tmp_path / "p.csv", text), 0)
    named = load_docs(tmp_path / "r.csv", RAYYAN, columns={"id": "key", "text": "abstract"})
    assert "decision" not in read_metadata(named, 0)
    assert "notes" in read_metadata(named, 0)


def test_xml(tmp_path: Path) -> None:
    endnote = "<xml><records><record><titles><title>A</title></titles><abstract>a</abstract></record></records></xml>"
    assert list_texts(load_docs(tmp_path / "e.xml", endnote)) == [("1", "A", "a")]
    pubmed = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>A</ArticleTitle><Abstract>"
        "<AbstractText>a</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    assert list_texts(load_docs(tmp_path / "p.xml", pubmed)) == [("7", "A", "a")]


def test_what_is_no_record_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.ris: is a PDF; expected an export of records"):
        load_docs(tmp_path / "a.ris", b"%PDF-1.7")
