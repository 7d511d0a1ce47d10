"""Soups: the weights of trained models averaged, and the mean measured where the recipe asks for it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import MODEL, ModelKind
from nirank.inference.models import ModelFiles, resolve_model
from nirank.training import soups, weights
from nirank.training.watched_lists import WatchedLists

if TYPE_CHECKING:
    from nirank.training.models import Soup

State = dict[str, Any]
_MOST_TERMS = 1_000_000  # more than any vocabulary has


def build_soup(
    folders: Sequence[Path], soup: Soup, start: Path | None, watched: WatchedLists | None, folder: Path, ctx: Context
) -> None:
    """Write the soup of some trained models into `folder/model`, and what went into it into `soup.json`.

    folders  of the models' artifacts
    start    of the artifact that they started from, where that was made too
    """
    models = [artifact / MODEL for artifact in folders]
    weights.check_comparable(models, [artifact.title for artifact in soup.of])
    states: list[Callable[[], State]] = [partial(weights.read_state, artifact) for artifact in models]
    log: list[Any] = []
    if soup.how == "greedy":
        assert watched is not None
        measure = partial(_measure_state, like=models[0], kind=soup.kind, watched=watched, ctx=ctx)
        state, ingredients, steps = soups.average_greedily(states, measure, tie=soup.tie)
        log = [step._asdict() for step in steps]
    else:
        state, ingredients = soups.average_uniformly(states), tuple(range(len(models)))
    if soup.how == "wise":
        start_folder = resolve_model(soup.base_name).path if start is None else start / MODEL
        weights.check_comparable([models[0], start_folder], [soup.of[0].title, "what it started from"])
        state = soups.interpolate_states(_cast_start(weights.read_state(start_folder), state), state, soup.alpha)
    weights.write_state(state, models[0], folder / MODEL)
    description = {"how": soup.how, "ingredients": [soup.of[at].title for at in ingredients], "log": log}
    (folder / "soup.json").write_text(json.dumps(description, indent=1) + "\n")
    ctx.declare("soup", {"how": soup.how, "models": len(models), "ingredients": list(ingredients)})


def _cast_start(start: State, trained: State) -> State:
    """Return a start's weights in the types of what was made of it, which may be finer than those of its files.

    Positions and the like are left out: whole numbers that older libraries saved with a model and newer ones do not.
    """
    relevant = {name: tensor for name, tensor in start.items() if name in trained or tensor.is_floating_point()}
    return {name: tensor.to(trained[name].dtype) if name in trained else tensor for name, tensor in relevant.items()}


def score_watched(kind: ModelKind, model: ModelFiles, watched: WatchedLists, ctx: Context) -> NDArray[np.floating]:
    """Return a model's scores of the watched pairs, (n_pairs,), as its stage would give them."""
    from nirank.inference.encoder import Encoding, encode, read_vectors
    from nirank.inference.pair_scores import PairScoring, score_pairs
    from nirank.inference.similarity import compute_norms, normalise
    from nirank.inference.sparse import SparseEncoding, encode_sparse
    from nirank.inference.vector_pairs import score_vector_pairs

    if kind == "cross_encoder":
        return score_pairs(watched.queries, watched.docs, watched.at, PairScoring(model), ctx)
    vectors: list[Any] = []
    for texts, side in ((watched.queries, "query"), (watched.docs, "document")):
        with tempfile.TemporaryDirectory(prefix="nirank-watched-") as name:
            place = Path(name)
            if kind == "bi_encoder":
                encode(texts, len(texts), Encoding(model, model.get_prompt(side)), place, ctx)
                vectors.append(np.array(read_vectors(place)[0], np.float32))
            else:
                encoding = SparseEncoding(model, "query" if side == "query" else "document")
                encode_sparse(texts, len(texts), encoding, place, ctx)
                vectors.append(_read_matrix(place, len(texts)))
    queries, docs = vectors
    if kind == "sparse_encoder":
        return np.asarray(queries[watched.at[:, 0]].multiply(docs[watched.at[:, 1]]).sum(axis=1)).ravel()
    if model.similarity == "cosine":
        queries = normalise(queries, compute_norms(queries))
    return score_vector_pairs(queries, docs, watched.at[:, 0], watched.at[:, 1], model.similarity)


def _read_matrix(folder: Path, n: int) -> Any:
    from scipy.sparse import csr_matrix

    offsets, terms, values = (np.load(folder / f"{name}.npy") for name in ("offsets", "terms", "weights"))
    return csr_matrix((values, terms, offsets), shape=(n, _MOST_TERMS))


def _measure_state(state: State, *, like: Path, kind: ModelKind, watched: WatchedLists, ctx: Context) -> float:
    with tempfile.TemporaryDirectory(prefix="nirank-soup-") as name:
        weights.write_state(state, like, Path(name) / MODEL)
        model = resolve_model(str(Path(name) / MODEL))
        return watched.measure_scores(score_watched(kind, model, watched, Context(device=ctx.device)))
