"""Rank documents that are cited together with what the query cites."""

from __future__ import annotations

from nirank.algebra.stage import stage
from nirank.stages._cited import CitedRetriever


@stage
class CoCitation(CitedRetriever):
    """Rank documents by how often others cite them together with what the query cites.

    score(d) = mean over the documents c that the query cites of |Z(c) ∩ Z(d)| / √(|Z(c)| · |Z(d)|), Z(x) the documents
    that cite x. Documents whose date the query may not see have no say: under `time: as_of_query` later laws neither
    appear nor count. What the query cites itself is ranked too. Queries without citations find nothing.
    """

    name = "co_citation"
    source = "Small, JASIS 24(4), 1973; cosine form"
    measure = "co_cite"
