"""The filter by likelihood ratio with real models: a tiny one, and the same after some lessons in a domain."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import tiny_models
from written_fakes import Bench, FirstWordsGenerator

from nirank.collections.collection import Collection
from nirank.stages.query_likelihood import QueryLikelihood
from nirank.synthesis.filters.scores import LikelihoodRatio, ScoreFilter
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

DOMAIN, OTHER = range(10), range(30, 60)  # the words of a domain, and of everything else


def write_text(draws: random.Random, words: range, length: int = 8) -> str:
    return " ".join(f"w{draws.choice(words)}" for _ in range(length))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    base = tiny_models.make_causal(tmp_path_factory.mktemp("base"))
    tuned = tmp_path_factory.mktemp("tuned") / "model"
    shutil.copytree(base, tuned)
    draws = random.Random(1)
    tiny_models.tune_causal(tuned, [write_text(draws, DOMAIN) for _ in range(64)])
    return str(base), str(tuned)


def test_queries_from_outside_the_domain_are_dropped(models: tuple[str, str], tmp_path: Path) -> None:
    base, tuned = models
    draws = random.Random(2)
    docs = {f"in{n}": write_text(draws, DOMAIN) for n in range(10)}
    docs |= {f"out{n}": write_text(draws, OTHER) for n in range(10)}
    bench = Bench(Collection.of(docs, {"q": "w0"}, {"q": {"in0": 1}}), tmp_path)

    def filter_queries(query_filter: LikelihoodRatio | ScoreFilter) -> set[str]:
        queries = SyntheticQueries(FirstWordsGenerator(words=6), filters=(query_filter,))
        written = bench.compile(Synthetic(queries)).get_input("queries").get_input("written")
        table = QueryTable.open(bench.run(written))
        return {list(docs)[row] for row in table.docs[table.kept]}

    by_ratio = LikelihoodRatio(QueryLikelihood(tuned), QueryLikelihood(base), share=0.5)
    inside = {id for id in docs if id.startswith("in")}
    assert filter_queries(by_ratio) == inside
    assert (
        filter_queries(LikelihoodRatio(QueryLikelihood(base), QueryLikelihood(tuned), share=0.5)) == set(docs) - inside
    )
    assert filter_queries(ScoreFilter(QueryLikelihood(base), 0.5)) != inside, (
        "the general model does not tell them apart"
    )
