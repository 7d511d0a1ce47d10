"""Tables of diagnostics, D1 to D7: one of each for a collection and judgement set, a line a system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nirank.diagnostics.contradiction import COSINES
from nirank.diagnostics.diagnosis import NAMES, Diagnosis
from nirank.diagnostics.lists import MEASURES, Part
from nirank.diagnostics.time_profile import WIDTHS
from nirank.report.grid import Cell, Grid
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row

Line = tuple[str, ...]  # numbers as text

TITLES = {
    "reliance": "D1, reliance on the pre-fetcher",
    "contradiction": "D2, contradicting labels",
    "ceiling": "D3, ceiling of re-ranking",
    "duplicates": "D4, near-duplicates counted once",
    "time": "D5, years between queries and relevant documents",
    "leak": "D6, documents named by number",
    "length": "D7, query length",
}
_TEXTS = {"contradiction": ("lists",), "time": ("pairs of",), "leak": ("on",), "length": ("part",)}
_NUMBERS: dict[str, tuple[str, ...]] = {
    "reliance": ("depth", "ρ_p", "in training", "τ", "Rprec", "without s_p"),
    "contradiction": ("positives", *(f"≥ {cosine}" for cosine in COSINES), "pairs ≥ 0.9", "entropy"),
    "ceiling": ("depth", "recall", "Rprec", "oracle", "nDCG@20", "oracle"),
    "duplicates": ("groups", "documents", "largest", "Rprec", "once", "nDCG@20", "once"),
    "time": ("pairs", "undated", *(f"W = {width}" for width in WIDTHS)),
    "leak": ("relevant pairs", "named", "by the query", "by the document", "queries", *MEASURES),
    "length": ("queries", *MEASURES),
}
_NOTES = {
    "reliance": "ρ_p = |w_p| sd(s_p) / (|w_p| sd(s_p) + |w_r| sd(s_r)), over the evaluated pairs; τ: Kendall's, "
    "between both orders of what both heads have; without s_p: where the pre-fetcher's score is the same for all.",
    "contradiction": "shares of the relevant documents of a list with a document beside them that is not, at such a "
    "cosine of the vectors; pairs: cosine of [v_q; v_d; |v_q - v_d|; v_q ∘ v_d]; entropy: in bits, of the labels "
    "among the ten nearest pairs.",
    "ceiling": "oracle: the first documents of each list in the best order; no re-ranker of that depth can do better.",
    "duplicates": "documents whose shingles of five words have Jaccard similarity 0.8 or more are a group; once: a "
    "group counts as one document.",
    "time": "shares of the dated relevant pairs whose gap in calendar years lies outside [0, W].",
    "leak": "relevant pairs of which one text names the other by its number; scores as if relevant documents of the "
    "other kind were not there, over the queries with some of this kind.",
    "length": "by quartile of words; by the share of a query's tokens that the encoder reads.",
}


def make_diagnostic_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of each collection and judgement set; where nothing could be computed, they say why."""
    groups = group_rows(row for row in rows if row.diagnosis is not None)
    return [grid for key, group in groups.items() for name in NAMES for grid in _make_grid(name, key, group)]


def _make_grid(name: str, key: JudgedSplit, rows: Sequence[Row]) -> Iterator[Grid]:
    """Yield the table of one diagnostic, unless nobody asked for it."""
    texts = _TEXTS.get(name, ())
    body: dict[tuple[str, ...], list[str]] = {}  # lines, each with the systems that share it
    notes = [_NOTES[name]]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        diagnosis = row.diagnosis
        assert diagnosis is not None, "only such rows are taken"
        if name in diagnosis.absent:
            reasons.setdefault(diagnosis.absent[name], []).append(row.system)
        for line in _LINES[name](diagnosis):
            body.setdefault(line, []).append(row.system)
    if not body and not reasons:
        return
    lines = [
        [Cell(", ".join(systems)), *(Cell(text, number=at >= len(texts)) for at, text in enumerate(line))]
        for line, systems in body.items()
    ]
    head = ("system", *texts, *_NUMBERS[name])
    for reason, systems in reasons.items():
        if not body:
            blanks = [Cell("-", number=at >= len(texts)) for at in range(len(head) - 1)]
            lines.append([Cell(", ".join(systems)), *blanks])
        notes.append(f"{', '.join(systems)}: none, as {reason}.")
    for row in rows:
        if name == "reliance" and row.diagnosis and row.diagnosis.reliance and row.diagnosis.reliance.no_share:
            notes.append(f"{row.system}: no ρ_p, as {row.diagnosis.reliance.no_share}.")
        if name == "time" and row.diagnosis and row.diagnosis.time and row.diagnosis.time.later and len(notes) == 1:
            notes.append("most documents are later than their queries: shares outside [-W, 0].")
    yield Grid(f"{TITLES[name]}: {key.title}", head, lines, notes)


def format_share(value: float | None) -> str:
    """Return a share with one decimal of a percent, '-' for none."""
    return "-" if value is None else f"{value:.1%}"


def _format_value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _list_reliance(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.reliance
    if found is None:
        return []
    values = (found.share, found.trained_share, found.tau, found.r_precision, found.without)
    return [(f"{found.depth:,}", *map(_format_value, values))]


def _list_contradiction(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.contradiction
    if found is None:
        return []
    shares = (format_share(share) for _, share in (*found.documents, found.pairs[0]))
    return [
        (
            f"{found.over}, first {found.depth:,}, {found.vectors}",
            f"{found.positives:,}",
            *shares,
            f"{found.entropy:.3f}",
        )
    ]


def _list_ceiling(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.ceiling
    if found is None:
        return []
    values = [side.get(measure) for measure in MEASURES for side in (found.reached, found.oracle)]
    return [(f"{found.depth:,}", *map(_format_value, (found.recall, *values)))]


def _list_duplicates(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.duplicates
    if found is None:
        return []
    values = [side.get(measure) for measure in MEASURES for side in (found.reached, found.once)]
    return [(f"{found.groups:,}", f"{found.documents:,}", f"{found.largest:,}", *map(_format_value, values))]


def _list_time(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.time
    if found is None:
        return []
    pairs = sum(n for _, n in found.gaps)
    return [(found.over, f"{pairs:,}", f"{found.undated:,}", *(format_share(share) for _, share in found.outside))]


def _list_leak(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.leak
    if found is None:
        return []
    counts = (found.pairs, found.either, found.forward, found.backward)
    facts = tuple(f"{count:,}" for count in counts)
    blank = ("",) * len(facts)
    return [_format_part(found.named, facts), _format_part(found.others, blank)]


def _list_length(diagnosis: Diagnosis) -> list[Line]:
    found = diagnosis.length
    if found is None:
        return []
    lines = [_format_part(part) for part in found.by_length]
    return lines + [_format_part(part, prefix=f"{found.encoder} read ") for part in found.by_share]


def _format_part(part: Part, facts: Line = (), prefix: str = "") -> Line:
    values = (_format_value(part.measures.get(measure)) for measure in MEASURES)
    return (f"{prefix}{part.name}", *facts, f"{part.queries:,}", *values)


_LINES = {
    "reliance": _list_reliance,
    "contradiction": _list_contradiction,
    "ceiling": _list_ceiling,
    "duplicates": _list_duplicates,
    "time": _list_time,
    "leak": _list_leak,
    "length": _list_length,
}
