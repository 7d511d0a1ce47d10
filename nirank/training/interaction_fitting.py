"""Fit an interaction network on a pre-fetcher's lists, with the weights that mix its score with the list's."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import MODEL
from nirank.collections.texts import Texts
from nirank.errors import ModelError
from nirank.flow.pairs import concatenate_ranges
from nirank.flow.ranking import Ranking
from nirank.inference.encoder import choose_device
from nirank.inference.interaction_models import InteractionFiles, make_batch, read_years, score_query
from nirank.inference.interactions import Interactions, QueryTerms
from nirank.inference.mixture import Mixture, scale_lists
from nirank.training.interaction_models import InteractionRecipe
from nirank.training.interaction_watch import WatchedInteractions
from nirank.training.mining import MinedRows, look_up_scores
from nirank.training.training_curve import TrainingCurve

if TYPE_CHECKING:
    import torch

    from nirank.inference.interaction_networks import Batch, MixedScorer

log = logging.getLogger("nirank")

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class InteractionFitting:
    """How a network is trained.

    negatives   of each positive in a step; `draws`: drawn anew every epoch, else the first of the list
    depth       of the lists
    base        the name of what the word vectors come from; `base_content`: what it was
    """

    recipe: InteractionRecipe
    negatives: int
    draws: bool
    depth: int
    seed: int
    base: str
    base_content: Mapping[str, str]


def select_retrieved(mined: MinedRows, ranking: Ranking) -> MinedRows:
    """Leave the examples whose positive stands in its query's list, beside a negative; count the others."""
    retrieved = ~np.isnan(look_up_scores(ranking, mined.queries, mined.positives))
    lengths = np.diff(mined.offsets)
    kept = retrieved & (lengths > 0)
    missed = np.setdiff1d(mined.queries, mined.queries[retrieved])
    counts = {name: n for name, n in mined.counts.items() if name != "examples with fewer"}
    return MinedRows(
        mined.queries[kept],
        mined.positives[kept],
        np.concatenate(([0], np.cumsum(lengths[kept]))).astype(np.int64),
        mined.negatives[concatenate_ranges(mined.offsets[:-1][kept], lengths[kept])],
        mined.known,
        {
            **counts,
            "removed: positives not retrieved": int((~retrieved).sum()),
            "queries without a retrieved positive": len(missed),
            "removed: no negative in the list": int((retrieved & (lengths == 0)).sum()),
            "examples": int(kept.sum()),
            "negatives": int(lengths[kept].sum()),
        },
    )


@dataclass(frozen=True, eq=False)
class TrainingLists:
    """The examples: each a positive and the documents of its list that are none.

    prefetched  the list with its scores scaled to [0, 1]
    cells       of drmm, by query: the documents that are read, ascending, and what is read of them
    """

    mined: MinedRows
    prefetched: Ranking
    queries: Texts
    docs: Texts
    interactions: Interactions
    terms: Mapping[int, QueryTerms]
    cells: Mapping[int, tuple[Rows, NDArray[np.floating]]]

    @classmethod
    def of(
        cls, mined: MinedRows, ranking: Ranking, queries: Texts, docs: Texts, interactions: Interactions, ctx: Context
    ) -> Self:
        """Read the terms of all queries, and the histograms of all pairs."""
        scaled = scale_lists(ranking.scores, ranking.offsets)
        prefetched = Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, scaled, ranking.depth)
        rows = np.unique(mined.queries).tolist()
        terms = {query: interactions.read_terms(query) for query in rows}
        lists = cls(mined, prefetched, queries, docs, interactions, terms, {})
        if interactions.design.kind == "pacrr":
            return lists
        cells = {}
        for query in ctx.track(rows, len(rows), "histograms of training lists"):
            read = lists.list_docs(query)
            cells[query] = (read, interactions.read_cells(terms[query], read, ctx))
        return replace(lists, cells=cells)

    def __len__(self) -> int:
        return len(self.mined.queries)

    def get_negatives(self, example: int) -> Rows:
        """Return the documents that may be an example's negatives, as the list has them."""
        return self.mined.negatives[self.mined.offsets[example] : self.mined.offsets[example + 1]]

    def list_docs(self, query: int) -> Rows:
        """Return the documents that examples of a query have, ascending."""
        examples = np.flatnonzero(self.mined.queries == query).tolist()
        negatives = [self.get_negatives(example) for example in examples]
        return np.unique(np.concatenate((self.mined.positives[examples], *negatives)))

    def read_cells(self, query: int, docs: Rows, ctx: Context) -> NDArray[np.floating]:
        """Return what is read of documents of a query."""
        if query not in self.cells:
            return self.interactions.read_cells(self.terms[query], docs, ctx)
        known, cells = self.cells[query]
        return cells[np.searchsorted(known, docs)]

    def read_years(self, query: int, docs: Rows) -> NDArray[np.float32]:
        """Return what is read of the dates."""
        key = self.interactions.design.date_key
        return read_years(key, self.queries, self.docs, np.full(len(docs), query), docs)

    def get_prefetched(self, query: int, docs: Rows) -> NDArray[np.float64]:
        """Return the scaled scores of the pre-fetcher."""
        first, last = self.prefetched.offsets[query : query + 2]
        rows = np.asarray(self.prefetched.rows[first:last], np.int64)
        order = np.argsort(rows)
        return np.asarray(self.prefetched.scores[first:last], np.float64)[
            order[np.searchsorted(rows, docs, sorter=order)]
        ]


