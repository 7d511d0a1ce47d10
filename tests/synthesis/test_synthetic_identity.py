"""The law of addresses, for what a plan writes: every option of written queries, filters and training data."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
from written_fakes import Bench, FirstWordsGenerator

from nirank.collections.collection import Collection
from nirank.inference.ngram_models import HashedNGrams
from nirank.stages.bm25 import BM25
from nirank.stages.dense import Dense
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.filters.base import Filter
from nirank.synthesis.filters.likeness import NearDuplicates, TitleCopies
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import LikelihoodRatio, LogProbability, ScoreFilter
from nirank.synthesis.selection import Selection
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.training.negatives import Mined

FILTERS: list[list[Filter]] = [
    [RoundTrip(BM25()), RoundTrip(BM25(k1=2.0)), RoundTrip(BM25(), 2)],
    [ScoreFilter(BM25()), ScoreFilter(BM25(k1=2.0)), ScoreFilter(BM25(), 0.5)],
    [
        LikelihoodRatio(BM25(), BM25(b=0.1)),
        LikelihoodRatio(BM25(b=0.2), BM25(b=0.1)),
        LikelihoodRatio(BM25(), BM25(), 0.5),
    ],
    [LogProbability(1), LogProbability(2), LogProbability(share=0.5)],
    [NearDuplicates(), NearDuplicates(0.5)],
    [TitleCopies(), TitleCopies(0.5), TitleCopies(text="text")],
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    docs = {f"d{at}": {"title": f"t{at}", "text": f"text {at}"} for at in range(9)}
    return Bench(Collection.of(docs, {"q": "text"}, {"q": {"d1": 1}}), tmp_path)


def list_fields(value: object) -> set[str]:
    return {field.name for field in dataclasses.fields(value)}  # type: ignore[arg-type]


def check_all_differ(bench: Bench, values: list[Synthetic]) -> None:
    addresses = [bench.compile(value).address for value in values]
    assert len(set(addresses)) == len(values)
    assert addresses == [bench.compile(replace(value)).address for value in values]


def test_training_data(bench):
    queries = SyntheticQueries(
        FirstWordsGenerator(), Selection(3, Dense(HashedNGrams(width=8)), clusters=2, min_characters=1, seed=0)
    )
    data = Synthetic(queries, Mined(BM25()))
    varied = {
        "queries": replace(queries, generator=FirstWordsGenerator(words=3)),
        "negatives": Mined(BM25(), n=2),
        "teacher": BM25(),
        "spare": 2,
        "on_overlap": "drop",
        "doc_text": "text",
        "source": str(bench.place),
    }
    assert set(varied) == list_fields(data)
    del varied["source"]  # another collection has other documents
    check_all_differ(bench, [data, *(replace(data, **{name: value}) for name, value in varied.items())])


def test_written_queries(bench):
    selection = Selection(4, Dense(HashedNGrams(width=8)), clusters=2, min_characters=1, seed=0)
    queries = SyntheticQueries(FirstWordsGenerator(), selection)
    varied = {
        "generator": FirstWordsGenerator(2),
        "selection": replace(selection, n=3),
        "cleaning": Cleaning("duqgen"),
        "filters": (NearDuplicates(),),
        "keep_rate": 0.5,
        "doc_text": "text",
    }
    assert set(varied) == list_fields(queries)
    everything = [queries, *(replace(queries, **{name: value}) for name, value in varied.items())]
    check_all_differ(bench, [Synthetic(value) for value in (*everything, replace(queries, selection=None))])


def test_filters(bench):
    values = [Synthetic(SyntheticQueries(FirstWordsGenerator(), filters=(each,))) for some in FILTERS for each in some]
    check_all_differ(bench, values)
    two, other_order = ((NearDuplicates(), TitleCopies()), (TitleCopies(), NearDuplicates()))
    check_all_differ(
        bench, [Synthetic(SyntheticQueries(FirstWordsGenerator(), filters=each)) for each in (two, other_order)]
    )
    for some in FILTERS:
        changed = {
            name for each in some[1:] for name in list_fields(each) if getattr(each, name) != getattr(some[0], name)
        }
        assert changed == list_fields(some[0]), "options that were not tried"
