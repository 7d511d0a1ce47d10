"""The lists on a system's way: of which lists each was made, and how many relevant documents went through."""

from __future__ import annotations

from pathlib import Path

from nirank.algebra.pipeline import Pipeline
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.results.row import Row, Source
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut
from nirank.stages.rrf import rrf
from nirank.store import LocalStore

DOCS = {"a": "red wine", "b": "wine", "c": "red", "d": "tea", "e": "red red wine tea"}


def run(tmp_path: Path, system: Pipeline) -> Row:
    collection = Collection.of(DOCS, {"q": "red wine"}, {"q": {"a": 1, "b": 1, "d": 1}})
    (row,) = Experiment(collection, {"S": system}, ["R@5"], store=LocalStore(tmp_path / "store")).run().rows
    return row


def test_a_list_is_made_of_the_nearest_lists_below_it(tmp_path: Path) -> None:
    row = run(tmp_path, rrf(BM25(k1=2.0), BM25(b=0.1)) >> Cut(2))
    (first, second, fused, cut) = row.stages
    assert first.sources == second.sources == ()
    assert [source.at for source in fused.sources] == [0, 1]
    assert [source.shared for source in fused.sources] == [first.relevant, second.relevant]
    assert cut.sources == (Source(2, cut.relevant),) and cut.relevant < fused.relevant
