"""Collection: what systems are compared on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.auditor import audit_collection
from nirank.collections.collection_data import CollectionData, SelfMatch, Time
from nirank.collections.contents import Contents, describe_known, join_contents
from nirank.collections.findings import Finding, raise_errors
from nirank.collections.mappings import judgements_from_mapping, pairs_from_mapping, texts_from_mapping
from nirank.collections.row_ranges import RowRanges
from nirank.collections.rules import check_data, check_rules
from nirank.collections.works import WorkRule
from nirank.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Collection(CollectionData):
    """The data of a collection, audited: documents, the declared queries of one split, judgements, rules.

    findings    of the audit
    open_split  opens another split of the same source, as this one was loaded; None: there is no source
    """

    findings: tuple[Finding, ...] = ()
    open_split: Callable[[str], Collection] | None = field(default=None, repr=False)

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
        works: str | Mapping[str, str] | None = None,
        max_dangling: float = 0.05,
        ranges: int | None = None,
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
        check_rules(min_rel, self_match, max_dangling, time, None, ranges)
        candidate_pairs, known_pairs = (
            None if listed is None else pairs_from_mapping(listed, f"{name}: {what}")
            for what, listed in (("candidates", candidates), ("known", known))
        )
        contents = Contents(
            texts_from_mapping(docs, f"{name}: documents"),
            texts_from_mapping(queries, f"{name}: queries"),
            {} if qrels is None else {"qrels": (judgements_from_mapping(qrels, f"{name}: judgements"), min_rel)},
            candidate_pairs,
            known_pairs,
            origin={"source": "memory"},
            works=None if works is None else WorkRule.of(works),
        )
        if ranges is not None:
            texts = contents.docs[0]
            texts.ranges = RowRanges.compute(texts, ranges).take_from(texts)
        rules = {"self_match": self_match, "date": date, "time": time}
        return cls.join(name, split, contents, rules, max_dangling=max_dangling, check=check)

    @classmethod
    def join(
        cls,
        name: str,
        split: str | None,
        contents: Contents,
        rules: Mapping[str, Any],
        *,
        max_dangling: float = 0.05,
        expect: Mapping[str, int | str] | None = None,
        findings: Sequence[Finding] = (),
        check: bool = True,
        open_split: Callable[[str], Collection] | None = None,
    ) -> Collection:
        """Join what was read of a source, audit it, and refuse what cannot be trusted.

        rules     fields of the collection: self_match, date, time, group, measures, unit, relation
        findings  of the source itself
        check     whether findings that are errors are raised
        """
        data, facts = join_contents(name, split, contents, rules)
        check_data(data, expect or {})
        findings = (*audit_collection(data, facts, max_dangling=max_dangling), *findings)
        if check:
            raise_errors(findings)
        values = {each.name: getattr(data, each.name) for each in fields(CollectionData)}
        return cls(**values, findings=findings, open_split=open_split)

    def __repr__(self) -> str:
        split = f"/{self.split}" if self.split else ""
        if self.unit == "pair":
            one_table = self.relation == "self"
            sides = f"{len(self.docs)} records" + ("" if one_table else f" × {len(self.queries)}")
            counts = {name: qrels.count_unordered() if one_table else len(qrels) for name, qrels in self.qrels.items()}
            pairs = ", ".join(f"{name}: {n} labels" for name, n in counts.items()) or "no pairs"
            return f"<Collection {self.name}{split}: {sides}, {pairs}>"
        judged = ", ".join(map(repr, self.qrels.values())) or "no judgements"
        return f"<Collection {self.name}{split}: {len(self.docs)} documents, {len(self.queries)} queries, {judged}>"

    def take(self, query_rows: NDArray[np.integer]) -> Collection:
        """Return the same collection with some of its queries. Of one table, these are then the other side.

        Of two tables that both ask, these ask alone.
        """
        queries = self.queries.take(query_rows, self.queries.text_fields)  # a fold has the fields of all queries
        candidates, known = (
            None if pairs is None else pairs.take(query_rows, queries.ids) for pairs in (self.candidates, self.known)
        )
        qrels = {name: judged.take(query_rows, queries.ids) for name, judged in self.qrels.items()}
        origin = dict(self.origin)
        if known is not None:
            origin["conventions"] = {**origin.get("conventions", {}), "known": describe_known(len(known))}
        part = replace(self, queries=queries, qrels=qrels, candidates=candidates, known=known, origin=origin)
        part = replace(
            part, known_qrels={name: judged.take(query_rows, queries.ids) for name, judged in self.known_qrels.items()}
        )
        has_all_queries = np.array_equal(query_rows, np.arange(len(self.queries)))
        return part if has_all_queries else replace(part, relation="two_sided", both_ask=False)

    def sample(self, n: int) -> Collection:
        """Keep n queries, chosen by hash of id, so that the same ones are kept everywhere."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ConfigError(f"{self.name}: a sample has 1 or more queries, got {n!r}")
        hashes = [hashlib.blake2b(id.encode(), digest_size=8).digest() for id in self.queries.ids]
        chosen = sorted(range(len(hashes)), key=hashes.__getitem__)[:n]
        part = self.take(np.array(sorted(chosen), np.int64))
        sample = f"{len(part.queries):,} of {len(self.queries):,}, chosen by hash of id"
        conventions = {**part.origin.get("conventions", {}), "sample": sample}
        return replace(part, both_ask=self.both_ask, origin={**part.origin, "conventions": conventions})
