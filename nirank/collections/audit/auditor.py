"""Audit: what is wrong or odd about a collection, as values, before any number is computed."""

from __future__ import annotations

from dataclasses import replace

from nirank.collections.audit.dates import audit_dates
from nirank.collections.audit.facts import AuditFacts
from nirank.collections.audit.giveaways import audit_giveaways
from nirank.collections.audit.judgement_sets import audit_judgement_sets
from nirank.collections.audit.judgements import (
    audit_candidates,
    audit_judgement_form,
    audit_judgements,
    audit_missing_judgements,
)
from nirank.collections.audit.laws import audit_laws
from nirank.collections.audit.own_documents import audit_own_documents
from nirank.collections.audit.record_pairs import audit_record_pairs
from nirank.collections.audit.sides import audit_repeated_queries, audit_side
from nirank.collections.audit.splits import audit_splits
from nirank.collections.audit.twins import audit_twins
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import Finding


def audit_collection(
    collection: CollectionData, facts: AuditFacts | None = None, *, max_dangling: float = 0.05
) -> tuple[Finding, ...]:
    """Return what is wrong or odd about a collection; nothing is raised and nothing is changed.

    max_dangling  the part of all relevant judgements (and of the candidates) that may name
                  documents which the corpus lacks; more is an error
    """
    facts = facts or AuditFacts()
    by_pair = collection.unit == "pair"
    findings = (
        _audit_pair_collection(collection, facts, max_dangling)
        if by_pair
        else _audit_query_collection(collection, facts, max_dangling)
    )
    return tuple(replace(finding, message=f"{collection.name}: {finding.message}") for finding in findings)


def _audit_query_collection(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> list[Finding]:
    return [
        *audit_side(collection.docs, "documents", facts.docs),
        *audit_side(collection.queries, "queries", facts.queries),
        *audit_laws(collection.docs, "documents", facts.docs),
        *audit_laws(collection.queries, "queries", facts.queries),
        *audit_repeated_queries(collection.queries),
        *audit_twins(collection),
        *audit_judgements(collection, facts, max_dangling),
        *audit_judgement_sets(collection),
        *audit_candidates(collection, facts.candidates, max_dangling),
        *audit_splits(collection, facts),
        *audit_own_documents(collection),
        *audit_dates(collection),
    ]


def _audit_pair_collection(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> list[Finding]:
    """Audit tables of records: what is said of queries without judgements, or of a query's text, says nothing here."""
    sides = [("documents", collection.docs, facts.docs), ("queries", collection.queries, facts.queries)]
    return [
        *(
            finding
            for what, texts, side_facts in sides[: 1 if collection.relation == "self" else 2]
            for finding in audit_side(texts, what, side_facts, may_be_blank=True)
        ),
        *audit_missing_judgements(collection),
        *(finding for name, side_facts in facts.judged.items() for finding in audit_judgement_form(name, side_facts)),
        *audit_record_pairs(collection, facts, max_dangling),
        *audit_giveaways(collection, facts),
        *(audit_dates(collection) if collection.time == "as_of_query" else ()),
    ]
