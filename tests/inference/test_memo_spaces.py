"""What a value depends on beside its texts is in its memo's space: with a memo as without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from variants import VARIANTS, configure_plain

from nirank.algebra.context import Context
from nirank.inference import models
from nirank.inference.encoder import Encoding, encode
from nirank.inference.late import TokenEncoding, maxsim
from nirank.inference.pair_scores import PairScoring, score_pairs
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.store import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TEXTS = [" ".join(f"w{(row * 7 + at) % 50}" for at in range(30)) for row in range(3)]
PAIRS = np.argwhere(np.ones((3, 3)))
Compute = Callable[[Any, Path, Context], np.ndarray]


def encode_dense(how: Encoding, folder: Path, context: Context) -> np.ndarray:
    encode(TEXTS, 3, how, folder, context)
    return np.array(np.load(folder / "vectors.npy"), np.float32)


def encode_terms(how: SparseEncoding, folder: Path, context: Context) -> np.ndarray:
    encode_sparse(TEXTS, 3, how, folder, context)
    return np.concatenate([np.load(folder / f"{name}.npy").astype(np.float64) for name in ("offsets", "weights")])


def score_late(how: TokenEncoding, folder: Path, context: Context) -> np.ndarray:
    return maxsim(TEXTS, TEXTS, PAIRS, how, context)


def score_texts(how: PairScoring, folder: Path, context: Context) -> np.ndarray:
    return score_pairs(TEXTS, TEXTS, PAIRS, how, context)


def _resolve_files(folder: Path, make: Callable[[Path], Path]) -> models.ModelFiles:
    folder.mkdir(exist_ok=True)
    return models.resolve_model(str(make(folder)))


def _make_wide(folder: Path) -> Path:
    return tiny_models.make_cross_encoder(folder, 3)


def _make_sided(folder: Path) -> Path:
    """Make a sparse encoder with a prompt for each side."""
    from sentence_transformers import SparseEncoder

    (folder / "masked").mkdir()
    prompts = {"query": "w70 w71 ", "document": "w72 "}
    SparseEncoder(str(tiny_models.make_splade(folder / "masked")), prompts=prompts).save_pretrained(
        str(folder / "made")
    )
    return folder / "made"


CASES: dict[str, tuple[Compute, Callable[[Path], Any], dict[str, Any]]] = {
    "dense": (
        encode_dense,
        lambda folder: Encoding(_resolve_files(folder, VARIANTS["routes"]), side="query"),
        {"prompt": "w9 ", "max_length": 9, "pooling": "cls", "normalise": False, "precision": "bfloat16",
         "side": "document"},
    ),
    "sparse": (
        encode_terms,
        lambda folder: SparseEncoding(_resolve_files(folder, _make_sided), "query"),
        {"side": "document", "max_length": 9, "max_terms": 4, "precision": "bfloat16"},
    ),
    "late": (
        score_late,
        lambda folder: TokenEncoding(_resolve_files(folder, tiny_models.make_bi_encoder)),
        {"max_length": 9, "query_length": 7, "precision": "bfloat16"},
    ),
    "pairs": (
        score_texts,
        lambda folder: PairScoring(_resolve_files(folder, _make_wide), label=0),
        {"prompt": "w9 ", "max_length": 20, "label": 1, "precision": "bfloat16"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "option"), [(kind, option) for kind, (*_, changes) in CASES.items() for option in changes]
)
def test_every_option_has_a_space_of_its_own(kind: str, option: str, tmp_path: Path) -> None:
    compute, make, changes = CASES[kind]
    how = make(tmp_path / "m")
    changed = replace(how, **{option: changes[option]})

    def answer(encoding: Any, store: LocalStore, name: str) -> np.ndarray:
        (tmp_path / name).mkdir()
        return compute(encoding, tmp_path / name, Context(device="cpu", open_memo=store.open_memo))

    before = answer(how, LocalStore(tmp_path / "shared"), "a")
    after = answer(changed, LocalStore(tmp_path / "shared"), "b")
    fresh = answer(changed, LocalStore(tmp_path / "fresh"), "c")
    assert before.shape != fresh.shape or np.abs(before - fresh).max() > 1e-4, "the option does something"
    assert after.shape == fresh.shape
    assert np.abs(after - fresh).max() < 1e-5


@pytest.mark.parametrize("kind", ["dense", "late"])
def test_a_model_that_is_configured_otherwise_has_a_space_of_its_own(kind: str, tmp_path: Path) -> None:
    """Truncation, prompts and lengths of the model's own: its files' digest covers them."""
    compute = CASES[kind][0]
    changed = {
        "prompts": configure_plain(prompts={"query": "w40 ", "document": "w41 "}),
        "length": configure_plain("sentence_bert_config.json", max_seq_length=9),
    }
    store = LocalStore(tmp_path / "store")
    earlier: list[np.ndarray] = []
    for name, maker in {"plain": tiny_models.make_bi_encoder, **changed}.items():
        files = models.resolve_model(str(maker(tmp_path / name)))
        how: Any = Encoding(files, files.get_prompt("query")) if kind == "dense" else TokenEncoding(files)
        (tmp_path / f"{name} out").mkdir()
        values = compute(how, tmp_path / f"{name} out", Context(device="cpu", open_memo=store.open_memo))
        assert all(np.abs(values - values_before).max() > 1e-4 for values_before in earlier), name
        earlier.append(values)
