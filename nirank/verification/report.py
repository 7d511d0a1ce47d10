"""What verifications say: as text, Markdown, JSON, and a page."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

from nirank.plan.costs import format_seconds
from nirank.report.grid import Cell, Grid, format_markdown_grid, format_value
from nirank.report.plain import to_plain
from nirank.report.text import align_grid
from nirank.verification.check import Check, Status
from nirank.verification.verification import Verification

WORDS: dict[Status, str] = {
    "ok": "OK",
    "plausible": "plausible",
    "off": "off",
    "failed": "FAIL",
    "skipped": "skipped",
}
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; overflow-wrap: anywhere }
table { overflow-wrap: normal }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0 2rem }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #8884; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums }
.off, .failed { font-weight: 700; color: light-dark(#a40000, #ff8a80) } .skipped { opacity: .75 }
"""


def summarise(verifications: Sequence[Verification]) -> str:
    """Return in a line how many scores are as expected."""
    counts = _count(verifications)
    n_configs = f"{len(verifications)} configuration{'s' if len(verifications) != 1 else ''}"
    others = [f"{counts[status]:,} {word}" for status, word in WORDS.items() if status != "ok" and counts[status]]
    if unread := sum(verification.failed and not verification.checks for verification in verifications):
        others.append(f"{unread} configuration{'s' if unread != 1 else ''} failed as a whole")
    return ", ".join([f"{n_configs}: {counts['ok']:,} of {sum(counts.values()):,} scores OK", *others])


def format_text(verifications: Sequence[Verification], *, details: bool = False) -> str:
    """Return the tables for a terminal: configurations, and the scores that are not as expected.

    details  all scores
    """
    grids = [_make_summary_grid(verifications), *_make_score_grids(verifications, details)]
    return "\n\n".join([*map(align_grid, grids), summarise(verifications)])


def format_markdown(verifications: Sequence[Verification]) -> str:
    """Return the tables in Markdown: configurations, and the scores that are not as expected."""
    grids = [_make_summary_grid(verifications), *_make_score_grids(verifications, False)]
    return "\n\n".join([*map(format_markdown_grid, grids), summarise(verifications)]) + "\n"


def to_json(verifications: Sequence[Verification]) -> dict[str, Any]:
    """Return all that is known, as plain values."""
    counts = _count(verifications)
    return {
        "version": 1,
        "passed": all(verification.passed for verification in verifications),
        "scores": {status: counts[status] for status in WORDS},
        "configurations": [
            {
                **to_plain(verification),
                "status": verification.status,
                "checks": [{**to_plain(check), "off_by": check.off_by} for check in verification.checks],
            }
            for verification in verifications
        ],
    }


def render_page(verifications: Sequence[Verification]) -> str:
    """Return everything as one page, which needs no network."""
    grids = [_make_summary_grid(verifications), *_make_score_grids(verifications, True)]
    tables = "\n".join(map(_render_table, grids))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Verification</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Verification</h1>\n"
        f"<p>{html.escape(summarise(verifications))}.</p>\n{tables}\n</main>\n</body>\n</html>\n"
    )


def _count(verifications: Sequence[Verification]) -> Counter[Status]:
    return sum((verification.counts for verification in verifications), Counter())


def _select(verification: Verification, details: bool) -> list[Check]:
    """Return the scores to show: all, or those that are off or failed; of what failed as a whole none."""
    if details:
        return list(verification.checks)
    if verification.note:
        return []
    return [check for check in verification.checks if check.status in ("off", "failed")]


def _make_summary_grid(verifications: Sequence[Verification]) -> Grid:
    body = []
    for verification in verifications:
        counts = verification.counts
        most = max(map(_compare_to_tolerance, verification.checks), default=0.0)
        body.append(
            [
                Cell(verification.config),
                Cell(WORDS[verification.status]),
                Cell(f"{counts['ok'] + counts['plausible']:,} of {len(verification.checks):,}", number=True),
                Cell(f"{most:.0%}" if counts["ok"] + counts["off"] and not counts["plausible"] else "-", number=True),
                Cell(f"{verification.computed:,}", number=True),
                Cell(format_seconds(verification.seconds) if verification.seconds else "-", number=True),
            ]
        )
    notes = [f"{verification.config}: {verification.note}" for verification in verifications if verification.note]
    head = ["configuration", "status", "right", "tolerance used", "computed", "time"]
    return Grid("Configurations", head, body, notes)


def _compare_to_tolerance(check: Check) -> float:
    return abs(check.off_by) / check.tolerance if check.off_by and check.tolerance else 0.0


def _make_score_grids(verifications: Sequence[Verification], details: bool) -> list[Grid]:
    """Return a table for each collection of each configuration that has scores to show."""
    grids = []
    for verification in verifications:
        groups: dict[str, list[Check]] = {}
        for check in _select(verification, details):
            groups.setdefault(check.collection, []).append(check)
        for collection, checks in groups.items():
            noted = [check for check in checks if check.note and check.note != verification.note]
            notes = list(dict.fromkeys(f"{check.system}, {check.measure}: {check.note}" for check in noted))
            bounds = "from … to" if checks[0].interval else "tolerance"
            head = ["system", "measure", "status", "expected", "got", "off by", bounds]
            grids.append(Grid(f"{verification.config}: {collection}", head, [*map(_make_line, checks)], notes))
    return grids


def _make_line(check: Check) -> list[Cell]:
    def show(value: float | None, sign: str = "") -> Cell:
        text = "-" if value is None else format_value(check.measure, value, sign)
        return Cell(text.lstrip("+-") if text.strip("+-0.,") == "" and value is not None else text, number=True)

    bounds = f"{check.tolerance:g}"
    if check.interval is not None:
        bounds = " … ".join(format_value(check.measure, end) for end in check.interval)
    values = [show(check.expected), show(check.got), show(check.off_by, "+"), Cell(bounds, number=True)]
    return [Cell(check.system), Cell(check.measure), Cell(WORDS[check.status]), *values]


def _render_table(grid: Grid) -> str:
    classes = {word: status for status, word in WORDS.items()}

    def render(cell: Cell) -> str:
        kind = "number" if cell.number else classes.get(cell.text, "")
        return f'<td class="{kind}">{html.escape(cell.text)}</td>' if kind else f"<td>{html.escape(cell.text)}</td>"

    kinds = [' class="number"' if cell.number else "" for cell in grid.body[0]] if grid.body else [""] * len(grid.head)
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' for name, kind in zip(grid.head, kinds, strict=True)
    )
    lines = "\n".join(f"<tr>{''.join(map(render, line))}</tr>" for line in grid.body)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in grid.notes)
    listing = f"\n<ul>{notes}</ul>" if notes else ""
    return (
        f'<h2>{html.escape(grid.title)}</h2>\n<div class="wide" tabindex="0" role="region" '
        f'aria-label="{html.escape(grid.title)}"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n'
        f"</table></div>{listing}"
    )
