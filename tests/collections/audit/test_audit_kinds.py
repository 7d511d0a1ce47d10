"""What the audit finds across texts, splits, candidates and dates."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.collections.audit.auditor import audit_collection
from nirank.collections.audit.scripts import find_main_script
from nirank.collections.collection import Collection
from nirank.collections.findings import Finding
from nirank.collections.texts import Texts
from nirank.collections.twins import find_unequal_groups, group_twins, share_labels
from nirank.evaluation.evaluate import evaluate
from nirank.experiment.loading import load
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.store import LocalStore

unchecked = partial(Collection.of, check=False)  # whose findings are looked at, errors too


def index_findings(collection: Collection) -> dict[str, Finding]:
    return {finding.code: finding for finding in collection.findings}


# -- twins ---------------------------------------------------------------------------------------


def test_judgements_outside_a_scope_stay_and_are_shared_with_nobody_there() -> None:
    collection = Collection.of({"a": "red", "b": "red", "c": "tea"}, {"q": "x"}, {"q": {"a": 1}})
    scope = Scope(collection.queries.ids, collection.docs.ids, mask=np.array([False, False, True]))
    shared = share_labels(collection.qrels["qrels"], collection.twin_groups, scope)
    assert [(judgement.doc_id, judgement.relevance) for judgement in shared.list_judgements()] == [("a", 1)]


def test_trap_15_twins_share_labels() -> None:
    collection = unchecked({"a": "Red  wine", "a2": "red WINE", "b": "tea"}, {"q": "x"}, {"q": {"a": 1}})
    findings = index_findings(collection)
    assert (findings["twin-documents"].count, findings["twin-documents"].examples) == (2, ("a = a2",))
    assert findings["twins-judged-differently"].count == 1
    ranking = Ranking.from_dict({"q": {"a2": 2.0, "a": 1.0}}, collection.queries.ids, collection.docs.ids)
    assert evaluate(ranking, collection.qrels["qrels"], ["nDCG@10"]).means["nDCG@10"] == pytest.approx(0.6309, abs=1e-4)
    shared = share_labels(collection.qrels["qrels"], collection.twin_groups)
    assert evaluate(ranking, shared, ["nDCG@10"]).means["nDCG@10"] == 1


def test_twins_that_are_judged_alike_or_not_at_all_change_nothing() -> None:
    docs = {"a": "one", "b": "one", "c": "two", "d": "two", "e": "", "f": " "}
    findings = index_findings(unchecked(docs, {"q": "x", "r": "y"}, {"q": {"a": 1, "b": 1}, "r": {"e": 1}}))
    assert findings["twin-documents"].count == 4, "blank texts are no twins"
    assert "twins-judged-differently" not in findings


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 7), st.integers(-1, 2)), max_size=12, unique_by=lambda row: row[:2]
    )
)
def test_shared_labels_by_definition(judged: list[tuple[int, int, int]]) -> None:
    texts = {f"d{i}": "abcab dd"[i].strip() for i in range(8)}
    docs = Texts.of(texts)
    graded: dict[str, dict[str, int]] = {f"q{q}": {} for q in range(3)}
    for query, doc, grade in judged:
        graded[f"q{query}"][f"d{doc}"] = grade
    queries = Texts.of(dict.fromkeys(graded, "x"))
    qrels = Qrels.from_dict(graded, queries.ids, docs.ids)
    groups = group_twins(docs.fingerprints)
    expected, unequal = set(), set()
    for query, labels in graded.items():
        for doc, text in texts.items():
            twins = [twin for twin in texts if twin == doc or (text and texts[twin] == text)]
            twin_labels = [labels[twin] for twin in twins if twin in labels]
            if twin_labels:
                expected.add((query, doc, max(twin_labels)))
                if len(twin_labels) < len(twins) or len(set(twin_labels)) > 1:
                    unequal.add(min(twins))
    assert set(share_labels(qrels, groups).list_judgements()) == expected
    assert set(docs.ids.take(find_unequal_groups(qrels, groups))) == unequal


# -- splits --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "c"
    (place / "qrels").mkdir(parents=True)
    queries = {"t1": "Foo bar?", "t2": "other", "s1": "foo  BAR?", "s2": "new", "x": "nobody's"}
    for name, side in (("corpus", {f"d{i}": f"text {i}" for i in range(4)}), ("queries", queries)):
        (place / f"{name}.jsonl").write_text("".join(json.dumps({"_id": k, "text": v}) + "\n" for k, v in side.items()))
    (place / "qrels" / "train.tsv").write_text("t1\td0\t1\nt2\td1\t1\ns2\td3\t1\n")
    (place / "qrels" / "test.tsv").write_text("s1\td0\t2\ns2\td2\t1\ns1\td2\t1\n")
    return place


def test_what_two_splits_share(folder: Path, tmp_path: Path) -> None:
    findings = index_findings(load(folder, store=LocalStore(tmp_path / "store")))
    assert findings["queries-in-two-splits"].examples == ("s2",)
    assert findings["query-texts-in-two-splits"].examples == ("s1 = t1",)
    assert "1 of the 2 relevant documents are relevant in split train too (1 of 3 relevant pairs)" in (
        findings["relevant-in-two-splits"].message
    )
    assert "[1, 2] here, [1] in train" in findings["labels-differ"].message
    assert findings["queries-in-no-split"].examples == ("x",)


def test_a_split_that_cannot_be_read_does_not_stop_another(folder: Path, tmp_path: Path) -> None:
    (folder / "qrels" / "train.tsv").write_text("t1\td0\tone\nt1\td1\ttwo\n")
    findings = index_findings(load(folder, store=LocalStore(tmp_path / "store")))
    assert "train.tsv:1: label 'one' is not an integer" in findings["unreadable-split"].message


# -- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"text": "Tr\u00c3\u00b6gs"}, "mojibake"),
        ({"text": "Tr\u00c3 \u00b6 egs"}, "mojibake"),
        ({"text": "the world\u00e2\u20ac\u2122s"}, "mojibake"),
        ({"text": "a &amp; b"}, "markup"),
        ({"text": "x<sub>2</sub>"}, "markup"),
        ({"title": "T", "text": ""}, "title-only"),
        ({"title": "The same", "text": "The same and more"}, "title-twice"),
        ({"text": "ALL IN CAPITALS"}, "upper-case"),
        ({"text": "x", "metadata": {"duplicate_of": "y"}}, "stated-copies"),
        ({"text": "x\ufffd"}, "encoding-damage"),
    ],
)
def test_texts(record: dict[str, Any], code: str, folder: Path, tmp_path: Path) -> None:
    clean = {"_id": "clean", "title": "Any", "text": "\u00c2ge d\u2019or, S\u00c3O PAULO <3 a & b; R\u00e9sum\u00e9"}
    lines = [json.dumps(line) for line in ({"_id": "odd", **record}, clean)]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    findings = index_findings(load(folder, store=LocalStore(tmp_path / "store"), max_dangling=1))
    assert (findings[code].count, findings[code].examples[:1]) in ((1, ("odd",)), (1, ()))
    (folder / "corpus.jsonl").write_text(lines[1])
    assert code not in index_findings(load(folder, store=LocalStore(tmp_path / "store"), max_dangling=1))


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("wine", "Latin"),
        ("вино", "Cyrillic"),
        ("نبيذ", "Arabic"),
        ("葡萄酒", "Chinese"),
        ("12 %", None),
        ("ワイン", "Japanese"),
    ],
)
def test_scripts(text: str, script: str | None) -> None:
    assert find_main_script(Texts.of({"a": text})) == script
    findings = index_findings(unchecked({"a": text}, {"q": "wine"}))
    assert ("script" in findings) == (script not in (None, "Latin"))


# -- judgements, candidates, own documents -------------------------------------------------------


def test_what_cannot_be_reached() -> None:
    docs = {"a": "one", "b": "two", "e": ""}
    collection = unchecked(docs, {"q": "x"}, {"q": {"a": 1, "b": 1, "e": 1}}, candidates={"q": ["a", "e"]})
    findings = index_findings(collection)
    assert findings["relevant-without-text"].examples == ("q e",)
    assert "cannot pass 0.6667" in findings["relevant-outside-candidates"].message
    ranking = Ranking.from_dict({"q": {"a": 2.0, "e": 1.0}}, collection.queries.ids, collection.docs.ids)
    assert evaluate(ranking, collection.qrels["qrels"], ["R@10"], collection.scope).ceilings == {
        "R@10": pytest.approx(2 / 3)
    }


def test_deep_judgements_and_a_judged_pool() -> None:
    docs = {f"d{i}": f"text {i}" for i in range(200)}
    judged = {"q": {id: int(i < 150) for i, id in enumerate(docs)}}
    findings = index_findings(unchecked(docs, {"q": "x"}, judged))
    assert "R@100 cannot pass 0.6667" in findings["deep-judgements"].message
    assert findings["judged-pool"].count == 200


def test_queries_with_a_documents_text() -> None:
    docs = {"a": "red wine", "b": "tea"}
    findings = index_findings(unchecked(docs, {"a": "Red wine", "z": "tea"}))
    assert "self_match: id" in findings["self-match"].message
    assert findings["query-is-a-text"].examples == ("z",)


def test_dates_on_both_sides() -> None:
    dated = lambda text, date: {"text": text, "metadata": {"date": date}}  # noqa: E731
    docs = {"a": dated("one", "2014"), "b": dated("two", "2019-02-30"), "c": dated("three", "2019")}
    findings = index_findings(unchecked(docs, {"q": dated("x", "2015-01-01")}, {"q": {"c": 1}}))
    assert findings["impossible-dates-documents"].examples == ("b: '2019-02-30'",)
    assert findings["partial-dates-documents"].count == 2
    assert (findings["later-documents"].count, findings["relevant-later"].examples) == (1, ("q c",))


def test_fingerprints_are_those_of_the_importer(folder: Path, tmp_path: Path) -> None:
    imported = load(folder, store=LocalStore(tmp_path / "store")).docs
    in_memory = Texts.of(
        {id: {"text": text} for id, text in zip(imported.ids, imported.columns["text"].to_pylist(), strict=True)}
    )
    assert np.array_equal(imported.fingerprints, in_memory.fingerprints)


WORKS = {f"d{at}": {"title": f"Title {at}", "text": f"body of document {at}"} for at in range(20)}


def find_finding(collection: Collection, code: str) -> Any:
    return next((finding for finding in collection.findings if finding.code == code), None)


@pytest.mark.parametrize("text", ["Title {} body of document {}", "body of document {}", "title {}"])
def test_own_documents_are_seen_with_and_without_the_title(text: str) -> None:
    queries = {f"d{at}": text.replace("{}", str(at)) for at in range(18)} | {"x": "other", "y": "another"}
    finding = find_finding(unchecked(WORKS, queries, {"x": {"d1": 1}}), "self-match")
    assert finding.count == 18 and finding.message.endswith("consider self_match: id")
    assert "18 of 20 queries" in finding.message and "first rank of 90% of the queries" in finding.message
    assert find_finding(unchecked(WORKS, queries, {"x": {"d1": 1}}), "query-is-a-text") is None


def test_a_query_with_a_title_is_a_document_without_it() -> None:
    queries = {"q": {"title": "Claim", "text": "Body of document 3"}}
    assert find_finding(unchecked(WORKS, queries), "query-is-a-text").count == 1


def test_own_documents_that_are_right_answers_stay() -> None:
    queries = {f"d{at}": f"body of document {at}" for at in range(20)}
    judged = {f"d{at}": {f"d{at}": 1} for at in range(20)}
    keep = unchecked(WORKS, queries, judged)
    assert find_finding(keep, "self-match") is None
    assert "(20 of them in qrels), so they stay" in find_finding(keep, "self-match-judged").message
    assert find_finding(keep, "self-pairs").count == 20
    collection = unchecked(WORKS, queries, judged, self_match="id")
    assert "takes out 20 right answers" in find_finding(collection, "self-match-takes-relevant").message
    assert (
        find_finding(unchecked(WORKS, queries, {"d1": {"d2": 1}}, self_match="id"), "self-match-takes-relevant") is None
    )


def test_coincidences_with_a_year_are_no_reason_for_a_rule() -> None:
    docs = {str(1900 + at): f"text {at}" for at in range(150)}
    queries = {
        f"q{at}": {"text": f"text {at}" if at == 7 else f"other {at}", "metadata": {"year": 1900 + at}}
        for at in range(150)
    }
    assert find_finding(unchecked(docs, queries), "self-match") is None
    assert find_finding(unchecked(docs, queries), "query-is-a-text").count == 1
    matching = {id: {**query, "text": f"text {id[1:]}"} for id, query in list(queries.items())[:20]}  # type: ignore[dict-item]
    assert find_finding(unchecked(docs, queries | matching), "self-match").message.endswith("self_match: {key: year}")


def test_judgement_sets_that_disagree() -> None:
    collection = unchecked(WORKS, {"a": "x", "b": "y"}, {"a": {"d1": 1, "d2": 0}, "b": {"d3": 1}})
    strict = Qrels.from_dict(
        {"a": {"d1": 0, "d2": 0, "d4": 1}}, collection.queries.ids, collection.docs.ids, name="strict"
    )
    with_two_sets = replace(collection, qrels={**collection.qrels, "strict": strict})
    findings = {findings.code: findings for findings in audit_collection(with_two_sets)}
    assert (findings["sets-disagree"].count, findings["sets-disagree"].examples) == (1, ("a d1",))
    assert "1 of 2 pairs" in findings["sets-disagree"].message
    assert findings["sets-judge-other-queries"].examples == ("b",)
    assert not {"sets-disagree", "sets-judge-other-queries"} & {
        findings.code for findings in audit_collection(collection)
    }


def test_topics_that_are_judged_whole_need_whole_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nirank.collections.audit.judgements.DEPTH", 10)
    judgements = {f"d{at}": at % 2 for at in range(20)}
    finding = find_finding(unchecked(WORKS, {"a": "x", "b": "y"}, {"a": judgements, "b": {"d1": 1}}), "whole-lists")
    assert (finding.count, finding.examples) == (1, ("a",)) and "20 documents is judged" in finding.message
    twelve = {"a": [f"d{at}" for at in range(12)]}
    assert find_finding(unchecked(WORKS, {"a": "x"}, {"a": judgements}, candidates=twelve), "whole-lists").count == 1
    ten = {"a": [f"d{at}" for at in range(10)]}
    assert find_finding(unchecked(WORKS, {"a": "x"}, {"a": judgements}, candidates=ten), "whole-lists") is None
