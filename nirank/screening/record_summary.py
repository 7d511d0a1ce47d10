"""What was read of files of records: counts of everything a reviewer has to know before the records are ranked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nirank.records.decisions import are_in_conflict, combine_decisions
from nirank.records.record import BibliographicRecord, RecordFile
from nirank.screening.duplicates import compare_records, find_conflicts

VERSION = 1
_TIED = "\u00a0"  # a blank where no line ends
_EXAMPLES = 3  # groups that are named
_BY = {"doi": "DOI", "pmid": "PMID", "text": "text"}
_NAMES = {
    "ris": "RIS",
    "nbib": "NBIB",
    "endnote_xml": "EndNote XML",
    "pubmed_xml": "PubMed XML",
    "csv": "CSV",
    "tsv": "TSV",
    "xlsx": "XLSX",
    "asreview": "ASReview",
    "endnote": "EndNote",
    "pubmed": "PubMed",
    "cinahl": "CINAHL",
    "eppi": "EPPI-Reviewer",
    "openalex": "OpenAlex",
    "googlescholar": "Google Scholar",
    "refworks": "RefWorks",
}


def summarise_files(files: Sequence[RecordFile]) -> dict[str, Any]:
    """Return what was read, as JSON values: of each file, and of several together."""
    summary: dict[str, Any] = {"version": VERSION, "files": [_summarise_file(file) for file in files]}
    if len(files) > 1:
        records = [record for file in files for record in file.records]
        summary["all"] = {"records": len(records), **summarise_records(records)}
    return summary


def _summarise_file(file: RecordFile) -> dict[str, Any]:
    fields = Counter(
        name
        for record in file.records
        for name in dict.fromkeys(name for name, value in record.fields if value.strip())
    )
    return {
        "file": str(file.path),
        "format": file.format,
        "tool": file.tool or None,
        "encoding": file.encoding,
        "records": len(file.records),
        **summarise_records(file.records),
        "fields": dict(fields.most_common()),
        "findings": dict(file.findings),
    }


def summarise_records(records: Sequence[BibliographicRecord]) -> dict[str, Any]:
    """Return counts of records: texts, years, languages, decisions, duplicates."""
    years = [record.year for record in records if record.year is not None]
    languages = Counter(record.language or None for record in records)
    return {
        "without_title": sum(not record.title for record in records),
        "without_abstract": sum(not record.abstract for record in records),
        "without_either": sum(not (record.title or record.abstract) for record in records),
        "with_doi": sum(bool(record.doi) for record in records),
        "with_pmid": sum(bool(record.pmid) for record in records),
        "years": {
            "first": min(years, default=None),
            "last": max(years, default=None),
            "without": len(records) - len(years),
        },
        "languages": {str(language): count for language, count in languages.most_common() if language},
        "without_language": languages[None],
        "decisions": _count_decisions(records),
        "duplicates": _count_duplicates(records),
    }


def _count_decisions(records: Iterable[BibliographicRecord]) -> dict[str, Any]:
    outcomes = Counter(combine_decisions(record.decisions) or "none" for record in records)
    by_reviewer: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for decision in record.decisions:
            by_reviewer[decision.reviewer][decision.verdict] += 1
    return {
        "records": dict(outcomes.most_common()),
        "by_reviewer": {name: dict(counts.most_common()) for name, counts in sorted(by_reviewer.items())},
        "conflicts": sum(are_in_conflict(record.decisions) for record in records),
        "prior": sum(any(decision.prior for decision in record.decisions) for record in records),
    }


def _count_duplicates(records: Sequence[BibliographicRecord]) -> dict[str, Any]:
    duplicates = compare_records(records)
    groups = duplicates.groups
    return {
        "groups": len(groups),
        "surplus": sum(len(group.members) - 1 for group in groups),
        "by": dict(Counter(pair.comparison.by for group in groups for pair in group.why).most_common()),
        "decided_differently": [
            [records[row].id for row in group.members] for group, _ in find_conflicts(groups, records)
        ],
        "held_apart": len(duplicates.held_apart),
        "examples": [[records[row].id for row in group.members] for group in groups[:_EXAMPLES]],
    }


def format_summary(summary: Mapping[str, Any], width: int) -> str:
    """Return what was read as text for people."""
    parts = [_format_part(part["file"], part, width) for part in summary["files"]]
    if "all" in summary:
        parts.append(_format_part(f"all {len(summary['files'])} files together", summary["all"], width))
    if "written" in summary:
        parts.append(_describe_written(summary["written"]))
    return "\n\n".join(parts)


def _format_part(title: str, part: Mapping[str, Any], width: int) -> str:
    lines = [_label("records", _describe_form(part))]
    texts = [(part["records"] - part["without_abstract"], "with an abstract")]
    texts += [(part[f"without_{what}"], f"without {what}") for what in ("abstract", "title", "either")]
    lines.append(_label("texts", _join(*texts)))
    years = part["years"]
    if years["first"] is not None:
        missing = f", {years['without']:,} without a year" if years["without"] else ""
        lines.append(_label("years", f"{years['first']} to {years['last']}{missing}"))
    else:
        lines.append(_label("years", "none"))
    lines.append(_label("languages", _join_counts(part["languages"], part["without_language"])))
    lines.append(_label("numbers", f"{part['with_doi']:,} with a DOI, {part['with_pmid']:,} with a PMID"))
    lines += _describe_decisions(part["decisions"])
    lines += [
        _label("" if row else "duplicates", text) for row, text in enumerate(_describe_duplicates(part["duplicates"]))
    ]
    if "fields" in part:
        fields = ", ".join(f"{name or '(no name)'}{_TIED}{count:,}" for name, count in part["fields"].items())
        lines.append(_label("fields", fields or "none"))
        findings = [f"{count:,} {what}" for what, count in part["findings"].items()]
        lines.append(_label("not understood", "; ".join(findings) or "nothing"))
    return "\n".join([_shorten(title, width), *(line for text in lines for line in _wrap(text, width))])


def _describe_form(part: Mapping[str, Any]) -> str:
    if "format" not in part:
        return f"{part['records']:,}"
    tool = f" of {_NAMES.get(part['tool'], part['tool'].capitalize())}" if part["tool"] else ""
    return f"{part['records']:,}, {_NAMES[part['format']]}{tool}, {part['encoding']}"


def _describe_decisions(decisions: Mapping[str, Any]) -> list[str]:
    if not decisions["by_reviewer"]:
        return [_label("decisions", "none")]
    text = _join(*((count, verdict.replace("_", " ")) for verdict, count in decisions["records"].items()))
    prior = f"; {decisions['prior']:,} known before" if decisions["prior"] else ""
    lines = [_label("decisions", f"{text}{prior}")]
    named = [
        f"{name or 'unnamed'}: " + _join(*((count, verdict.replace("_", " ")) for verdict, count in counts.items()))
        for name, counts in decisions["by_reviewer"].items()
    ]
    if any(decisions["by_reviewer"]):
        lines.append(_label("by reviewer", "; ".join(named)))
    if decisions["conflicts"]:
        text = f"{decisions['conflicts']:,} included by one and excluded by another; these count as included"
        lines.append(_label("conflicts", text))
    return lines


def _describe_duplicates(duplicates: Mapping[str, Any]) -> list[str]:
    """Return the lines on duplicates: how many, by what, some of them, and what asks for a look."""
    groups, apart, differently = (duplicates[name] for name in ("groups", "held_apart", "decided_differently"))
    lines = ["none found"]
    if groups:
        by = _join(*((count, f"by {_BY[name]}") for name, count in duplicates["by"].items()))
        lines = [f"{duplicates['surplus']:,} records repeat another one, in {groups:,} groups ({by})"]
        lines.append(f"such as {_name_groups(duplicates['examples'], groups)}")
    if differently:
        named = _name_groups(differently[:_EXAMPLES], len(differently))
        lines.append(f"{len(differently):,} groups decided differently: {named}")
    if apart:
        lines.append(f"{apart:,} pairs are alike and held apart (--duplicates TSV lists them with why)")
    return lines


def _name_groups(groups: Sequence[Sequence[str]], total: int) -> str:
    named = [f"{_TIED}={_TIED}".join(group) for group in groups]
    return ", ".join([*named, f"{total - len(groups):,} more"] if total > len(groups) else named)


def _describe_written(written: Mapping[str, Any]) -> str:
    lines = []
    if "file" in written:
        into, out, merged = (written[name] for name in ("records_in", "records_out", "merged"))
        lines.append(f"{written['file']}: {into:,} records = {out:,} + {merged:,} merged")
        lines.append(f"{written['merges']}: every merge, with why")
        if written["unmerged_groups"]:
            lines.append(f"{written['unmerged_groups']:,} groups were left as they are: they are decided differently")
    if "pairs" in written:
        lines.append(f"{written['pairs']}: the pairs of duplicates, and {written['held_apart']:,} that were held apart")
    return "\n".join(lines)


def _join_counts(counts: Mapping[str, int], without: int) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:8]]
    if len(counts) > len(shown):
        shown.append(f"{len(counts) - len(shown)} more")
    if without:
        shown.append(f"{without:,} without")
    return ", ".join(shown) or "none"


def _join(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none"


def _label(name: str, text: str) -> str:
    return f"  {name:15} {text}"


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    lines = textwrap.wrap(text, width, subsequent_indent=" " * 18, break_on_hyphens=False)
    return [line.replace(_TIED, " ") for line in lines]


def _shorten(title: str, width: int) -> str:
    return title if len(title) <= width else f"…{title[-(width - 1) :]}"
