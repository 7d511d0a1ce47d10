"""How examples are made of texts: every distinct text once, and every known positive under all its texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
from nirank.training.passage_choice import PassageChoice

Rows = NDArray[np.int64]


def build_from_rows(
    mined: MinedRows,
    queries: Texts,
    docs: Texts,
    views: tuple[TextView, TextView],
    teacher: Ranking | None,
    passages: PassageChoice | None = None,
) -> Examples:
    """Read the texts of mined examples.

    views      of queries and documents
    teacher    whose scores go along; an example that it lacks a score of is dropped, and counted
    passages   of which a document's best is read for each query; None: whole documents
    """
    taught, scores = (mined, None) if teacher is None else _select_taught(mined, teacher)
    if passages is not None:
        mined = taught = passages.replace_documents(taught)
        docs = passages.passages
    query_rows = np.unique(np.concatenate((mined.queries, mined.known[:, 0])))
    doc_rows = np.unique(np.concatenate((mined.positives, mined.negatives, mined.known[:, 1])))
    texts = [*queries.read(views[0], query_rows), *docs.read(views[1], doc_rows)]
    encoded = pa.array(texts, pa.large_string()).dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    query_at, doc_at = number[: len(query_rows)], number[len(query_rows) :]

    def query(rows: Rows) -> Rows:
        return np.asarray(query_at[np.searchsorted(query_rows, rows)])

    def doc(rows: Rows) -> Rows:
        return np.asarray(doc_at[np.searchsorted(doc_rows, rows)])

    return Examples(
        encoded.dictionary,
        query(taught.queries),
        doc(taught.positives),
        taught.offsets,
        doc(taught.negatives),
        scores,
        add_equal_texts(encoded.dictionary, query(taught.known[:, 0]), doc(taught.known[:, 1])),
        queries.ids.take(taught.queries),
        docs.ids.take(taught.positives),
        taught.counts,
    )


def build_from_lines(lines: Iterable[Example]) -> Examples:
    """Make examples of a file's lines; either all have a teacher's scores, or they count for nothing."""
    examples = list(lines)
    flat = [text for example in examples for text in (example.query, example.positive, *example.negatives)]
    encoded = pa.array(flat, pa.large_string()).dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    lengths = np.array([len(example.negatives) for example in examples], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths + 2)))[:-1].astype(np.int64)
    is_negative = np.ones(len(number), np.bool_)
    is_negative[starts], is_negative[starts + 1] = False, False
    q, d = number[starts], number[starts + 1]
    all_scored = bool(examples) and all(example.scores for example in examples)
    scores = np.array([score for example in examples for score in example.scores], np.float32) if all_scored else None
    counts = {"examples": len(examples), "negatives": int(lengths.sum())}
    n_scored = sum(bool(example.scores) for example in examples)
    if n_scored and not all_scored:
        counts["scores left unused: other examples have none"] = n_scored
    return Examples(
        encoded.dictionary,
        q,
        d,
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        number[is_negative],
        scores,
        add_equal_texts(encoded.dictionary, q, d),
        [example.query_id for example in examples],
        [example.positive_id for example in examples],
        counts,
    )


def pair_fields(docs: Texts, query: TextView, positive: TextView, sample: int | None) -> Iterator[Example]:
    """Yield a pair for each document whose two fields both say something, and not the same."""
    rows = np.arange(len(docs))
    if sample is not None and sample < len(docs):
        order = sorted(range(len(docs)), key=lambda row: hash_with_salt(docs.ids[row], "sample"))
        rows = np.sort(np.array(order[:sample], np.int64))
    text_pairs = zip(rows.tolist(), docs.read(query, rows), docs.read(positive, rows), strict=True)
    for row, query_text, answer in text_pairs:
        if query_text.strip() and answer.strip() and hash_text(query_text) != hash_text(answer):
            yield Example(query_text, answer, query_id=docs.ids[row], positive_id=docs.ids[row])


def mix_examples(sets: Sequence[Examples], *, evenly: bool) -> Examples:
    """Put training sets together: whole, or of each as many examples as the smallest has, chosen by hash."""
    least = min(map(len, sets))
    sets = [_sample_examples(examples, least, at) for at, examples in enumerate(sets)] if evenly else sets
    texts = pa.concat_arrays([examples.texts.cast(pa.large_string()) for examples in sets]).dictionary_encode()
    number = texts.indices.to_numpy().astype(np.int64)
    starts = np.concatenate(([0], np.cumsum([len(examples.texts) for examples in sets])))

    def together(parts: Iterable[Rows]) -> Rows:
        shifted = [part + start for part, start in zip(parts, starts, strict=False)]
        return np.asarray(number[np.concatenate(shifted)])

    all_scored = all(examples.scores is not None for examples in sets)
    lengths = np.concatenate([np.diff(examples.offsets) for examples in sets])
    counts: dict[str, int] = {}
    for examples in sets:
        for name, n in examples.counts.items():
            counts[name] = counts.get(name, 0) + n
    if not all_scored and any(examples.scores is not None for examples in sets):
        counts["scores left unused: other examples have none"] = sum(
            len(examples) for examples in sets if examples.scores is not None
        )
    return Examples(
        texts.dictionary,
        together(examples.queries for examples in sets),
        together(examples.positives for examples in sets),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        together(examples.negatives for examples in sets),
        np.concatenate([np.asarray(examples.scores, np.float32) for examples in sets]) if all_scored else None,
        np.unique(together(np.asarray(examples.known).ravel() for examples in sets).reshape(-1, 2), axis=0),
        [id for examples in sets for id in examples.query_ids],
        [id for examples in sets for id in examples.positive_ids],
        counts | {"examples": sum(map(len, sets))},
    )


def _sample_examples(examples: Examples, n: int, salt: int) -> Examples:
    """Return n of the examples, chosen by hash, in their order."""
    if len(examples) <= n:
        return examples
    keys = [
        f"{row} {query_id} {positive_id}"
        for row, (query_id, positive_id) in enumerate(zip(examples.query_ids, examples.positive_ids, strict=True))
    ]
    order = sorted(range(len(examples)), key=lambda row: hash_with_salt(keys[row], f"{salt}"))
    return examples.select(np.sort(np.array(order[:n], np.int64)))


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
    is_scored = np.ones(len(lengths), np.bool_)
    is_scored[example[np.isnan(scores)]] = False
    scored = MinedRows(
        mined.queries[is_scored],
        mined.positives[is_scored],
        np.concatenate(([0], np.cumsum(lengths[is_scored]))).astype(np.int64),
        mined.negatives[np.repeat(is_scored, lengths)],
        mined.known,
        {**mined.counts, "removed: no teacher's score": int((~is_scored).sum()), "examples": int(is_scored.sum())},
    )
    return scored, scores[is_scored[example]].astype(np.float32)


def add_equal_texts(texts: pa.Array, queries: Rows, docs: Rows) -> Rows:
    """Return the pairs (query, document), and the same query with every text that differs in case and blanks only."""
    prints = np.fromiter((hash_text(text.as_py()) for text in texts), np.uint64, len(texts))
    _, group = np.unique(prints, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(texts) + 1))
    lengths = np.diff(starts)[group[docs]]
    alike = order[concatenate_ranges(starts[group[docs]], lengths)]
    return np.unique(np.column_stack((np.repeat(queries, lengths), alike)), axis=0).astype(np.int64)
