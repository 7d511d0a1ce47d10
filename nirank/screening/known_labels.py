"""Labels that are there before a review begins: in the record file by its tool's convention, or in another file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nirank.errors import DataError
from nirank.records.decisions import combine_decisions
from nirank.records.files import read_record_file
from nirank.records.record import BibliographicRecord

_LABELS = {"included": 1, "excluded": 0}  # maybe and not seen are no labels


def collect_labels(records: Sequence[BibliographicRecord]) -> dict[int, int]:
    """Return the labels that records carry, by row; what several reviewers said is combined as everywhere."""
    verdicts = (combine_decisions(record.decisions) for record in records)
    return {row: _LABELS[verdict] for row, verdict in enumerate(verdicts) if verdict in _LABELS}


def find_priors(records: Sequence[BibliographicRecord]) -> list[int]:
    """Return the rows of records whose file says that they were known before their review."""
    return [row for row, record in enumerate(records) if any(decision.prior for decision in record.decisions)]


def read_label_file(path: Path, records: Sequence[BibliographicRecord]) -> dict[int, int]:
    """Return the labels of a file of records with decisions, by row of the records that have the same ids.

    Raises DataError where the file has no decisions, where a decision is of no record or of several, and where its rows
    have no ids and other titles than the records in these places.
    """
    labels = collect_labels(labelled := read_record_file(path).records)
    if not labels:
        raise DataError(
            f"{path}: has no decisions that are understood; expected a column 'included' of 0 and 1, or the export of a"
            " reviewing tool ('nirank records FILE' says what was read)"
        )
    counts = Counter(record.id for record in records)
    unknown = [labelled[row].id for row in labels if counts[labelled[row].id] != 1]
    if unknown:
        why = "no record has" if not counts[unknown[0]] else f"{counts[unknown[0]]} records have"
        more = f", the first of {len(unknown):,} such decisions" if len(unknown) > 1 else ""
        raise DataError(
            f"{path}: a decision is of id '{unknown[0]}', which {why}{more}; expected the ids of the records"
        )
    rows = {record.id: row for row, record in enumerate(records)}
    if all(record.id == str(record.number) for record in labelled):
        _refuse_other_titles(path, [(labelled[row], records[rows[labelled[row].id]]) for row in labels])
    return {rows[labelled[row].id]: label for row, label in labels.items()}


def _refuse_other_titles(path: Path, pairs: Iterable[tuple[BibliographicRecord, BibliographicRecord]]) -> None:
    for labelled, record in pairs:
        title, other = (" ".join(each.title.casefold().split()) for each in (labelled, record))
        if title and other and title != other:
            raise DataError(
                f"{path}: has row numbers for ids, and its row {labelled.number} '{labelled.title[:60]}' is"
                f" no record '{record.id}', '{record.title[:60]}'; expected a column with the ids of the records"
            )


def combine_labels(of_file: Mapping[int, int], of_labels: Mapping[int, int]) -> dict[int, int]:
    """Return labels of both; where they disagree, those that were given beside the records hold."""
    return dict(sorted({**of_file, **of_labels}.items()))
