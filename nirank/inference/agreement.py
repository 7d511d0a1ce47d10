"""Whether a model's answers in a faster precision agree with those in float32: on which texts, and how closely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Answers = NDArray[np.float32]  # (n, d): vectors, or all scores as one row

MIN_COSINE = 0.9995  # between a row in a faster precision and in float32

# What is tried: short and long, prose and lists, several scripts; nothing of any collection.
SAMPLE = (
    "wine",
    "How long does it take to learn the violin?",
    "The committee adopted the regulation on the transport of dangerous goods by rail on 3 May 1995.",
    "Effect of low-dose aspirin on cardiovascular events: a randomised, double-blind, placebo-controlled trial.",
    "BM25(q, d) = sum over t of idf(t) · tf / (tf + k1 · (1 - b + b · |d| / avgdl))",
    "cheap flights berlin lisbon october",
    "Der Ausschuss nahm die Verordnung an, nachdem er die Stellungnahme des Parlaments geprüft hatte.",
    "委员会通过了关于危险货物运输的条例。",
    "Комитет принял постановление о перевозке опасных грузов.",
    "A man was walking along the shore at low tide when he saw, half buried in the sand, a bottle of green glass. "
    "It was stopped with wax, and there was something white inside. He sat down on a rock and turned it in his hands, "
    "thinking of the sea that had carried it, of the ships that it had passed, and of whoever had let it go.",
    " ".join(
        f"Item {number}: {word}, {number * 7} pieces." for number, word in enumerate(["nails", "screws", "bolts"] * 20)
    ),
    "The results show no difference between the groups in the primary outcome. " * 30,
)


def compute_cosines(first: Answers, second: Answers) -> NDArray[np.float64]:
    """Return the cosines between rows, (n,); two rows of zeros have 1."""
    products = (first.astype(np.float64) * second).sum(1)
    norms = np.linalg.norm(first.astype(np.float64), axis=1) * np.linalg.norm(second.astype(np.float64), axis=1)
    cosines: NDArray[np.float64] = np.asarray(~first.any(1) & ~second.any(1), np.float64)
    np.divide(products, norms, out=cosines, where=norms > 0)
    return cosines


def compute_min_cosine(first: Answers, second: Answers) -> float:
    """Return the least cosine between rows; 1 where there are none."""
    return float(compute_cosines(first, second).min(initial=1.0))


def centre_scores(scores: NDArray[np.float32]) -> Answers:
    """Return scores as one row around their mean: the cosine of two such rows is Pearson's correlation."""
    centred: Answers = (scores - scores.mean())[None, :]
    return centred