def fit_interaction(
    fitting: InteractionFitting, lists: TrainingLists, watched: WatchedInteractions | None, folder: Path, ctx: Context
) -> None:
    """Train a network; write `model/`, `curve.json` and `training.json` into a folder.

    The same seed, threads and machine give the same weights. There are no checkpoints: a training that was killed
    begins anew, and finds its histograms in the memo. Raises ModelError, naming the step, where the loss is no number.
    """
    import torch

    from nirank.inference.interaction_networks import MixedScorer

    began = time.perf_counter()
    design, device = lists.interactions.design, choose_device(ctx.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fitting.seed)
        network = MixedScorer(design).to(device)
    curve = _train(network, fitting, lists, watched, device, ctx)
    network.eval()
    weights = network.weights.detach().cpu().tolist()
    mixture = Mixture.measure(weights[0], weights[1], *_score_lists(network, lists, device, ctx))
    files = InteractionFiles(design, fitting.base, fitting.base_content, fitting.depth, mixture)
    files.save(network, folder / MODEL)
    recipe = asdict(fitting.recipe)
    n_steps, per_epoch = len(curve.steps), -(-len(lists) // fitting.recipe.batch)
    description: dict[str, Any] = {
        "kind": design.kind,
        "base": fitting.base,
        "identity": dict(fitting.base_content),
        "loss": "pairwise hinge",
        "recipe": {**{name: value for name, value in design.to_json().items() if name != "kind"}, **recipe},
        "precision": "float32",
        "max_length": None,
        "query_prompt": "",
        "doc_prompt": "",
        "seed": fitting.seed,
        "examples": len(lists),
        "steps": n_steps,
        "epochs": n_steps / per_epoch,
        "best_step": curve.best[0] if curve.best else None,
        "stopped_early": n_steps < per_epoch * (fitting.recipe.epochs or 0),
        "trainable_parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    measure = None if watched is None else watched.measure
    points = {"measure": measure, "steps": curve.steps, "evaluations": curve.evaluations}
    (folder / "curve.json").write_text(json.dumps(points) + "\n")
    (folder / "training.json").write_text(json.dumps(description, indent=1) + "\n")
    ctx.declare("seconds", round(time.perf_counter() - began, 3))  # not in a file: equal trainings have equal artifacts
    for name in ("steps", "best_step"):
        if description[name] is not None:
            ctx.declare(name, description[name])
    ctx.count("stopped_early", description["stopped_early"])
    ctx.declare("mixture", {**asdict(mixture), "reliance": mixture.reliance})


def _train(
    network: MixedScorer,
    fitting: InteractionFitting,
    lists: TrainingLists,
    watched: WatchedInteractions | None,
    device: str,
    ctx: Context,
) -> TrainingCurve:
    """Train, and leave the weights of the best epoch in the network, where training is watched."""
    import torch

    recipe = fitting.recipe
    assert recipe.epochs is not None and recipe.learning_rate is not None, "resolved when it was planned"
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    steps_per_epoch = -(-len(lists) // recipe.batch)
    n_steps = recipe.epochs * steps_per_epoch
    progress = iter(ctx.track(range(n_steps), n_steps, f"training a network on {len(lists):,} positives"))
    curve = TrainingCurve([], [])
    best: dict[str, torch.Tensor] = {}
    separate = Context(open_memo=ctx.open_memo)  # what watching counts is nothing to the training
    for epoch in range(recipe.epochs):
        random = np.random.default_rng([fitting.seed, epoch])
        order = random.permutation(len(lists))
        for first in range(0, len(order), recipe.batch):
            examples = order[first : first + recipe.batch].tolist()
            sizes, batch, s_p = _read_batch(examples, fitting, lists, random, device, ctx)
            loss = _compute_loss(network(batch, s_p), sizes, recipe.margin)
            step = len(curve.steps) + 1
            curve.steps.append((step, loss.item(), recipe.learning_rate))
            if not math.isfinite(loss.item()):
                raise ModelError(
                    f"training: the loss is {loss.item()} at step {step} of {n_steps}; a lower learning rate may help"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            next(progress, None)
        if watched is None:
            continue
        curve.evaluations.append((len(curve.steps), watched.measure_network(network, device, separate)))
        if curve.best == curve.evaluations[-1]:
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        if watched.patience is not None and curve.evaluations_since_best >= watched.patience:
            break
    for _ in progress:
        pass
    if best:
        network.load_state_dict(best)
    return curve


def _read_batch(
    examples: list[int],
    fitting: InteractionFitting,
    lists: TrainingLists,
    random: np.random.Generator,
    device: str,
    ctx: Context,
) -> tuple[list[int], Batch, torch.Tensor]:
    """Return how many documents each example has, and the pairs of all: a positive before its negatives."""
    import torch

    from nirank.inference.interaction_networks import Batch

    sizes, batches, prefetched = [], [], []
    for example in examples:
        query, pool = int(lists.mined.queries[example]), lists.get_negatives(example)
        chosen = pool[: fitting.negatives]
        if fitting.draws:
            chosen = random.choice(pool, min(fitting.negatives, len(pool)), replace=False)
        docs = np.concatenate((lists.mined.positives[example : example + 1], chosen))
        cells, years = lists.read_cells(query, docs, ctx), lists.read_years(query, docs)
        batches.append(make_batch(lists.interactions.design, lists.terms[query], cells, years, device))
        prefetched.append(lists.get_prefetched(query, docs))
        sizes.append(len(docs))
    batch = Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
    return sizes, batch, torch.tensor(np.concatenate(prefetched), dtype=torch.float32, device=device)


def _compute_loss(relevance: torch.Tensor, sizes: list[int], margin: float) -> torch.Tensor:
    """Return the mean over examples of the mean over negatives of max(0, margin - rel(positive) + rel(negative))."""
    import torch

    parts = relevance.split(sizes)
    return torch.stack([torch.relu(margin - part[0] + part[1:]).mean() for part in parts]).mean()


def _score_lists(
    network: MixedScorer, lists: TrainingLists, device: str, ctx: Context
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return s_r and s_p of all training pairs."""
    parts: list[tuple[NDArray[np.float32], NDArray[np.float64]]] = list(_score_each(network, lists, device, ctx))
    s_r, s_p = (np.concatenate(scores) for scores in zip(*parts, strict=True))
    return s_r.astype(np.float64), s_p


def _score_each(
    network: MixedScorer, lists: TrainingLists, device: str, ctx: Context
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
    design = lists.interactions.design
    for query, terms in lists.terms.items():
        docs = lists.list_docs(query)
        cells, years = lists.read_cells(query, docs, ctx), lists.read_years(query, docs)
        yield score_query(network, design, terms, cells, years, device), lists.get_prefetched(query, docs)
