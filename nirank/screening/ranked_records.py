"""All records of a file, ranked by what labels teach, with why each stands where it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nirank.records.decisions import combine_decisions
from nirank.records.files import write_record_file
from nirank.records.record import BibliographicRecord, RecordFile
from nirank.screening.policies import begin_review
from nirank.screening.question_ranking import RecordRanking
from nirank.screening.words import collect_words, count_words, explain_record, split_words, weigh_words


def rank_from_labels(
    records: Sequence[BibliographicRecord],
    labels: Mapping[int, int],
    *,
    policy: str,
    seed: int,
    question: str,
    first: RecordRanking,
) -> RecordRanking:
    """Rank records by what labels teach; while they are of one kind only, the order stays that of the beginning.

    first  the ranking that the beginning gives

    Records without a label come first, best first; behind them those that were included, then the others.
    """
    rows = np.array(sorted(labels), dtype=np.int64)
    values = np.array([labels[row] for row in rows.tolist()], dtype=np.int8)
    review = begin_review(records, policy, seed, first.order, question, len(rows))
    proposal = review.propose(rows, values)
    order = np.concatenate([proposal.order, rows[np.argsort(-values, kind="stable")]])
    return RecordRanking(order, first.scores if proposal.scores is None else proposal.scores)


def explain_records(records: Sequence[BibliographicRecord], question: str, labels: Mapping[int, int]) -> Sequence[str]:
    """Return the words that each record shares with the question, and with records that were included."""
    word_sets = [collect_words(record) for record in records]
    asked = {word: sum(word in words for words in word_sets) for word in split_words(question)}  # rare words first
    included = [word_sets[row] for row, label in labels.items() if label]
    learnt = weigh_words(included, count_words(word_sets), len(word_sets)) if included else {}
    return [explain_record(words, asked, learnt) for words in word_sets]


def write_ranked(
    path: Path, file: RecordFile, ranked: RecordRanking, reasons: Sequence[str], labels: Mapping[int, int]
) -> None:
    """Write all records, best first, with rank, score and why, in the format of the path's ending.

    labels  by row; where there are some, each record's decision is written too
    """
    ranks = np.empty(len(ranked.order), np.int64)
    ranks[ranked.order] = np.arange(1, len(ranked.order) + 1)
    added: dict[str, Sequence[str]] = {
        "rank": [str(rank) for rank in ranks.tolist()],
        "score": [f"{score:.6g}" for score in ranked.scores.tolist()],
        "why": reasons,
    }
    if labels:
        words = {1: "included", 0: "excluded"}
        added["decision"] = [
            words[labels[row]] if row in labels else combine_decisions(record.decisions) or "not_seen"
            for row, record in enumerate(file.records)
        ]
    write_record_file(path, file, ranked.order.tolist(), added)
