"""Parts as the source numbers them, and what becomes of them behind other maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nirank.algebra.application import fold
from nirank.algebra.context import Context
from nirank.algebra.stage import Retriever, stage
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.experiment.experiment import Experiment
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.first_words import FirstWords
from nirank.stages.parts import Parts
from nirank.stages.windows import Windows
from nirank.store import LocalStore

LAW = {
    "title": "Water Act",
    "text": "Article 1 Permits\nA permit is needed.\x1e\nArticle 2 Fees\nA fee is due.",
    "metadata": {"date": "2001", "parts": ["art_1", "art_2"]},
}
DOCS: dict[str, Any] = {"law": LAW, "plain": {"text": "no parts", "metadata": {"date": "2002"}}, "bare": "x\x1e\ny"}


@stage
class Words(Retriever):
    """Score a text by how many words it shares with the query."""

    name = "words"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        asked = [set(text.lower().split()) for text in queries.columns["text"].to_pylist()]
        said = [set(text.lower().split()) for text in ctx.docs.columns["text"].to_pylist()]  # type: ignore[union-attr]
        scores = np.array([[len(words & other) for other in said] for words in asked], float)
        q, d = np.nonzero(scores)
        return Ranking.build(queries.ids, scope.docs, q, d, scores[q, d], source=self.name, depth=k)


def split(records: dict[str, Any]) -> tuple[Texts, Context]:
    ctx = Context()
    return Parts().map(Texts.of(records), None, ctx), ctx


def test_parts_have_the_source_s_names() -> None:
    parts, ctx = split(DOCS)
    assert list(parts.ids) == ["law#art_1", "law#art_2", "plain#0", "bare#0"]
    assert [parts[row]["text"] for row in range(4)] == [
        "Article 1 Permits\nA permit is needed.",
        "Article 2 Fees\nA fee is due.",
        "no parts",
        "x\x1e\ny",
    ]
    assert [parts[row]["title"] for row in (0, 1)] == ["Water Act"] * 2
    assert [parts[row]["metadata"] for row in range(4)] == [{"date": "2001"}, {"date": "2001"}, {"date": "2002"}, {}]
    assert parts.parents is not None
    assert parts.parents.tolist() == [0, 0, 1, 2]
    assert ctx.counts == {"without_parts": 2}


def test_passages_of_a_law_do_not_repeat_what_is_of_the_whole() -> None:
    more = {**LAW["metadata"], "provisions": 2, "notes": ["long"], "cites": ["32000L0060"], "work": "w"}
    record = {"text": "no law", "metadata": {"notes": ["kept"], "cites": ["kept"]}}
    texts = Texts.of({"law": {**LAW, "metadata": more}, "record": record})
    for made in (Parts().map(texts, None, Context()), Windows(4).map(texts, None, Context())):
        assert made[0]["metadata"] == {"date": "2001", "work": "w"}
        assert made[len(made) - 1]["metadata"] == record["metadata"]
    described = Windows(4).describe_texts(texts.text_fields)
    assert set(described.keys) == {"date", "work"}


def test_what_a_map_has_taken_away_is_counted() -> None:
    texts = FirstWords(100).map(Texts.of(DOCS), None, Context())
    ctx = Context()
    parts = Parts().map(texts, None, ctx)
    assert list(parts.ids) == ["law#0", "plain#0", "bare#0"]
    assert ctx.counts == {"parts_lost": 1, "without_parts": 2}


def test_marks_are_blanks_to_what_compares_texts() -> None:
    marked, plain = Texts.of({"a": LAW}), Texts.of({"a": {**LAW, "text": LAW["text"].replace("\x1e", "")}})
    assert marked.fingerprints.tolist() == plain.fingerprints.tolist()


def test_evidence_names_the_part_that_was_found(tmp_path: Path) -> None:
    collection = Collection.of(DOCS, {"q": "fee due"}, {"q": {"law": 1}})
    result = Experiment(collection, {"Parts": fold(Parts(), Words())}, ["RR"], store=LocalStore(tmp_path)).run()
    (row,) = result.rows
    assert row.measures["RR"] == 1.0
    assert result.evidence("Parts")["part_id"].iloc[0] == "law#art_2"
