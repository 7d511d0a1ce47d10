"""Tables of records (CSV, TSV, XLSX): what their columns mean, and the labels in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from nirank.forms.names import normalise_name
from nirank.records.columns import COLUMNS, LABEL_COLUMNS, find_tool, list_id_columns, split_keyword_cell, split_people
from nirank.records.decisions import find_note_decisions, parse_verdict
from nirank.records.identifiers import find_doi, find_pmid
from nirank.records.publication_dates import find_year, normalise_date
from nirank.records.raw_records import MappedFields, RawRecord, first_filled, make_records, unique
from nirank.records.record import BibliographicRecord, Decision, Fields, Verdict
from nirank.records.table_rows import TableRows

_UNLABELLED = "citations that are not yet labeled by anyone"
_ABSTRACKR: dict[str, Verdict] = {"1": "included", "-1": "excluded", "0": "maybe"}
_ABSTRACKR_NOTES = re.compile(r"general notes \((.*)\)")
_EPPI = re.compile(r"\(?([IE])\)?", re.IGNORECASE)
_ADDED_COLUMN = re.compile(r"nirank_(?!decision$)(\w+)")
_OWN_LABELS = ("nirankdecision", "decision")


class _ColumnMap:
    """Where the columns of one table stand.

    label   of the one column whose cells are all known labels
    ranked  columns that nirank wrote under plain names: rank and score, where the ranks are 1 to n
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Fields], findings: Counter[str]) -> None:
        self.names = [normalise_name(name) for name in header]
        self.tool = find_tool(header)
        self.kinds = {kind: self._find(known) for kind, known in COLUMNS.items()}
        self.ids = [at for name in list_id_columns(self.tool) for at in self._find((name,))[:1]]
        self.label = self._find_label(header, rows, findings)
        self.prior = next(iter(self._find(("asreviewprior",))), None)
        self.reviewers = self._find_reviewers(header) if self.tool == "abstrackr" else {}
        self.eppi = next(iter(self._find(("i/e/d/sflag",))), None)
        self.added = {at: match[1] for at, name in enumerate(header) if (match := _ADDED_COLUMN.fullmatch(name))}
        if has_own_ranks(header, rows):
            self.added |= {at: name for at, name in enumerate(header) if name in ("rank", "score")}

    def _find(self, known: Sequence[str]) -> tuple[int, ...]:
        return tuple(at for wanted in known for at, name in enumerate(self.names) if name == wanted)

    def _find_label(self, header: Sequence[str], rows: Sequence[Fields], findings: Counter[str]) -> int | None:
        """Return which column holds labels; count what keeps a column that mostly does from being one."""
        doubtful: Counter[str] = Counter()
        for at in self._find(LABEL_COLUMNS):
            cells = [fields[at][1].strip() for fields in rows if at < len(fields) and fields[at][1].strip()]
            odd = [cell for cell in cells if parse_verdict(cell) is None]
            if cells and not odd:
                return at
            if 2 * len(odd) < len(cells):
                doubtful[f"cells such as '{odd[0][:40]}' in column '{header[at]}', which is not read for them"] = len(
                    odd
                )
        findings.update(doubtful)
        return None

    def _find_reviewers(self, header: Sequence[str]) -> dict[int, str]:
        """Return where each reviewer of Abstrackr decided: a column with a name that has notes, or a time beside it."""
        noted = {match[1] for name in header if (match := _ABSTRACKR_NOTES.fullmatch(name))}
        begin = self.names.index("consensus") + 1
        return {at: name for at, name in enumerate(header) if at >= begin and name in noted}


def has_own_ranks(header: Sequence[str], rows: Sequence[Fields]) -> bool:
    """Tell whether a table has a column `rank` that nirank wrote: it holds every number from 1 to n."""
    if header.count("rank") != 1 or not rows:
        return False
    at = header.index("rank")
    ranks = {fields[at][1] for fields in rows if at < len(fields)}
    return len(ranks) == len(rows) and ranks == {str(number) for number in range(1, len(rows) + 1)}


