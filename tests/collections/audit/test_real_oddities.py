"""The audit finds what the real collections' descriptions say about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirank.experiment.loading import load

# collection, {code: count}; the figures are those of the collections' own descriptions where they give any
EXPECTED: dict[str, dict[str, int]] = {
    "beir/scifact": {"line-ends": 0, "query-texts-in-two-splits": 2, "relevant-in-two-splits": 181},
    "beir/scifact/train": {"repeated-queries": 2},
    "beir/nfcorpus": {
        "line-ends": 0,
        "labels-differ": 0,
        "twin-documents": 80,
        "twins-judged-differently": 38,
        "query-texts-in-two-splits": 4,
        "deep-judgements": 22,
    },
    "beir/nq-utd": {
        "impossible-dates-documents": 4,
        "partial-dates-documents": 13,
        "twin-documents": 4,
        "judged-pool": 800,
    },
    "beir/xquad-zh": {"repeated-queries": 9, "script": 1190},
    "classic/vaswani": {"upper-case": 93, "twin-documents": 30},
    "classic/cranfield": {"empty-documents": 2, "relevant-without-text": 1, "title-twice": 1396},
    "classic/cacm": {"title-only": 1616, "queries-in-no-split": 12, "partial-dates-documents": 3204},
    "screening/sysrev": {"title-only": 2704, "empty-documents": 10, "stated-copies": 424},
    "regulatory/eu-acts": {"self-match": 85, "later-documents": 85},
    "regulatory/ca-regs": {"self-match": 99, "later-documents": 99},
    "regulatory/obliqa": {"twin-documents": 791},
}


@pytest.mark.parametrize("source", EXPECTED)
def test_oddities(source: str, shared_data: Path) -> None:
    findings = load(shared_data / source, check=False).findings
    counts: dict[str, list[int]] = {}
    for finding in findings:
        counts.setdefault(finding.code, []).append(finding.count)
    missing = {code: count for code, count in EXPECTED[source].items() if count not in counts.get(code, [])}
    assert not missing, counts
