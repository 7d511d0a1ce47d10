"""Rank documents that cite what the query cites."""

from __future__ import annotations

from nirank.algebra.stage import stage
from nirank.stages._cited import CitedRetriever


@stage
class Coupling(CitedRetriever):
    """Rank documents by how much of what they cite the query cites too: bibliographic coupling.

    score(d) = |C(q) ∩ C(d)| / √(|C(q)| · |C(d)|), C(x) the documents that x cites. Documents whose date the
    query may not see do not count, so that under `time: as_of_query` later laws neither appear nor have a say.
    """

    name = "coupling"
    source = "Kessler, American Documentation 14(1), 1963; cosine form"
    measure = "couple"
