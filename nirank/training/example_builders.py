"""How examples are made of texts: every distinct text once, and every known positive under all its texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.algebra.judged import hash_with_salt
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts, hash_text
from nirank.flow.pairs import concatenate_ranges
from nirank.flow.ranking import Ranking
from nirank.training.example_files import Example
from nirank.training.examples import Examples
from nirank.training.mining import MinedRows, look_up_scores

Rows = NDArray[np.int64]


def build_from_rows(
    mined: MinedRows, queries: Texts, docs: Texts, views: tuple[TextView, TextView], teacher: Ranking | None
) -> Examples:
    """Read the texts of mined examples.

    views    of queries and documents
    teacher  whose scores go along; an example that it lacks a score of is dropped, and counted
    """
    asked = np.unique(np.concatenate((mined.queries, mined.known[:, 0])))
    read = np.unique(np.concatenate((mined.positives, mined.negatives, mined.known[:, 1])))
    said = [*queries.read(views[0], asked), *docs.read(views[1], read)]
    encoded = pa.array(said, pa.large_string()).dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    query_at, doc_at = number[: len(asked)], number[len(asked) :]

    def query(rows: Rows) -> Rows:
        return np.asarray(query_at[np.searchsorted(asked, rows)])

    def doc(rows: Rows) -> Rows:
        return np.asarray(doc_at[np.searchsorted(read, rows)])

    scores = None
    if teacher is not None:
        mined, scores = _select_taught(mined, teacher)
    return Examples(
        encoded.dictionary,
        query(mined.queries),
        doc(mined.positives),
        mined.offsets,
        doc(mined.negatives),
        scores,
        _add_equal_texts(encoded.dictionary, query(mined.known[:, 0]), doc(mined.known[:, 1])),
        queries.ids.take(mined.queries),
        docs.ids.take(mined.positives),
        mined.counts,
    )


def build_from_lines(lines: Iterable[Example]) -> Examples:
    """Make examples of a file's lines; either all have a teacher's scores, or they count for nothing."""
    rows = list(lines)
    flat = [text for one in rows for text in (one.query, one.positive, *one.negatives)]
    encoded = pa.array(flat, pa.large_string()).dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    lengths = np.array([len(one.negatives) for one in rows], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths + 2)))[:-1].astype(np.int64)
    is_negative = np.ones(len(number), np.bool_)
    is_negative[starts], is_negative[starts + 1] = False, False
    q, d = number[starts], number[starts + 1]
    taught = bool(rows) and all(one.scores for one in rows)
    scores = np.array([score for one in rows for score in one.scores], np.float32) if taught else None
    counts = {"examples": len(rows), "negatives": int(lengths.sum())}
    some = sum(bool(one.scores) for one in rows)
    if some and not taught:
        counts["scores left unused: other examples have none"] = some
    return Examples(
        encoded.dictionary,
        q,
        d,
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        number[is_negative],
        scores,
        _add_equal_texts(encoded.dictionary, q, d),
        [one.query_id for one in rows],
        [one.positive_id for one in rows],
        counts,
    )


def pair_fields(docs: Texts, query: TextView, positive: TextView, sample: int | None) -> Iterator[Example]:
    """Yield a pair for each document whose two fields both say something, and not the same."""
    rows = np.arange(len(docs))
    if sample is not None and sample < len(docs):
        order = sorted(range(len(docs)), key=lambda row: hash_with_salt(docs.ids[row], "sample"))
        rows = np.sort(np.array(order[:sample], np.int64))
    both = zip(rows.tolist(), docs.read(query, rows), docs.read(positive, rows), strict=True)
    for row, asked, answer in both:
        if asked.strip() and answer.strip() and hash_text(asked) != hash_text(answer):
            yield Example(asked, answer, query_id=docs.ids[row], positive_id=docs.ids[row])


def mix_examples(sets: Sequence[Examples], *, evenly: bool) -> Examples:
    """Put training sets together: whole, or of each as many examples as the smallest has, chosen by hash."""
    least = min(map(len, sets))
    sets = [_sample_examples(one, least, at) for at, one in enumerate(sets)] if evenly else sets
    texts = pa.concat_arrays([one.texts.cast(pa.large_string()) for one in sets]).dictionary_encode()
    number = texts.indices.to_numpy().astype(np.int64)
    starts = np.concatenate(([0], np.cumsum([len(one.texts) for one in sets])))

    def together(parts: Iterable[Rows]) -> Rows:
        shifted = [part + start for part, start in zip(parts, starts, strict=False)]
        return np.asarray(number[np.concatenate(shifted)])

    taught = all(one.scores is not None for one in sets)
    lengths = np.concatenate([np.diff(one.offsets) for one in sets])
    counts: dict[str, int] = {}
    for one in sets:
        for name, n in one.counts.items():
            counts[name] = counts.get(name, 0) + n
    if not taught and any(one.scores is not None for one in sets):
        counts["scores left unused: other examples have none"] = sum(len(one) for one in sets if one.scores is not None)
    return Examples(
        texts.dictionary,
        together(one.queries for one in sets),
        together(one.positives for one in sets),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        together(one.negatives for one in sets),
        np.concatenate([np.asarray(one.scores, np.float32) for one in sets]) if taught else None,
        np.unique(together(np.asarray(one.known).ravel() for one in sets).reshape(-1, 2), axis=0),
        [id for one in sets for id in one.query_ids],
        [id for one in sets for id in one.positive_ids],
        counts | {"examples": sum(map(len, sets))},
    )


def _sample_examples(one: Examples, n: int, salt: int) -> Examples:
    """Return n of the examples, chosen by hash, in their order."""
    if len(one) <= n:
        return one
    order = sorted(
        range(len(one)), key=lambda at: hash_with_salt(f"{at} {one.query_ids[at]} {one.positive_ids[at]}", f"{salt}")
    )
    kept = np.zeros(len(one), np.bool_)
    kept[order[:n]] = True
    lengths = np.diff(one.offsets)
    return replace(
        one,
        queries=one.queries[kept],
        positives=one.positives[kept],
        offsets=np.concatenate(([0], np.cumsum(lengths[kept]))).astype(np.int64),
        negatives=one.negatives[np.repeat(kept, lengths)],
        scores=None if one.scores is None else one.scores[np.repeat(kept, lengths + 1)],
        query_ids=[id for id, keep in zip(one.query_ids, kept, strict=True) if keep],
        positive_ids=[id for id, keep in zip(one.positive_ids, kept, strict=True) if keep],
    )


def _select_taught(mined: MinedRows, teacher: Ranking) -> tuple[MinedRows, NDArray[np.float32]]:
    """Return the examples that a teacher scores whole, and the scores: each example's positive first."""
    lengths = np.diff(mined.offsets)
    starts = mined.offsets[:-1] + np.arange(len(lengths))
    is_positive = np.zeros(len(lengths) + len(mined.negatives), np.bool_)
    is_positive[starts] = True
    example = np.repeat(np.arange(len(lengths)), lengths + 1)
    docs = np.empty(len(example), np.int64)
    docs[is_positive], docs[~is_positive] = mined.positives, mined.negatives
    scores = look_up_scores(teacher, mined.queries[example], docs)
    whole = np.ones(len(lengths), np.bool_)
    whole[example[np.isnan(scores)]] = False
    kept = MinedRows(
        mined.queries[whole],
        mined.positives[whole],
        np.concatenate(([0], np.cumsum(lengths[whole]))).astype(np.int64),
        mined.negatives[np.repeat(whole, lengths)],
        mined.known,
        {**mined.counts, "removed: no teacher's score": int((~whole).sum()), "examples": int(whole.sum())},
    )
    return kept, scores[whole[example]].astype(np.float32)


def _add_equal_texts(texts: pa.Array, queries: Rows, docs: Rows) -> Rows:
    """Return the pairs (query, document), and the same query with every text that differs in case and blanks only."""
    prints = np.fromiter((hash_text(one.as_py()) for one in texts), np.uint64, len(texts))
    _, group = np.unique(prints, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(texts) + 1))
    lengths = np.diff(starts)[group[docs]]
    alike = order[concatenate_ranges(starts[group[docs]], lengths)]
    return np.unique(np.column_stack((np.repeat(queries, lengths), alike)), axis=0).astype(np.int64)
