"""Findings of the audit, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nirank.errors import DataError

MAX_EXAMPLES = 3  # examples of a finding

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    code      stable name, such as 'duplicate-id'
    severity  'error' stops a run, 'warning' may move numbers, 'note' is good to know
    count     how many records are concerned
    message   one sentence
    examples  up to three, with where they are
    """

    code: str
    severity: Severity
    count: int
    message: str
    examples: tuple[str, ...] = ()


def raise_errors(findings: Iterable[Finding]) -> None:
    """Raise DataError with all findings that are errors, if any are."""
    messages = [format_finding(finding) for finding in findings if finding.severity == "error"]
    if messages:
        raise DataError(*messages)


def format_finding(finding: Finding) -> str:
    """Return a finding as one sentence, with its examples."""
    return f"{finding.message} ({', '.join(finding.examples)})" if finding.examples else finding.message
