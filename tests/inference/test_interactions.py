"""What DRMM and PACRR read, and their scores, against small cases done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch

from nirank.algebra.context import Context
from nirank.base.memo import NullMemo
from nirank.errors import ModelError
from nirank.inference.interaction_models import InteractionFiles, make_batch, score_query
from nirank.inference.interaction_networks import PACRR, MixedScorer
from nirank.inference.interactions import BINS, InteractionDesign, Interactions, QueryTerms, select_query_terms
from nirank.inference.models import resolve_model
from nirank.inference.word_pieces import WordPieces, read_unit_vectors, write_word_pieces

# Cosines with the first vector: 1, 0, -1, 0.6
VECTORS = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def make_pieces(*texts: list[int]) -> WordPieces:
    counts = np.zeros(len(VECTORS), np.int64)
    for text in texts:
        counts[np.unique(np.array(text, int))] += 1
    offsets = np.append(0, np.cumsum([len(text) for text in texts])).astype(np.int64)
    return WordPieces(offsets, np.array([piece for text in texts for piece in text], np.int32), counts)


def make_interactions(queries: WordPieces, docs: WordPieces, kind: Any = "drmm", **sizes: Any) -> Interactions:
    return Interactions(InteractionDesign(kind, **{"query_terms": 3, **sizes}), VECTORS, {"m": "1"}, queries, docs)


def test_terms_are_those_of_the_greatest_tf_idf_in_the_order_of_the_text() -> None:
    idf = np.array([1.0, 5.0, 2.0, 2.0], np.float32)
    pieces = np.array([3, 0, 0, 1, 2, 0, 3, 0], np.int32)  # tf·idf: 4, 5, 2, 4
    assert select_query_terms(pieces, idf, 2).pieces.tolist() == [0, 1]  # 0 and 3 tie at 4: the lower number
    assert select_query_terms(pieces, idf, 9).pieces.tolist() == [3, 0, 1, 2]
    assert select_query_terms(pieces[:0], idf, 9).pieces.tolist() == []
    assert select_query_terms(pieces, idf, 3).idf.tolist() == [2.0, 1.0, 5.0]


def test_idf_is_that_of_bm25() -> None:
    idf = make_pieces([0, 0, 1], [0]).idf
    assert idf[:3] == pytest.approx([np.log(1 + 0.5 / 2.5), np.log(1 + 1.5 / 1.5), np.log(1 + 2.5 / 0.5)])


def test_a_histogram_by_hand() -> None:
    interactions = make_interactions(make_pieces([0]), make_pieces([0, 1, 1, 2, 3], []))
    cells = interactions.read_cells(interactions.read_terms(0), np.array([0, 1]), Context())
    counts = np.expm1(cells[0, 0].astype(float)).round(2)
    expected = np.zeros(BINS)
    expected[29] = 1  # the piece itself, and no other
    expected[14] = 2  # cosine 0 of [-1, 1) in 29: ⌊14.5⌋
    expected[0] = 1  # cosine -1
    expected[23] = 1  # cosine 0.6: ⌊0.8 · 29⌋
    assert counts.tolist() == expected.tolist()
    assert not cells[1].any()  # a document without words


def test_histograms_are_counted_once_for_equal_texts() -> None:
    asked: list[int] = []

    class Memo(NullMemo):
        def put(self, keys: Any, rows: Any, seconds: float) -> Any:
            asked.append(len(keys))
            return rows

    ctx = Context(open_memo=lambda space, row_type: Memo(row_type))
    interactions = make_interactions(make_pieces([0, 1]), make_pieces([0, 1], [1], [0, 1]))
    cells = interactions.read_cells(interactions.read_terms(0), np.array([0, 1, 2]), ctx)
    assert sum(asked) == 2
    assert (cells[0] == cells[2]).all()
    assert not (cells[0] == cells[1]).all()


def test_a_matrix_of_cosines_by_hand() -> None:
    interactions = make_interactions(make_pieces([0, 1]), make_pieces([1, 3, 2, 0]), "pacrr", doc_terms=3)
    cells = interactions.read_cells(interactions.read_terms(0), np.array([0]), Context())
    assert cells[0] == pytest.approx(np.array([[0, 0.6, -1], [1, 0.8, 0]]))


def make_random(kind: Any, seed: int = 0) -> tuple[InteractionDesign, MixedScorer, np.ndarray]:
    sizes = {"doc_terms": 8, "ngrams": 3, "filters": 4, "k_max": 2} if kind == "pacrr" else {}
    design = InteractionDesign(kind, query_terms=4, **sizes)
    torch.manual_seed(seed)
    cells = np.random.default_rng(seed).random((6, 3, design.width)).astype(np.float32)
    return design, MixedScorer(design).eval(), cells


def test_drmm_by_hand() -> None:
    design, scorer, cells = make_random("drmm")
    terms = QueryTerms(np.array([1, 2, 3], np.int32), np.array([1.0, 3.0, 0.5], np.float32))
    weights = {name: tensor.numpy() for name, tensor in scorer.network.state_dict().items()}
    hidden = np.tanh(cells @ weights["first.weight"].T + weights["first.bias"])
    z = np.tanh(hidden @ weights["second.weight"].T + weights["second.bias"])[..., 0]
    gates = np.exp(terms.idf * weights["gate.weight"][0, 0])
    expected = (z * gates / gates.sum()).sum(1)
    scores = score_query(scorer, design, terms, cells, np.zeros((6, 0), np.float32))
    assert scores == pytest.approx(expected, abs=1e-6)


def test_pacrr_keeps_the_greatest_signals_of_every_row() -> None:
    """With the network's dense part replaced by the signals themselves."""
    design, scorer, cells = make_random("pacrr")
    network = scorer.network
    assert isinstance(network, PACRR)
    seen: list[torch.Tensor] = []
    network.dense.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    terms = QueryTerms(np.array([1, 2, 3], np.int32), np.array([1.0, 3.0, 0.5], np.float32))
    with torch.inference_mode():
        network(make_batch(design, terms, cells, np.zeros((6, 0), np.float32)))
    signals = seen[0].reshape(6, 4, 7).numpy()  # 2 of three sizes, and idf
    assert signals[:, :3, :2] == pytest.approx(np.sort(cells, axis=-1)[:, :, :-3:-1])
    assert signals[0, :3, 6] == pytest.approx(np.exp(terms.idf) / np.exp(terms.idf).sum())
    kernel = network.convolutions[0]
    padded = np.pad(cells[0], ((0, 2), (0, 1)))  # query terms to 4, and `same` pads below and to the right
    images = [
        sum(weight[0, i, j] * padded[i : i + 4, j : j + 8] for i in (0, 1) for j in (0, 1)) + bias
        for weight, bias in zip(kernel.weight.detach().numpy(), kernel.bias.detach().numpy(), strict=True)
    ]
    strongest = np.maximum(np.max(images, axis=0), 0)
    assert signals[0, :3, 2:4] == pytest.approx(np.sort(strongest, axis=-1)[:3, :-3:-1], abs=1e-6)
    assert not signals[:, 3].any()  # there is no fourth term


