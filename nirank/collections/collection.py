"""Collection: what systems are compared on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import and_
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import Dates, date_key, dated, dates_of
from nirank.collections.findings import Finding
from nirank.collections.metadata import as_id
from nirank.collections.texts import Texts
from nirank.collections.twins import twin_groups
from nirank.errors import ConfigError, suggest
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope

SelfMatch = Literal["keep", "id"] | Mapping[Literal["key"], str]
Time = Literal["all", "as_of_query"]


@dataclass(frozen=True, eq=False)
class Collection:
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
    unit        what is found and judged: documents for a 'query', or a 'pair' of records; the queries are then all
                records of the side that asks
    self_match  what to do with the query's own document: 'keep' it (default), take out the
                document with the query's 'id', or the one that a metadata key names, {'key': …}
    date        metadata key of both sides' dates; None: found by its name (date, year …), if there is one
    time        'all' documents, or those dated before the query ('as_of_query'); undated ones stay
    group       collections of one group get a row with the mean over them; None: none
    measures    asked for here instead of the experiment's; empty: the experiment's
    findings    of the audit
    origin      where it came from, for the manifest: source, files, digests, counts
    another     opens another split of the same source, as it was loaded; None: there is no source
    """

    name: str
    docs: Texts
    queries: Texts
    qrels: Mapping[str, Qrels] = field(default_factory=dict)
    split: str | None = None
    candidates: Pairs | None = None
    known: Pairs | None = None
    relation: Literal["two_sided", "self"] = "two_sided"
    unit: Literal["query", "pair"] = "query"
    self_match: SelfMatch = "keep"
    date: str | None = None
    time: Time = "all"
    group: str | None = None
    measures: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    another: Callable[[str], Collection] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        docs: Mapping[Any, Any],
        queries: Mapping[Any, Any],
        qrels: Mapping[Any, Mapping[Any, int]] | None = None,
        *,
        name: str = "collection",
        split: str | None = None,
        min_rel: int = 1,
        self_match: SelfMatch = "keep",
        candidates: Mapping[Any, Iterable[Any]] | None = None,
        known: Mapping[Any, Iterable[Any]] | None = None,
        date: str | None = None,
        time: Time = "all",
        max_dangling: float = 0.05,
        check: bool = True,
    ) -> Collection:
        """Make a collection in memory; it is checked and audited as one that is loaded.

        docs, queries      {id: text}, or {id: {title, text, metadata, …}}: other keys are metadata, as in files;
                           records with neither title nor text are rows of a table, whose columns are all text
        qrels              {query id: {document id: label}}
        candidates, known  {query id: document ids}
        Ids that are numbers become text and are counted. Other options are those of `load`.
        Raises DataError for what is no text, id or label, and for findings that are errors, unless `check` is False.
        """
        from nirank.collections.in_memory import judgements_in_memory, pairs_in_memory, texts_in_memory
        from nirank.collections.joining import Contents, check_rules, joined

        check_rules(min_rel, self_match, max_dangling, time, None)
        pool, had = (
            None if of is None else pairs_in_memory(of, f"{name}: {what}")
            for what, of in (("candidates", candidates), ("known", known))
        )
        contents = Contents(
            texts_in_memory(docs, f"{name}: documents"),
            texts_in_memory(queries, f"{name}: queries"),
            {} if qrels is None else {"qrels": (judgements_in_memory(qrels, f"{name}: judgements"), min_rel)},
            pool,
            had,
            origin={"source": "memory"},
        )
        rules = {"self_match": self_match, "date": date, "time": time}
        return joined(name, split, contents, rules, max_dangling=max_dangling, check=check)

    def __repr__(self) -> str:
        split = f"/{self.split}" if self.split else ""
        if self.unit == "pair":
            alone = self.relation == "self"
            sides = f"{len(self.docs)} records" + ("" if alone else f" × {len(self.queries)}")
            counts = {name: one.count_unordered() if alone else len(one) for name, one in self.qrels.items()}
            pairs = ", ".join(f"{name}: {n} labels" for name, n in counts.items()) or "no pairs"
            return f"<Collection {self.name}{split}: {sides}, {pairs}>"
        judged = ", ".join(repr(one) for one in self.qrels.values()) or "no judgements"
        return f"<Collection {self.name}{split}: {len(self.docs)} documents, {len(self.queries)} queries, {judged}>"

    def own_documents(self) -> NDArray[np.int64] | None:
        """Return each query's own document row, -1 where it has none; None under 'keep'."""
        if self.self_match == "keep":
            return None
        if self.self_match == "id":
            return self.docs.ids.find_rows(list(self.queries.ids))
        key = self.self_match["key"]
        known = self.queries.readable.keys
        if key not in known:
            raise ConfigError(
                f"{self.name}: self_match names metadata key '{key}', which no query has; they have"
                f" {', '.join(known) or 'no metadata'}{suggest(key, known)}"
            )
        named = list(self.queries.metadata(key))
        return self.docs.ids.find_rows(["" if value is None else as_id(value) for value in named])

    @cached_property
    def twin_groups(self) -> NDArray[np.int64]:
        """For each document the first one with the same text, (n_docs,) int64."""
        return twin_groups(np.asarray(self.docs.fingerprints))

    @cached_property
    def doc_dates(self) -> Dates | None:
        """The documents' dates; None if they have none."""
        return self._dates(self.docs)

    @cached_property
    def query_dates(self) -> Dates | None:
        """The queries' dates; None if they have none."""
        return self._dates(self.queries)

    def _dates(self, texts: Texts) -> Dates | None:
        key = self.date if self.date is not None else date_key(texts)
        return None if key is None else dates_of(texts, key)

    def scopes(self) -> dict[str, Scope]:
        """Return what restricts retrieval here, by name: candidates, known and own documents, dates."""
        found: dict[str, Scope] = {}
        queries, docs = self.queries.ids, self.docs.ids
        if self.candidates is not None:
            found["candidates"] = Scope(queries, docs, pairs=self.candidates)
        if self.known is not None:
            found["documents known before"] = Scope(queries, docs, excluded=self.known)
        own = self.own_documents()
        if own is not None:
            found["own documents"] = Scope(queries, docs, own_rows=own)
        if self.time == "as_of_query" and self.doc_dates is not None and self.query_dates is not None:
            rule = dated(self.doc_dates, self.query_dates, "before", None, "keep")
            found["documents before the query"] = Scope(queries, docs, ranges=(rule,))
        return found

    @cached_property
    def scope(self) -> Scope | None:
        """All of it together; None: nothing restricts retrieval."""
        return reduce(and_, self.scopes().values()) if self.scopes() else None

    def take(self, query_rows: NDArray[np.integer]) -> Collection:
        """Return the same collection with some of its queries. Of one table, these are then the other side."""
        queries = self.queries.take(query_rows, self.queries.readable)  # a fold has the fields of the whole
        candidates, known = (
            None if pairs is None else pairs.take(query_rows, queries.ids) for pairs in (self.candidates, self.known)
        )
        qrels = {name: one.take(query_rows, queries.ids) for name, one in self.qrels.items()}
        origin = dict(self.origin)
        if known is not None:
            origin["conventions"] = {**origin.get("conventions", {}), "known": known_sentence(len(known))}
        whole = np.array_equal(query_rows, np.arange(len(self.queries)))
        taken = replace(self, queries=queries, qrels=qrels, candidates=candidates, known=known, origin=origin)
        return taken if whole else replace(taken, relation="two_sided")

    def sample(self, n: int) -> Collection:
        """Keep n queries, chosen by hash of id, so that the same ones are kept everywhere."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ConfigError(f"{self.name}: a sample has 1 or more queries, got {n!r}")
        hashes = [hashlib.blake2b(id.encode(), digest_size=8).digest() for id in self.queries.ids]
        chosen = sorted(range(len(hashes)), key=hashes.__getitem__)[:n]
        taken = self.take(np.array(sorted(chosen), np.int64))
        said = {"sample": f"{len(taken.queries):,} of {len(self.queries):,}, chosen by hash of id"}
        return replace(taken, origin={**taken.origin, "conventions": {**taken.origin.get("conventions", {}), **said}})


def known_sentence(pairs: int, judged: int | None = None) -> str:
    """Say what was taken out because it was known before."""
    counted = "" if judged is None else f", {judged:,} of them judged"
    return f"{pairs:,} pairs taken out of results and judgements{counted}"
