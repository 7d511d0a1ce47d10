"""The audit's findings on small collections, and on real ones."""

from __future__ import annotations

from functools import partial

import pytest

from nirank.collections.audit.auditor import audit_collection
from nirank.collections.audit.facts import AuditFacts, JudgementFacts
from nirank.collections.collection import Collection
from nirank.collections.findings import Finding, raise_errors
from nirank.errors import DataError

unchecked = partial(Collection.of, check=False)  # whose findings are looked at, errors too

DOCS = {"a": "apples", "b": "bread"}


def index_findings(collection: Collection) -> dict[str, Finding]:
    return {finding.code: finding for finding in collection.findings}


def test_nothing_to_say() -> None:
    assert unchecked(DOCS, {"q": "fruit"}, {"q": {"a": 1, "b": 0}}).findings == ()


def test_trap_16_dangling_positives_and_the_ceiling_of_recall() -> None:
    collection = unchecked(DOCS, {"q": "fruit", "r": "rolls"}, {"q": {"a": 1, "NOPE": 1}, "r": {"b": 1}})
    findings = index_findings(collection)["dangling-judgements"]
    assert (findings.severity, findings.count, findings.examples) == ("error", 1, ("q NOPE",))
    assert "1 of the 3 relevant ones do, so recall cannot pass 0.75" in findings.message
    with pytest.raises(DataError, match=r"max_dangling: 0\.05, found 0\.333\) \(q NOPE\)"):
        raise_errors(collection.findings)
    (allowed,) = (
        finding for finding in audit_collection(collection, max_dangling=0.5) if finding.code == "dangling-judgements"
    )
    assert allowed.severity == "warning"
    raise_errors((allowed,))


def test_trap_16_dangling_documents_that_are_not_relevant_cost_nothing() -> None:
    findings = index_findings(unchecked(DOCS, {"q": "fruit"}, {"q": {"a": 1, "NOPE": 0, "NONE": -1}}))[
        "dangling-judgements"
    ]
    assert (findings.severity, findings.count) == ("warning", 2)
    assert "recall" not in findings.message


def test_labels() -> None:
    collection = unchecked(
        DOCS,
        {"q": "fruit", "r": "rolls", "s": "salt", "t": "tea"},
        {"q": {"a": 2}, "r": {"a": 1, "b": -1}, "s": {"b": 0}},
        min_rel=2,
    )
    findings = index_findings(collection)
    assert findings["no-relevant"].examples == ("r", "s") and findings["no-relevant"].severity == "warning"
    assert findings["unjudged-queries"].examples == ("t",) and findings["unjudged-queries"].severity == "note"
    assert findings["negative-labels"].count == 1


def test_empty_sides_and_texts() -> None:
    findings = index_findings(unchecked({}, {}))
    assert {code: finding.severity for code, finding in findings.items()} == {
        "no-documents": "error",
        "no-queries": "error",
        "no-judgements": "note",
    }
    findings = index_findings(unchecked({"a": "x", "b": " \n"}, {"q": "", "r": ""}))
    assert (findings["empty-documents"].severity, findings["empty-documents"].examples) == ("warning", ("b",))
    assert (findings["empty-queries"].severity, findings["empty-queries"].count) == ("error", 2)


def test_ids_with_whitespace_are_told() -> None:
    collection = unchecked({"doc 7": "x", "doc\u00a08": "y", "ü🙂#": "z"}, {"q\t1": "x1"})
    findings = [finding for finding in collection.findings if finding.code == "whitespace-ids"]
    assert [(finding.count, finding.examples) for finding in findings] == [
        (2, ("'doc 7'", "'doc\\xa08'")),
        (1, ("'q\\t1'",)),
    ]


def test_self_match_is_suggested_only_where_id_and_text_agree() -> None:
    def find_suggestion(queries: dict[str, object]) -> Finding | None:
        return index_findings(unchecked(DOCS, queries)).get("self-match")  # type: ignore[arg-type]

    assert find_suggestion({"a": "something else", "b": "another thing"}) is None
    assert find_suggestion({"q": "apples"}) is None
    by_id = find_suggestion({"a": " apples ", "b": "another thing"})
    assert by_id is not None and by_id.examples == ("a",) and "self_match: id" in by_id.message
    by_key = find_suggestion(
        {"q1": {"text": "apples", "metadata": {"corpus_id": "a"}}, "q2": {"text": "bread", "metadata": {}}}
    )
    assert by_key is not None and by_key.count == 1 and "{key: corpus_id}" in by_key.message


def test_a_rule_that_misses_queries_is_told() -> None:
    findings = index_findings(unchecked(DOCS, {"a": "fruit", "q": "other"}, self_match="id"))
    assert findings["self-match-missed"].examples == ("q",)


def test_repeated_queries_are_noted() -> None:
    findings = index_findings(unchecked(DOCS, {"q": "fruit", "r": "other", "s": " fruit"}))["repeated-queries"]
    assert (findings.count, findings.examples, findings.severity) == (1, ("q = s",), "note")


@pytest.mark.parametrize(("n_shared", "severity"), [(9, "warning"), (8, "error")])
def test_trap_06_nine_in_ten_must_be_shared(n_shared: int, severity: str) -> None:
    collection = unchecked(DOCS, {"q": "fruit"}, {"q": {"a": 1}})
    facts = AuditFacts(judged={"qrels": JudgementFacts(topics=50, judged=10, shared=n_shared, outside=("x",))})
    (finding,) = audit_collection(collection, facts)
    assert (finding.code, finding.severity, finding.count) == ("judged-not-in-topics", severity, 10 - n_shared)


def test_all_errors_are_raised_at_once() -> None:
    with pytest.raises(DataError) as error:
        raise_errors(unchecked({}, {}, name="nothing").findings)
    assert error.value.messages == ("nothing: there are no documents", "nothing: there are no queries")