def read_table(table: TableRows, findings: Counter[str]) -> tuple[list[BibliographicRecord], str]:
    """Return the records of a table and the tool that wrote it."""
    tool = find_tool(table.header)
    raws = []
    width = len(table.header)
    for line, cells in table.rows:
        if tool == "abstrackr" and cells[0].startswith(_UNLABELLED) and not any(cells[1:]):
            findings["lines between Abstrackr's labelled and unlabelled records"] += 1
            continue
        if len(cells) != width and not (tool == "abstrackr" and len(cells) < width):
            findings["rows with more or fewer cells than columns"] += 1
        names = (*table.header, *("" for _ in range(len(cells) - width)))
        raws.append(RawRecord(line, tuple(zip(names, cells, strict=False))))
    columns = _ColumnMap(table.header, [raw.fields for raw in raws], findings)
    if not columns.tool and any("RAYYAN-INCLUSION" in value for raw in raws[:50] for _, value in raw.fields):
        columns.tool = "rayyan"
    records = make_records(raws, lambda fields: _map_fields(fields, columns, findings), findings)
    return records, columns.tool


def _map_fields(fields: Fields, columns: _ColumnMap, findings: Counter[str]) -> MappedFields:
    values = [value for _, value in fields]

    def pick(kind: str) -> list[str]:
        return [values[at] for at in columns.kinds[kind] if at < len(values) and values[at].strip()]

    tool = columns.tool
    day = next(iter(normalise_date(text, month_first=tool == "cinahl") for text in pick("date")), "")
    years = [date for text in pick("year") if (date := normalise_date(text))]
    date = day if day and (not years or day[:4] == years[0][:4]) else (years or [day])[0]
    notes = pick("notes")
    authors = pick("authors")
    return MappedFields(
        ids=tuple(first_filled(*values[at : at + 1]) for at in columns.ids),
        title=first_filled(*pick("title")),
        abstract=first_filled(*pick("abstract")),
        keywords=unique(part for cell in pick("keywords") for part in split_keyword_cell(cell)),
        authors=split_people(authors[0], tool) if authors else (),
        date=date,
        year=find_year(date),
        doi=next(filter(None, map(find_doi, pick("doi"))), ""),
        pmid=next((pmid for text in pick("pmid") if (pmid := find_pmid(text)) not in ("", "0")), ""),
        language="; ".join(pick("language")[:1]),
        journal=first_filled(*pick("journal")),
        decisions=_find_decisions(values, columns, notes, findings),
        added=tuple((name, values[at]) for at, name in columns.added.items() if at < len(values) and values[at]),
    )


def _find_decisions(
    values: Sequence[str], columns: _ColumnMap, notes: Sequence[str], findings: Counter[str]
) -> tuple[Decision, ...]:
    def get(at: int | None) -> str:
        return values[at].strip() if at is not None and at < len(values) else ""

    prior = get(columns.prior).casefold() in ("1", "1.0", "true")
    label = parse_verdict(get(columns.label))
    if columns.label is not None and columns.names[columns.label] in _OWN_LABELS and label is not None:
        return (Decision(label, prior=prior),)  # nirank's own, which all others came to
    decisions = [] if label is None else [Decision(label, prior=prior)]
    if columns.eppi is not None:
        flag = _EPPI.match(get(columns.eppi))
        decisions += [Decision("included" if flag[1].upper() == "I" else "excluded")] if flag else []
    if columns.tool == "abstrackr":
        decisions += _read_abstrackr(values, columns.reviewers, columns.names, findings)
    return (*decisions, *find_note_decisions(notes, findings))


def _read_abstrackr(
    values: Sequence[str], reviewers: Mapping[int, str], names: Sequence[str], findings: Counter[str]
) -> list[Decision]:
    """Return the reviewers' consensus where they have one, else what each of them decided."""
    consensus = names.index("consensus")
    verdict = _ABSTRACKR.get(values[consensus].strip()) if consensus < len(values) else None
    if verdict is not None:
        return [Decision(verdict, "consensus")]
    decisions = []
    for at, name in reviewers.items():
        cell = values[at].strip() if at < len(values) else ""
        verdict = _ABSTRACKR.get(cell)
        if verdict is not None:
            decisions.append(Decision(verdict, name))
        elif cell:
            findings[f"Abstrackr's label '{cell}', which is not known"] += 1
    return decisions
