"""What an audit found, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nirank.collections.collection import Collection
from nirank.collections.findings import Finding

_ORDER = ("error", "warning", "note")


def describe_audit(collection: Collection, seconds: float) -> dict[str, Any]:
    """Return an audit as JSON values: what the collection is, and every finding, the gravest first."""
    findings = sorted(collection.findings, key=lambda finding: _ORDER.index(finding.severity))
    return {
        "collection": collection.name,
        "split": collection.split,
        "source": collection.origin.get("source"),
        "seconds": round(seconds, 2),
        "counts": dict(collection.origin.get("counts", {})),
        "digests": dict(collection.origin.get("digests", {})),
        "texts": dict(collection.origin.get("texts", {})),
        "findings": [asdict(finding) for finding in findings],
    }


def format_audit_text(audit: Mapping[str, Any]) -> str:
    """Return an audit for the terminal."""
    lines = [_name_collection(audit), *(f"  {line}" for line in _list_facts(audit))]
    for finding in audit["findings"]:
        count = f"{finding['count']:,}" if finding["count"] else ""
        lines.append(f"  {finding['severity']:8} {finding['code']:27} {count:>9}  {finding['message']}")
        if finding["examples"]:
            lines.append(f"{'':48}e.g. {', '.join(finding['examples'])}")
    return "\n".join(lines if audit["findings"] else [*lines, "  nothing found"])


def format_audit_markdown(audits: Sequence[Mapping[str, Any]]) -> str:
    """Return audits as a Markdown page."""
    parts = ["# Audit"]
    for audit in audits:
        rows = [
            f"| {finding['severity']} | {finding['code']} | {finding['count'] or ''}"
            f" | {_escape_cell(finding['message'])} | {_escape_cell(', '.join(finding['examples']))} |"
            for finding in audit["findings"]
        ]
        head = ["| severity | finding | count | what | for example |", "| --- | --- | ---: | --- | --- |"]
        parts.append("\n".join([f"## {_name_collection(audit)}", "", *(f"- {line}" for line in _list_facts(audit))]))
        parts.append("\n".join([*head, *rows]) if rows else "Nothing found.")
    return "\n\n".join(parts) + "\n"


def format_audit_json(audits: Sequence[Mapping[str, Any]]) -> str:
    """Return audits as JSON text."""
    return json.dumps({"version": 1, "audits": audits}, indent=1, ensure_ascii=False) + "\n"


def describe_failed_audit(source: str, messages: Sequence[str]) -> dict[str, Any]:
    """Return the audit of a collection that cannot be loaded: its errors."""
    findings = [asdict(Finding("cannot-be-loaded", "error", 0, message)) for message in messages]
    return {"collection": source, "split": None, "source": source, "findings": findings}


def _name_collection(audit: Mapping[str, Any]) -> str:
    return str(audit["collection"]) + (f"/{audit['split']}" if audit["split"] else "")


def _list_facts(audit: Mapping[str, Any]) -> Iterator[str]:
    counts = audit.get("counts")
    if not counts:
        return
    yield ", ".join(f"{count:,} {name}" for name, count in counts.items()) + f"; {audit['seconds']:.1f} s"
    for side, facts in audit["texts"].items():
        keys = f"; metadata {', '.join(facts['keys'])}" if facts["keys"] else ""
        yield f"{side}: {facts['mean_words']:,.1f} words on average, {facts['most_words']:,} at most{keys}"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
