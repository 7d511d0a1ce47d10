"""Interaction models in folders, and the scores that they give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.collections.dates import find_date_keys, get_dates
from nirank.collections.texts import Texts
from nirank.errors import ModelError
from nirank.flow.ranking import Ranking
from nirank.inference.interactions import InteractionDesign, Interactions, QueryTerms
from nirank.inference.mixture import Mixture

if TYPE_CHECKING:
    from nirank.inference.interaction_networks import Batch, MixedScorer

DESIGN_FILE, WEIGHTS_FILE = "interaction.json", "interaction.safetensors"
_DAYS = 365.25  # of a year
_BLOCK_DOCS = 256  # of a list whose interactions are in memory at a time
_BATCH_PAIRS = {"drmm": 1024, "pacrr": 16}  # scored at a time


@dataclass(frozen=True)
class InteractionFiles:
    """What a folder says of an interaction model.

    base           whose word pieces and vectors it reads, as the trainer named it; `base_content`: what that was then
    depth          how many documents of each list it was trained to order
    """

    design: InteractionDesign
    base: str
    base_content: Mapping[str, str]
    depth: int
    mixture: Mixture

    @classmethod
    def open(cls, folder: Path, name: str) -> InteractionFiles:
        """Read a folder; raise ModelError where there is no such model."""
        path = folder / DESIGN_FILE
        if not path.is_file():
            raise ModelError(
                f"model '{name}': is no interaction model, it has no {DESIGN_FILE}; expected one that was trained with"
                " kind: drmm or pacrr"
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            design = InteractionDesign.from_json(values["design"])
            return cls(design, values["base"], values["base_content"], int(values["depth"]), Mixture.open(folder))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"model '{name}': {DESIGN_FILE} cannot be read ({error})") from None

    def save(self, network: MixedScorer, folder: Path) -> None:
        """Write design, weights and mixture."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        design: dict[str, Any] = {
            "design": self.design.to_json(),
            "base": self.base,
            "base_content": dict(self.base_content),
            "depth": self.depth,
        }
        (folder / DESIGN_FILE).write_text(json.dumps(design, indent=1) + "\n", encoding="utf-8")
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        save_file(weights, str(folder / WEIGHTS_FILE))
        self.mixture.save(folder)

    def load_network(self, folder: Path, device: str) -> MixedScorer:
        """Return the network, ready to score."""
        from safetensors.torch import load_file

        from nirank.inference.interaction_networks import MixedScorer

        network = MixedScorer(self.design)
        network.load_state_dict(load_file(str(folder / WEIGHTS_FILE)))
        network.to(device).eval()
        return network


def read_years(
    key: str | None, queries: Texts, docs: Texts, q: NDArray[np.integer], d: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return what a network reads of the dates of pairs: (n, 2), or (n, 0) without a key.

    ln(1 + years between the first days of both), 0 where a date is unknown; and 1 where one is.
    """
    if key is None:
        return np.zeros((len(q), 0), np.float32)
    doc_key, query_key = find_date_keys(key, queries, docs, "interaction")
    doc_dates, query_dates = get_dates(docs, doc_key), get_dates(queries, query_key)
    unknown = doc_dates.undated[d] | query_dates.undated[q]
    days = np.abs(doc_dates.first[d].astype(np.int64) - query_dates.first[q])
    return np.column_stack((np.log1p(np.where(unknown, 0, days) / _DAYS), unknown)).astype(np.float32)


def score_lists(
    network: MixedScorer,
    interactions: Interactions,
    ranking: Ranking,
    queries: Texts,
    docs: Texts,
    device: str,
    ctx: Context,
) -> NDArray[np.float32]:
    """Return the network's own score, s_r, of every pair of a ranking, (n_pairs,); counts queries without terms."""
    scores, design = np.zeros(len(ranking), np.float32), interactions.design
    rows_with_docs = np.flatnonzero(ranking.counts).tolist()
    for query in ctx.track(rows_with_docs, len(rows_with_docs), "scoring lists"):
        terms = interactions.read_terms(query)
        ctx.count("queries_without_terms", not len(terms.pieces))
        start, end = ranking.offsets[query : query + 2].tolist()
        for first in range(start, end, _BLOCK_DOCS):
            part = slice(first, min(first + _BLOCK_DOCS, end))
            rows = np.asarray(ranking.rows[part], np.int64)
            cells = interactions.read_cells(terms, rows, ctx)
            years = read_years(design.date_key, queries, docs, np.full(len(rows), query), rows)
            scores[part] = score_query(network, design, terms, cells, years, device)
    return scores


def make_batch(
    design: InteractionDesign,
    terms: QueryTerms,
    cells: NDArray[np.floating],
    years: NDArray[np.float32],
    device: str = "cpu",
) -> Batch:
    """Return the pairs of one query as tensors, filled up with terms that are none."""
    import torch

    from nirank.inference.interaction_networks import Batch

    n, n_terms = len(cells), len(terms.pieces)
    padded = np.zeros((n, design.query_terms, design.width), np.float32)
    padded[:, :n_terms] = cells
    idf = np.zeros((n, design.query_terms), np.float32)
    idf[:, :n_terms] = terms.idf
    known = np.zeros((n, design.query_terms), np.bool_)
    known[:, :n_terms] = True
    return Batch(*(torch.from_numpy(values).to(device) for values in (padded, idf, known, years)))


def score_query(
    network: MixedScorer,
    design: InteractionDesign,
    terms: QueryTerms,
    cells: NDArray[np.floating],
    years: NDArray[np.float32],
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Return the network's own score, s_r, of one query's documents, (n_docs,)."""
    import torch

    scores = np.zeros(len(cells), np.float32)
    step = _BATCH_PAIRS[design.kind]
    with torch.inference_mode():
        for first in range(0, len(cells), step):
            part = slice(first, first + step)
            batch = make_batch(design, terms, cells[part], years[part], device)
            scores[part] = network.network(batch).cpu().numpy()
    return scores
