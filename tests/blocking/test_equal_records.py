"""Tables whose records are equal, or blank: what is computed is bounded, and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank import LSH, Collection, Dense, Experiment, Hamming, Result, load
from nirank.algebra.pipeline import Pipeline
from nirank.collections.sources.record_tables import Ask
from nirank.errors import ConfigError
from nirank.inference import knn, sparse_search
from nirank.inference.ngram_models import NGramOptions
from nirank.stages.cut import Cut
from nirank.stages.minhash import MinHash
from nirank.stages.same import Same
from nirank.stages.sorted_neighbourhood import SortedNeighbourhood
from nirank.stages.tfidf import TFIDF
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import open_store

N = 50_000


def find_candidates(tmp_path: Path, system: Pipeline, collection: Collection) -> Result:
    result = Experiment(collection, {"S": system}, ["candidates"], store=open_store(tmp_path / "store")).run()
    assert result.rows[0].status == "ok", result.rows[0].error
    return result


def make_table(folder: Path, texts: list[str]) -> Collection:
    path = folder / "records.csv"
    path.write_text("id,name,empty\n" + "".join(f"{row:05},{text},\n" for row, text in enumerate(texts)))
    return load(records=path, store=open_store(folder / "store"))


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_table(tmp_path_factory.mktemp("equal"), ["the same few words"] * N)


@pytest.mark.parametrize("system", [TokenBlocking(), TokenBlocking("qgrams"), MinHash(), Same(("name",))], ids=repr)
def test_blocks_of_all_records_are_left_out_and_counted(tmp_path: Path, system: Pipeline, equal: Collection) -> None:
    row = find_candidates(tmp_path, system, equal).rows[0]
    conventions = next(iter(row.conventions.stages.values()))
    assert conventions["comparisons"] == conventions["blocks"] * N * (N - 1) // 2
    assert (conventions["kept_comparisons"], conventions["largest_block"]) == (0, 0)
    assert row.counts["purged_blocks"] == conventions["blocks"]
    assert row.counts["documents_without_pair"] == N


def test_equal_records_side_by_side_make_pairs_by_the_window(tmp_path: Path, equal: Collection) -> None:
    pairs = find_candidates(tmp_path, SortedNeighbourhood(window=3), equal).pairs("S")
    assert len(pairs) == 2 * (2 * N - 3)  # each record with the two before it and the two behind


def test_equal_texts_are_searched_once_and_share_their_results(
    tmp_path: Path, equal: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    score = sparse_search._Postings.score

    def count_searches(postings: sparse_search._Postings, query: int) -> np.ndarray:
        searched.append(postings.n)
        return score(postings, query)

    monkeypatch.setattr(sparse_search._Postings, "score", count_searches)
    ranking = find_candidates(tmp_path, TFIDF() >> Cut(3), equal).ranking("S")
    assert searched == [1]  # one search, over one vector
    assert set(ranking.counts.tolist()) == {3}
    assert list(ranking.to_dict()["00000"]) == ["49999", "49998", "49997"]
    assert list(ranking.to_dict()["49998"]) == ["49999", "49997", "49996"]


MODEL = NGramOptions(buckets=64, width=16).name


@pytest.mark.parametrize("system", [LSH(MODEL, tables=3, functions=4), Hamming(MODEL, radius=3)], ids=repr)
def test_buckets_and_codes_of_all_records_are_left_out_and_counted(
    tmp_path: Path, system: Pipeline, equal: Collection
) -> None:
    row = find_candidates(tmp_path, system, equal).rows[0]
    assert row.counts["documents_without_pair"] == N
    assert row.counts.get("records_of_full_codes", N) == N
    assert row.counts.get("purged_blocks", 3) == 3


def test_equal_vectors_are_searched_once(tmp_path: Path, equal: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search_each = knn._search_each

    def count_searches(queries: np.ndarray, *more: object) -> object:
        searched.append(len(queries))
        return search_each(queries, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(knn, "_search_each", count_searches)
    ranking = find_candidates(tmp_path, Dense(MODEL, k=3), equal).ranking("S")
    assert searched == [1]
    assert set(ranking.counts.tolist()) == {3}
    assert list(ranking.to_dict()["49998"]) == ["49999", "49997", "49996"]


@pytest.mark.parametrize("blank", ["left", "right", "both"])
@pytest.mark.parametrize("ask", ["right", "both"])
def test_blank_tables_have_no_pair_and_lose_all_matches(blank: str, ask: Ask, tmp_path: Path) -> None:
    for side in ("left", "right"):
        names = ("", " ") if blank in (side, "both") else ("saw", "drill")
        (tmp_path / f"{side}.csv").write_text(
            "id,name,price\n" + "".join(f"{at},{name},\n" for at, name in enumerate(names))
        )
    (tmp_path / "pairs.csv").write_text("0,0\n1,1\n")
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    tables = load(**files, ask=ask, store=open_store(tmp_path / "store"))
    assert {finding.severity for finding in tables.findings if finding.code.startswith("empty-")} == {"warning"}
    systems: dict[str, Pipeline] = {
        repr(system): system
        for system in (
            TFIDF(k=2),
            TokenBlocking(),
            MinHash(),
            Same(("name",)),
            SortedNeighbourhood(),
            Hamming(MODEL, radius=2),
            LSH(MODEL),
        )
    }
    result = Experiment(tables, systems, ["PC"], store=open_store(tmp_path / "store")).run()
    assert [(row.error, row.measures["PC"]) for row in result.rows] == [(None, 0.0)] * len(systems)
    assert {len(result.pairs(system)) for system in systems} == {0}
    with pytest.raises(ConfigError, match="no column or metadata key 'nme'"):
        Experiment(tables, {"x": TFIDF(k=1, doc_text="nme")}, ["PC"], store=open_store(tmp_path / "store")).check()


@pytest.mark.parametrize("k", [1, 2, 5, None])
@pytest.mark.parametrize("one_table", [True, False])
@pytest.mark.parametrize("with_list", [True, False])
def test_shared_results_equal_those_of_texts_searched_one_by_one(
    tmp_path: Path, k: int | None, one_table: bool, with_list: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    words = ["saw", "drill", "rake", "red", "blue", "", "SAW"]
    texts = [" ".join(random.choice(words, random.integers(0, 3))) for _ in range(60)]
    if one_table:
        collection = make_table(tmp_path, texts)
    else:
        docs = {f"d{row}": {"text": text} for row, text in enumerate(texts)}
        queries = {f"q{row}": {"text": text} for row, text in enumerate(reversed(texts[20:]))}
        collection = Collection.of(docs, queries, {}, name="two", check=False)
    system = (TokenBlocking(smoothing=None, ratio=None, max_block=40) >> TFIDF(k=k)) if with_list else TFIDF(k=k)
    shared = find_candidates(tmp_path / "shared", system, collection).ranking("S")

    def select_all(texts: object, vectors: list[int]) -> object:
        for row, text in enumerate(texts):  # type: ignore[arg-type, var-annotated]
            vectors.append(row)
            yield text

    monkeypatch.setattr("nirank.stages.tfidf._select_distinct", select_all)
    expected = find_candidates(tmp_path / "alone", system, collection).ranking("S")
    assert shared == expected
    assert len(shared) > 0


@pytest.mark.parametrize(
    "system",
    [TokenBlocking(), MinHash(), Same(("name",)), SortedNeighbourhood(), TFIDF() >> Cut(3)],
    ids=lambda system: repr(system),
)
@pytest.mark.parametrize("texts", [["saw", *[""] * 300], ["saw"]], ids=["blank", "single"])
def test_blank_records_and_a_single_one_are_in_no_pair(tmp_path: Path, system: Pipeline, texts: list[str]) -> None:
    assert len(find_candidates(tmp_path, system, make_table(tmp_path, texts)).pairs("S")) == 0
