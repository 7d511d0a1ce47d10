"""Audit: what is wrong or odd about a collection, as values, before any number is computed."""

from __future__ import annotations

from dataclasses import replace

from nirank.collections.audit.dates import date_findings
from nirank.collections.audit.facts import AuditFacts
from nirank.collections.audit.giveaways import giveaway_findings
from nirank.collections.audit.judgement_sets import set_findings
from nirank.collections.audit.judgements import candidate_findings, form_findings, judgement_findings, no_judgements
from nirank.collections.audit.own_documents import own_findings
from nirank.collections.audit.record_pairs import pair_findings
from nirank.collections.audit.sides import repeated_queries, side_findings
from nirank.collections.audit.splits import split_findings
from nirank.collections.audit.twins import twin_findings
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import Finding


def audit(
    collection: CollectionData, facts: AuditFacts | None = None, *, max_dangling: float = 0.05
) -> tuple[Finding, ...]:
    """Return what is wrong or odd about a collection; nothing is raised and nothing is changed.

    max_dangling  the part of all relevant judgements (and of the candidates) that may name
                  documents which the corpus lacks; more is an error
    """
    facts = facts or AuditFacts()
    by_pair = collection.unit == "pair"
    found = _of_pairs(collection, facts, max_dangling) if by_pair else _of_queries(collection, facts, max_dangling)
    return tuple(replace(one, message=f"{collection.name}: {one.message}") for one in found)


def _of_queries(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> list[Finding]:
    return [
        *side_findings(collection.docs, "documents", facts.docs),
        *side_findings(collection.queries, "queries", facts.queries),
        *repeated_queries(collection.queries),
        *twin_findings(collection),
        *judgement_findings(collection, facts, max_dangling),
        *set_findings(collection),
        *candidate_findings(collection, facts.candidates, max_dangling),
        *split_findings(collection, facts),
        *own_findings(collection),
        *date_findings(collection),
    ]


def _of_pairs(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> list[Finding]:
    """Audit tables of records: what is said of queries without judgements, or of a query's text, says nothing here."""
    sides = [("documents", collection.docs, facts.docs), ("queries", collection.queries, facts.queries)]
    return [
        *(
            finding
            for what, texts, told in sides[: 1 if collection.relation == "self" else 2]
            for finding in side_findings(texts, what, told)
        ),
        *no_judgements(collection),
        *(one for name, told in facts.judged.items() for one in form_findings(name, told)),
        *pair_findings(collection, facts, max_dangling),
        *giveaway_findings(collection, facts),
        *(date_findings(collection) if collection.time == "as_of_query" else ()),
    ]
