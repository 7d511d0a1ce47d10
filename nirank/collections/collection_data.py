"""The data of a collection: what systems are compared on, and what restricts their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import Dates, find_date_key, get_dates, make_date_range
from nirank.collections.metadata_values import as_id
from nirank.collections.texts import Texts
from nirank.collections.twins import group_twins
from nirank.errors import ConfigError, suggest
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope

SelfMatch = Literal["keep", "id"] | Mapping[Literal["key"], str]
Time = Literal["all", "as_of_query"]


@dataclass(frozen=True, eq=False)
class CollectionData:
    """Documents, the declared queries of one split, judgements, and the rules that go with them.

    name        as rows and run files show it
    split       of the queries; None where the collection has no splits
    docs        the corpus
    queries     the declared queries, only those
    qrels       named judgement sets over the two sides; empty: ranked, not measured
    candidates  the documents that each query may be given; None: all
    known       the documents that each query has had before, such as the seeds of a review or what an earlier
                round judged: never returned, and not in `qrels` either; None: none
    relation    'two_sided', or 'self' when the queries are the corpus: both are the same records in the same order
    unit        what is retrieved and judged: documents for a 'query', or a 'pair' of records; the queries are then all
                records of the side that asks
    both_ask    of two tables: the documents ask too, and are given queries; a pair counts once, whoever asked for it
    self_match  what to do with the query's own document: 'keep' it (default), take out the
                document with the query's 'id', or the one that a metadata key names, {'key': …}
    date        metadata key of both sides' dates; None: found by its name (date, year …), if there is one
    time        'all' documents, or those dated before the query ('as_of_query'); undated ones stay
    group       collections of one group get a row with the mean over them; None: none
    measures    asked for here instead of the experiment's; empty: the experiment's
    origin      where it came from, for the manifest: source, files, digests, counts
    """

    name: str
    docs: Texts
    queries: Texts
    qrels: Mapping[str, Qrels] = field(default_factory=dict)
    split: str | None = None
    candidates: Pairs | None = None
    known: Pairs | None = None
    known_qrels: Mapping[str, Qrels] = field(default_factory=dict)
    relation: Literal["two_sided", "self"] = "two_sided"
    unit: Literal["query", "pair"] = "query"
    both_ask: bool = False
    self_match: SelfMatch = "keep"
    date: str | None = None
    time: Time = "all"
    group: str | None = None
    measures: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_asking(self) -> int:
        """How many ask: the queries, and the documents where they ask too."""
        return len(self.queries) + (len(self.docs) if self.both_ask else 0)

    def find_own_documents(self) -> NDArray[np.int64] | None:
        """Return each query's own document row, -1 where it has none; None under 'keep'."""
        if self.self_match == "keep":
            return None
        if self.self_match == "id":
            return self.docs.ids.find_rows(list(self.queries.ids))
        key = self.self_match["key"]
        known = self.queries.text_fields.keys
        if key not in known:
            raise ConfigError(
                f"{self.name}: self_match names metadata key '{key}', which no query has; they have"
                f" {', '.join(known) or 'no metadata'}{suggest(key, known)}"
            )
        values = list(self.queries.read_metadata(key))
        return self.docs.ids.find_rows(["" if value is None else as_id(value) for value in values])

    @cached_property
    def twin_groups(self) -> NDArray[np.int64]:
        """For each document the first one with the same text, (n_docs,) int64."""
        return group_twins(np.asarray(self.docs.fingerprints))

    @cached_property
    def doc_dates(self) -> Dates | None:
        """The documents' dates; None if they have none."""
        return self._find_dates(self.docs)

    @cached_property
    def query_dates(self) -> Dates | None:
        """The queries' dates; None if they have none."""
        return self._find_dates(self.queries)

    def _find_dates(self, texts: Texts) -> Dates | None:
        key = self.date if self.date is not None else find_date_key(texts)
        return None if key is None else get_dates(texts, key)

    def build_scopes(self) -> dict[str, Scope]:
        """Return what restricts retrieval here, by name: candidates, known and own documents, dates."""
        scopes: dict[str, Scope] = {}
        queries, docs = self.queries.ids, self.docs.ids
        if self.candidates is not None:
            scopes["candidates"] = Scope(queries, docs, pairs=self.candidates)
        if self.known is not None:
            scopes["documents known before"] = Scope(queries, docs, excluded=self.known)
        own_documents = self.find_own_documents()
        if own_documents is not None:
            scopes["own documents"] = Scope(queries, docs, own_rows=own_documents)
        if self.time == "as_of_query" and self.doc_dates is not None and self.query_dates is not None:
            rule = make_date_range(self.doc_dates, self.query_dates, "before", None, "keep")
            scopes["documents before the query"] = Scope(queries, docs, ranges=(rule,))
        return scopes

    @cached_property
    def scope(self) -> Scope | None:
        """All scopes together; None: nothing restricts retrieval."""
        scopes = self.build_scopes()
        return reduce(and_, scopes.values()) if scopes else None
