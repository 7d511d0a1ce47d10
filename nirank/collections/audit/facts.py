"""What only reading the files of a collection shows, for the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nirank.collections.importer import ImportFacts
from nirank.collections.texts import Texts
from nirank.flow.judgement_files import QrelsFile


@dataclass(frozen=True)
class JudgementFacts:
    """What reading judgements and joining them with the queries showed.

    repeated   identical judgement rows that were dropped
    topics     queries of all splits
    judged     distinct query ids in the judgements
    shared     how many of those are queries
    outside    up to three of those that are not
    line_ends  'lf', 'crlf', 'mixed' or 'none'
    form       as in QrelsFile
    header     whether there was one
    mirrored   pairs of one table that were listed in both orders
    absent     the judgements whose query or document is not there
    """

    repeated: int = 0
    topics: int = 0
    judged: int = 0
    shared: int = 0
    outside: tuple[str, ...] = ()
    line_ends: str = "none"
    form: str = "memory"
    header: bool = False
    mirrored: int = 0
    absent: QrelsFile | None = None


@dataclass(frozen=True)
class CandidateFacts:
    """What reading candidates and joining them with both sides showed.

    listed          distinct pairs in the file
    repeated        repeats that were dropped
    unknown_docs    pairs whose document the corpus lacks, dropped; a few as (query, document)
    unknown_topics  query ids that no split has
    line_ends       as in JudgedFacts
    """

    listed: int = 0
    repeated: int = 0
    unknown_docs: int = 0
    unknown_topics: int = 0
    examples: tuple[str, ...] = ()
    line_ends: str = "none"


@dataclass(frozen=True)
class AuditFacts:
    """What only reading the files shows; a collection made in memory has none of it.

    docs, queries  what the importer saw
    judged         by judgement set
    candidates     None where there are none
    all_queries    of all splits
    other_splits   the judgements of the other splits
    """

    docs: ImportFacts | None = None
    queries: ImportFacts | None = None
    judged: Mapping[str, JudgementFacts] = field(default_factory=dict)
    candidates: CandidateFacts | None = None
    all_queries: Texts | None = None
    other_splits: Mapping[str, QrelsFile] = field(default_factory=dict)
