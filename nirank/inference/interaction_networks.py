"""DRMM and PACRR as networks; imported by whoever runs one, since torch is needed at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nirank.inference.interactions import BINS, InteractionDesign

_HIDDEN = 5  # outputs of DRMM's first layer (Guo et al., CIKM 2016)
_DENSE = 32  # outputs of PACRR's dense layers (Hui et al., EMNLP 2017)


class Batch(NamedTuple):
    """Pairs as the networks read them.

    cells  (n, query_terms, width)
    idf    (n, query_terms), 0 where a query has no more terms
    known  (n, query_terms) bool: whether there is a term
    years  (n, 2): ln(1 + years between the two dates), 1 where one of them is unknown; (n, 0) where none are read
    """

    cells: Tensor
    idf: Tensor
    known: Tensor
    years: Tensor


class MixedScorer(nn.Module):  # type: ignore[misc]
    """A network, and the two weights with which its score and the pre-fetcher's are mixed."""

    def __init__(self, design: InteractionDesign) -> None:
        super().__init__()
        self.network: nn.Module = DRMM(design) if design.kind == "drmm" else PACRR(design)
        self.weights = nn.Parameter(torch.ones(2))

    def forward(self, batch: Batch, s_p: Tensor) -> Tensor:
        """Return the relevance of pairs, (n,)."""
        mixed: Tensor = self.weights[0] * self.network(batch) + self.weights[1] * s_p
        return mixed


class DRMM(nn.Module):  # type: ignore[misc]
    """Score = Σ over terms gate × z(histogram): z two layers of tanh, gates softmax(w · idf).

    Guo, Fan, Ai and Croft, CIKM 2016, section 3: log-count histograms, term gates by idf.
    """

    def __init__(self, design: InteractionDesign) -> None:
        super().__init__()
        self.first = nn.Linear(BINS, _HIDDEN)
        self.second = nn.Linear(_HIDDEN, 1)
        self.gate = nn.Linear(1, 1, bias=False)
        self.years = nn.Linear(2, 1, bias=False) if design.date_key else None

    def forward(self, batch: Batch) -> Tensor:
        z = torch.tanh(self.second(torch.tanh(self.first(batch.cells)))).squeeze(-1)
        gates = _softmax_known(self.gate(batch.idf.unsqueeze(-1)).squeeze(-1), batch.known)
        score: Tensor = (gates * z).sum(-1)
        return score if self.years is None else score + self.years(batch.years).squeeze(-1)


class PACRR(nn.Module):  # type: ignore[misc]
    """Dense layers over the k greatest signals of every query term, at each n-gram size, and softmax(idf).

    Signals are the cosines themselves and, for each n from 2, the greatest of n × n convolutions at each place.
    Hui, Yates, Berberich and de Melo, EMNLP 2017, section 3, with dense layers in place of the recurrent one.
    """

    def __init__(self, design: InteractionDesign) -> None:
        super().__init__()
        self.k_max = min(design.k_max, design.doc_terms)
        sizes = range(2, design.ngrams + 1)
        self.convolutions = nn.ModuleList(nn.Conv2d(1, design.filters, size) for size in sizes)
        n_signals = self.k_max * (1 + len(self.convolutions)) + 1
        inputs = n_signals * design.query_terms + (2 if design.date_key else 0)
        self.dense = nn.Sequential(
            nn.Linear(inputs, _DENSE), nn.ReLU(), nn.Linear(_DENSE, _DENSE), nn.ReLU(), nn.Linear(_DENSE, 1)
        )

    def forward(self, batch: Batch) -> Tensor:
        layers = [batch.cells]
        image = batch.cells.unsqueeze(1)
        for convolution in self.convolutions:
            beyond = convolution.kernel_size[0] - 1  # the last place of a filter is the last term
            layers.append(torch.relu(convolution(nn.functional.pad(image, (0, beyond, 0, beyond)))).amax(1))
        signals = [layer.topk(self.k_max, dim=-1).values * batch.known.unsqueeze(-1) for layer in layers]
        idf = _softmax_known(batch.idf, batch.known).unsqueeze(-1)
        read = torch.cat((torch.cat((*signals, idf), -1).flatten(1), batch.years), -1)
        score: Tensor = self.dense(read).squeeze(-1)
        return score


def _softmax_known(values: Tensor, known: Tensor) -> Tensor:
    """Return the softmax over what is known; zeros where nothing is."""
    weights = torch.softmax(values.masked_fill(~known, -1e9), -1)
    return weights * known