@pytest.mark.parametrize("kind", ["drmm", "pacrr"])
def test_a_query_without_terms_has_finite_scores(kind: Any) -> None:
    design, scorer, cells = make_random(kind)
    nothing = QueryTerms(np.empty(0, np.int32), np.empty(0, np.float32))
    scores = score_query(scorer, design, nothing, cells[:, :0], np.zeros((6, 0), np.float32))
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) == 1
    if kind == "drmm":
        assert scores[0] == 0  # a sum over no terms


def test_word_pieces_are_those_of_the_tokenizer_whole_and_in_order(tmp_path: Path) -> None:
    model = resolve_model(str(tiny_models.make_bi_encoder(tmp_path / "base")))
    texts = ["w3 w1 w3", "", "w1 " * 100]  # the model itself reads 64
    (tmp_path / "pieces").mkdir()
    assert write_word_pieces(texts, model, tmp_path / "pieces") == 103
    pieces = WordPieces.open(tmp_path / "pieces")
    first = len(tiny_models.SPECIAL)
    assert [pieces[row].tolist() for row in range(3)] == [[first + 3, first + 1, first + 3], [], [first + 1] * 100]
    assert pieces.text_counts[[first + 1, first + 3, first]].tolist() == [2, 1, 0]


def test_word_vectors_are_the_models_of_unit_length(tmp_path: Path) -> None:
    from transformers import BertModel

    folder = tiny_models.make_bi_encoder(tmp_path / "base")
    rows = BertModel.from_pretrained(tmp_path / "base" / "bare").get_input_embeddings().weight.detach().numpy()
    vectors = read_unit_vectors(resolve_model(str(folder)))
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    assert vectors == pytest.approx(rows / np.where(norms > 0, norms, 1), abs=1e-6)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    base = tiny_models.make_bi_encoder(tmp_path / "base")
    with pytest.raises(ModelError, match="is no interaction model"):
        InteractionFiles.open(base, "base")
    folder = tiny_models.make_interaction(tmp_path / "made", str(base))
    assert InteractionFiles.open(folder, "made").design == InteractionDesign("drmm", 5)
