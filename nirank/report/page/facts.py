"""What the page says in words: what was compared, when, what failed, where files lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nirank.report.page.boards import Board
from nirank.report.report import Report

_FILES = (
    ("leaderboard.csv", "the table, for spreadsheets"),
    ("leaderboard.tex", "the table, for papers"),
    ("leaderboard.md", "the table, in Markdown"),
    ("leaderboard.json", "everything that the tables say"),
    ("per_query.parquet", "every value of every query"),
    ("pair_counts.parquet", "what every record adds to measures of pairs"),
    ("manifest.json", "versions, machine, digests, configuration"),
)


def make_heading(boards: Sequence[Board]) -> str:
    """Return what was compared on what."""
    systems = {line.system for board in boards for line in board.lines if not line.is_seed}
    judged = [board for board in boards if not board.is_group] or boards
    where = judged[0].title if len(judged) == 1 else f"{len(judged)} collections"
    return f"{len(systems):,} system{'s' if len(systems) != 1 else ''} on {where}"


def list_facts(report: Report) -> list[str]:
    """Return how many queries there are, by which measures, when it was and how long it took."""
    rows = [row for row in report.rows if row.status == "ok" and row.summary_of is None]
    of_pairs = any(row.unit == "pair" for row in rows)
    counts = {
        (row.collection, row.split): row.queries.declared if row.unit == "pair" else row.queries.judged for row in rows
    }
    n_queries = sum(counts.values())
    facts = [f"{n_queries:,} {'records' if of_pairs else 'queries'}"] if n_queries else []
    facts.append(", ".join(report.measures))
    ended = _format_time(report.manifest.get("ended"))
    if ended:
        facts.append(ended)
    seconds = report.manifest.get("seconds")
    if seconds:
        facts.append(format_duration(seconds))
    return facts


def list_alarms(report: Report, boards: Sequence[Board]) -> list[str]:
    """Return what nobody may overlook: failures, and systems that learned from what they are tested on."""
    failed: dict[str, list[str]] = {}
    learned: dict[str, list[str]] = {}
    for board in boards:
        for line in board.lines:
            if line.error is not None:
                failed.setdefault(f"{line.system} failed: {line.error}", []).append(board.title)
            if line.warning and not line.is_seed:
                learned.setdefault(f"{line.system} was {line.warning}", []).append(board.title)
    alarms = [f"{words} ({_name_tables(titles)})" for words, titles in failed.items()]
    alarms += [
        f"{words} ({_name_tables(titles)}): its values are no estimate of anything."
        for words, titles in learned.items()
    ]
    findings = [finding for found in report.manifest.get("findings", {}).values() for finding in found]
    n_warnings = sum(_get(finding, "severity") == "warning" for finding in findings)
    if n_warnings:
        alarms.append(
            f"The audit of the data has {n_warnings:,} warning{'s' if n_warnings != 1 else ''}, which may move numbers."
        )
    return alarms


def list_downloads(report: Report) -> list[tuple[str, str]]:
    """Return the files beside the page that readers may want, and what they are."""
    absent = {"per_query.parquet": not report.query_sets}
    absent["pair_counts.parquet"] = not any(each.pair_counts for each in report.query_sets)
    return [(name, words) for name, words in _FILES if not absent.get(name)]


def format_duration(seconds: float) -> str:
    """Return seconds as people say them: 4.2 s, 12 min, 1 h 10 min."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])


def _name_tables(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{len(titles)} tables"


def _format_time(text: Any) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError):
        return str(text or "")
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _get(finding: Any, name: str) -> Any:
    return finding.get(name) if isinstance(finding, Mapping) else getattr(finding, name, None)
