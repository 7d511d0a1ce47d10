"""Records ranked for a question, before anybody has judged one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.feedback.policy import Rows
from nirank.records.record import BibliographicRecord

if TYPE_CHECKING:
    from nirank.plan.reporter import Reporter

_SYSTEM, _QUESTION = "ranking", "question"


@dataclass(frozen=True)
class RecordRanking:
    """All records of a file, best first.

    order   every row once, (n,)
    scores  of each record by row, (n,); 0 where nothing speaks for it
    """

    order: Rows
    scores: NDArray[np.float64]


def rank_by_question(
    records: Sequence[BibliographicRecord], question: str, model: str = "", reporter: Reporter | None = None
) -> RecordRanking:
    """Rank records by BM25 of title, abstract and keywords; with a model, fused with its vectors by reciprocal ranks.

    Records with equal scores stand in the file's order; those without title and abstract, of which a ranking knows
    nothing, stand last. Raises ConfigError where the question is blank or the model cannot be used.
    """
    from nirank.collections.collection import Collection
    from nirank.experiment.experiment import Experiment
    from nirank.stages.bm25 import BM25
    from nirank.stages.dense import Dense
    from nirank.stages.rrf import rrf

    if not question.strip():
        raise ConfigError("--question: is blank; expected what the review asks, in a sentence or its main words")
    scores = np.zeros(len(records))
    blank = find_blank(records)
    if not blank.all():
        docs = {str(row): {"title": record.title, "text": join_text(record)} for row, record in enumerate(records)}
        collection = Collection.of(docs, {_QUESTION: question}, name=_SYSTEM, check=False)
        system = rrf(BM25(), Dense(model)) if model else BM25()
        with forbid_downloads() if model else nullcontext():
            # A screening measure has lists ranked whole.
            result = Experiment([collection], {_SYSTEM: system}, ["last_rel"]).run(reporter)
        if result.rows[0].status != "ok":
            raise ConfigError(f"the records cannot be ranked: {result.rows[0].error}")
        ranking = result.ranking(_SYSTEM)
        rows = [int(id) for id in ranking.docs.take_arrow(ranking.rows).to_pylist()]
        scores[rows] = ranking.scores
    scores[blank] = 0.0
    return RecordRanking(np.lexsort((np.arange(len(records)), -scores, blank)).astype(np.int64), scores)


@contextmanager
def forbid_downloads() -> Iterator[None]:
    """Take models from this machine alone: what a reviewer screens with must be there, and stay as it is."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def join_text(record: BibliographicRecord) -> str:
    """Return what is ranked beside the title: abstract and keywords."""
    return "\n".join(part for part in (record.abstract, "; ".join(record.keywords)) if part.strip())


def find_blank(records: Sequence[BibliographicRecord]) -> NDArray[np.bool_]:
    """Return which records have neither title nor abstract, (n,)."""
    return np.array([not (record.title.strip() or record.abstract.strip()) for record in records], dtype=np.bool_)
