"""The algebra: laws of the operators, what they refuse and in which words, drawing, `repr` that parses back."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.application import Fold, Within, fold, rewrite, within
from nirank.algebra.pipeline import Pipeline, Then, check_system
from nirank.algebra.stage import Join, Retriever, Scorer, TextMap, option, stage
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages.apply import apply
from nirank.stages.complete import Complete
from nirank.stages.cut import Cut
from nirank.stages.first_words import FirstWords
from nirank.stages.intersection import Intersection
from nirank.stages.only import Only
from nirank.stages.rrf import RRF, rrf
from nirank.stages.run import RunFile
from nirank.stages.union import Union
from nirank.stages.weighted_sum import WeightedSum, weighted_sum
from nirank.stages.windows import Windows


@stage
class Find(Retriever):
    """A retriever to compose with."""

    b: float = 0.4
    fields: dict[str, float] | None = None

    name = "find"


@stage
class Judge(Scorer):
    """A scorer with an option that must be given."""

    model: str = option()

    name = "judge"


@stage
class Expand(TextMap):
    """A map that reads a ranking."""

    name = "expand"
    feedback = True


def overlap(queries: list[str], docs: list[str]) -> list[float]:
    return [0.0] * len(queries)


def best_of(lists: list[Ranking]) -> Ranking:
    return lists[0]


A, B, C, D = Find(0.1), Find(0.2), Find(0.3, k=10), Judge("m")

retrievers = st.builds(
    Find,
    st.floats(0, 1),
    st.none() | st.dictionaries(st.sampled_from(["title", "text"]), st.floats(0, 9)),
    k=st.integers(1, 9),
) | st.builds(RunFile, st.sampled_from(["a.run", "runs/{collection}-{split}.run.gz", 'it\'s "ü".run']))
scorers = st.builds(Judge, st.text(min_size=1, max_size=3), depth=st.integers(1, 200)) | st.builds(
    lambda depth, version: apply(overlap, name="mine", version=version, depth=depth),
    st.integers(1, 300),
    st.integers(1, 3),
)
one_list = (
    st.builds(Cut, st.integers(1, 99))
    | st.just(Complete())
    | st.builds(lambda version: apply(best_of, version=version, kind="combiner"), st.integers(1, 3))
)
weights = st.floats(-4, 4).map(lambda x: round(x, 2))
maps = st.builds(FirstWords, st.integers(1, 50)) | st.builds(Windows, st.integers(5, 50), st.integers(0, 4))
scopes = st.builds(Only, st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=3).map(tuple))


def grow(pipelines: st.SearchStrategy[Pipeline]) -> st.SearchStrategy[Pipeline]:
    operands = st.lists(pipelines, min_size=2, max_size=3)
    return (
        st.builds(lambda a, b: a >> b, pipelines, scorers | one_list | retrievers)
        | st.builds(lambda a, k: a % k, pipelines, st.integers(1, 50))
        | st.builds(lambda parts, k: rrf(*parts, k=k), operands, st.floats(0, 99))
        | st.builds(lambda a, b: a + b, pipelines, pipelines)
        | st.builds(lambda w, a: w * a, weights, pipelines)
        | st.builds(
            lambda parts, method: weighted_sum(*parts, normalise=method),
            operands,
            st.sampled_from(["zscore", "sum", "rank"]),
        )
        | st.builds(lambda a, b, c: (a | b) >> c, pipelines, pipelines, scorers | retrievers)
        | st.builds(within, scopes | pipelines, pipelines)
        | st.builds(lambda a, b, c: within(a & b, c), pipelines, pipelines, pipelines)
        | st.builds(rewrite, maps | pipelines.map(lambda a: a >> Expand()), pipelines)
        | st.builds(fold, maps, pipelines, st.sampled_from(["max", "first", "mean"]))
        | st.builds(fold, maps, pipelines, st.just("sum"), top=st.sampled_from([None, 3]), side=st.just("queries"))
    )


pipelines = st.recursive(retrievers, grow, max_leaves=6)


@given(pipelines)
@settings(max_examples=150, deadline=None)
def test_repr_parses_back_and_values_are_values(pipeline: Pipeline) -> None:
    parsed = eval(repr(pipeline), {**globals(), "WeightedSum": WeightedSum})
    assert parsed == pipeline and hash(parsed) == hash(pipeline) and repr(parsed) == repr(pipeline)
    assert pickle.loads(pickle.dumps(pipeline)) == pipeline
    assert len(pipeline.draw().splitlines()) >= 1
    check_system("S", pipeline)


@given(pipelines, pipelines, pipelines, scorers, one_list)
@settings(max_examples=60, deadline=None)
def test_laws(a: Pipeline, b: Pipeline, c: Pipeline, s: Pipeline, t: Pipeline) -> None:
    assert (a >> s) >> t == a >> (s >> t)
    assert (a >> b) >> c == a >> (b >> c)
    assert (a + b) + c == a + (b + c)
    assert 2 * (a + b) == 2 * a + 2 * b
    assert 2 * (3 * a) == 6 * a
    assert 1 * (a + b) == a + b
    assert a * 2 == 2 * a


def test_sums_are_flat_and_share_their_address_with_the_function() -> None:
    assert repr(A + B) == "WeightedSum().of(Find(0.1), Find(0.2))"
    assert repr(0.3 * A + 0.7 * (B >> D)) == "WeightedSum((0.3, 0.7)).of(Find(0.1), Find(0.2) >> Judge('m'))"
    assert weighted_sum(A, B) == A + B and weighted_sum(A, B, C) == A + B + C
    assert 0.5 * weighted_sum(A, B, weights=(1, 3)) + C == weighted_sum(A, B, C, weights=(0.5, 1.5, 1.0))
    by_zscore = weighted_sum(A, B, normalise="zscore")
    assert repr(2 * by_zscore + C) == f"WeightedSum((2.0, 1.0)).of({by_zscore!r}, {C!r})"
    assert (C + by_zscore) + by_zscore == C + (by_zscore + by_zscore)


def test_numpy_numbers_are_numbers() -> None:
    for two in (np.float64(2), np.float32(2), np.int64(2)):
        assert two * A == 2 * A == A * two
    assert repr(np.float64(0.5) * A) == "WeightedSum((0.5,)).of(Find(0.1))"
    assert repr(Find(np.float64(0.25), k=np.int64(3))) == "Find(0.25, k=3)"


def test_operators_make_what_they_say() -> None:
    assert Then((A, Cut(5))) == A % 5
    assert Then((A, Cut(100), D)) == A % 100 >> D
    assert Union().of(A, B) == A | B and Intersection().of(A, B) == A & B
    assert Join(Union(), (A, B >> D)) == (A | B >> D)
    assert within(A, B) == Within(A, B) and within(A & B, C).gives == "ranking"
    assert fold(Windows(9), A) == Fold(Windows(9), A, "max")
    assert (A | B).gives == "pairs" and (A >> D).gives == "ranking"
    assert rewrite(A >> Expand(), B).gives == "ranking"
    assert Then((Then((A, D)), Cut(3))) == Then((A, D, Cut(3)))


def test_positional_options_come_first() -> None:
    assert repr(Judge("m", depth=5)) == "Judge('m', depth=5)"
    assert repr(Find(k=3)) == "Find(k=3)"
    assert repr(Find(0.4, {"title": 2.0}, k=3)) == "Find(k=3, fields={'title': 2.0})"


REFUSED: list[tuple[Any, str]] = [
    (
        lambda: check_system("S", D),
        "system 'S': Judge('m') needs a list in front; start it with a retriever such as bm25",
    ),
    (
        lambda: check_system("S", Cut(5)),
        "system 'S': Cut(5) needs a list in front; start it with a retriever such as bm25",
    ),
    (lambda: check_system("S", RRF()), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (lambda: check_system("S", Windows(5)), "system 'S': expected a pipeline that finds documents, got texts"),
    (lambda: check_system("S", Find), "system 'S': got the class Find; make a value of it: Find()"),
    (lambda: check_system("S", "bm25"), "system 'S': expected a pipeline, got 'bm25'"),
    (lambda: A >> Cut, ">>: got the class Cut; make a value of it: Cut()"),
    (lambda: Find >> D, ">>: got the class Find; make a value of it: Find()"),
    (lambda: A >> overlap, ">>: got a function; wrap it: apply(function, name=…, version=…)"),
    (lambda: overlap >> D, ">>: got a function; wrap it: apply(function, name=…, version=…)"),
    (lambda: A | Find, "|: got the class Find; make a value of it: Find()"),
    (lambda: Find | A, "|: got the class Find; make a value of it: Find()"),
    (lambda: 5 & A, "&: expected a pipeline, got 5"),
    (lambda: A + 1, "+: expected a pipeline, got 1"),
    (lambda: sum([A, B]), "+: expected a pipeline, got 0"),
    (lambda: A * B, "*: expected a number times a pipeline, got Find(0.2)"),
    (lambda: True * A, "*: expected a number times a pipeline, got True"),
    (lambda: float("nan") * A, "weighted_sum: weights must be a finite number, got (nan,)"),
    (lambda: A % 0, "cut: k must be a whole number, 1 or more, got 0"),
    (lambda: rrf(A), "RRF(): expected 2 lists or more, got 1"),
    (lambda: rrf(A, B, k=-2), "rrf: k must be 0 or more, got -2"),
    (lambda: rrf(A, Find), "RRF(): got the class Find; make a value of it: Find()"),
    (lambda: A >> RRF(), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (lambda: RRF() >> Cut(3), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (lambda: rrf(A, RRF()), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (lambda: Cut(3).of(A, B), "Cut(3): expected 1 list, got 2"),
    (lambda: apply(best_of, version=1, kind="combiner", lists=(2, 3)).of(A), "expected 2 to 3 lists, got 1"),
    (
        lambda: A >> Windows(5),
        "Windows(5) cannot follow Find(0.1): expected texts, got a ranking; it is applied: rewrite(map, a) or fold(view, a)",
    ),
    (
        lambda: Windows(5) >> A,
        "Find(0.1) cannot follow Windows(5): expected a ranking or unranked pairs, got texts; it is applied: rewrite(map, a) or fold(view, a)",
    ),
    (
        lambda: rrf(A, FirstWords()),
        "RRF(): expected a ranking, got texts from FirstWords(); it is applied: rewrite(map, a) or fold(view, a)",
    ),
    (
        lambda: Only(("d",)) >> A,
        "Find(0.1) cannot follow Only(('d',)): expected a ranking or unranked pairs, got a scope; it is applied: within(scope, a)",
    ),
    (
        lambda: A >> Only(("d",)),
        "Only(('d',)) cannot follow Find(0.1): it can only stand first, got a ranking; it is applied: within(scope, a)",
    ),
    (
        lambda: (A | B) % 5,
        "Cut(5) cannot follow Union().of(Find(0.1), Find(0.2)): expected a ranking, got unranked pairs",
    ),
    (lambda: rrf(A | B, C), "RRF(): expected a ranking, got unranked pairs from Union().of(Find(0.1), Find(0.2))"),
    (
        lambda: within(Windows(5), A),
        "within: expected a scope, or a pipeline that finds documents, got texts from Windows(5)",
    ),
    (lambda: within(Cut(5), A), "within: Cut(5) needs a list in front; start it with a retriever such as bm25"),
    (
        lambda: within(Only(("d",)), Only(("e",))),
        "within: expected a pipeline that finds documents, got a scope from Only(('e',))",
    ),
    (lambda: within(Only(("d",)), RRF()), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (lambda: rewrite(A, B), "rewrite: expected a map of queries (texts to texts), got a ranking from Find(0.1)"),
    (lambda: rewrite(Expand(), B), "rewrite: Expand() needs a list in front; start it with a retriever such as bm25"),
    (
        lambda: rewrite(FirstWords(), Windows(5)),
        "rewrite: expected a pipeline that finds documents, got texts from Windows(5)",
    ),
    (lambda: fold(A, B), "fold: expected a view of documents (texts to texts), got a ranking from Find(0.1)"),
    (
        lambda: fold(Windows(5), A | B),
        "fold: expected a ranking of parts, got unranked pairs from Union().of(Find(0.1), Find(0.2))",
    ),
    (lambda: fold(Windows(5), RRF()), "RRF(): combines 2 lists or more; give them with .of(a, b)"),
    (
        lambda: fold(Windows(5), A, keep="least"),
        "fold: keep is one of max, first, mean, sum, weighted_mean, rrf, got 'least'",
    ),
    (lambda: fold(Windows(5), A, top=2), "fold: top is for keep mean, sum, weighted_mean or rrf, got keep max"),
    (lambda: fold(Windows(5), A, "mean", top=0), "fold: top must be a whole number of parts, 1 or more, got 0"),
    (lambda: fold(Windows(5), A, side="documents"), "fold: side is docs or queries, got 'documents'"),
    (
        lambda: fold(A, B, side="queries"),
        "fold: expected a view of queries (texts to texts), got a ranking from Find(0.1)",
    ),
    (lambda: Then(()), ">>: expected two steps or more, got 0"),
    (lambda: Then((A,)), ">>: expected two steps or more, got 1"),
    (
        lambda: rrf(rewrite(FirstWords(), D), RunFirst()),
        "some of its inputs must stand first, others need a list in front",
    ),
]


@stage
class RunFirst(Retriever):
    """A retriever that can only stand first."""

    name = "run_first"
    takes = frozenset({"nothing"})


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=range(len(REFUSED)))
def test_illegal_compositions_are_refused_in_one_sentence(build: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build()
    assert message in str(error.value)
    assert len(error.value.messages) == 1 and "\n" not in str(error.value)


def test_draw() -> None:
    hybrid = within(Only(("d1",)), rrf(A, fold(Windows(50), B, keep="mean")) >> D) % 10
    assert hybrid.draw().splitlines() == [
        "then",
        "├── within",
        "│   ├── scope: Only(('d1',))",
        "│   └── then",
        "│       ├── RRF()",
        "│       │   ├── Find(0.1)",
        "│       │   └── fold keep=mean",
        "│       │       ├── view: Windows(50)",
        "│       │       └── Find(0.2)",
        "│       └── >> Judge('m')",
        "└── >> Cut(10)",
    ]
    assert A.draw() == "Find(0.1)"


def test_pipelines_cannot_be_changed() -> None:
    for pipeline in (A, A >> D, rrf(A, B), within(A, B), rewrite(FirstWords(), A), fold(Windows(3), A)):
        name = next(iter(vars(pipeline)))
        with pytest.raises(AttributeError):
            setattr(pipeline, name, None)
