"""Queries are written for chosen documents, and cleaned, as computations of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planned import Planned

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.collections.collection import Collection
from nirank.plan.execute import FailedNode
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.generation import compile_cleaning, compile_queries
from nirank.synthesis.generator import Generator, Writing
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs

DOCS = {f"d{i}": {"title": f"title {i}", "text": f"text {i}"} for i in range(6)} | {"d6": {"title": "", "text": " "}}
ROWS, CLUSTERS = [4, 2, 6, 0], [0, 0, 1, 2]


def select_docs(job: Job) -> None:
    SelectedDocs(np.array(ROWS), np.array(CLUSTERS), np.array([3, 2, 2])).save(job.folder)


@dataclass(frozen=True)
class Echo(Generator):
    """Repeats a document, but for the one that fails; the third has no query."""

    per_doc: int = 2
    gives: int = 2
    changing: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        return "an echo"

    def describe_identity(self) -> Mapping[str, Any]:
        return {"echo": next(iter_changes) if self.changing else 1}

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        for doc in docs:
            number = doc.split()[-1]
            if number == "0":
                yield []
            elif number == "2":
                yield [Writing("", reason="malformed answer")] * self.gives
            else:
                yield [Writing(f"1. {doc} {i}", -1.5 - i, 4) for i in range(self.gives)]


iter_changes = iter(range(100))


def plan(folder: Path) -> tuple[Planned, Node]:
    planned = Planned.of(Collection.of(DOCS, {"q": "x"}, {"q": {"d0": 1}}), folder)
    return planned, Node(f"{__name__}:select_docs", 1, {}, (("docs", planned.sides.docs),))


def test_every_query_is_kept_with_where_it_comes_from(tmp_path: Path) -> None:
    planned, selected = plan(tmp_path)
    node = compile_queries(Echo(), selected, planned.sides)
    table = QueryTable.open(planned.run(node))
    assert table.docs.tolist() == [4, 4, 2, 2, 6, 0] and table.clusters.tolist() == [0, 0, 0, 0, 1, 2]
    assert table.numbers.tolist() == [0, 1, 0, 1, 0, 0]
    assert list(table.raw) == ["1. title 4 text 4 0", "1. title 4 text 4 1", "", "", "", ""] == list(table.queries)
    assert table.logprobs[:2].tolist() == [-1.5, -2.5] and np.isnan(table.logprobs[2:]).all()
    assert table.tokens.tolist() == [4, 4, 0, 0, 0, 0]
    malformed, blank = "writing: malformed answer", "writing: document without text"
    assert table.reasons == ["", "", malformed, malformed, blank, "writing: no query in the document"]
    declared = planned.describe(node)["declared"]
    assert declared["queries"] == table.counts == {
        "documents": 4, "written": 2, malformed: 2, blank: 1, "writing: no query in the document": 1, "kept": 2,
    }  # fmt: skip
    assert declared["writing"]["tokens"] == 8 and declared["writing"]["seconds"] >= 0


def test_cleaning_follows_and_depends_on_documents_only_where_it_reads_them(tmp_path: Path) -> None:
    planned, selected = plan(tmp_path)
    written = compile_queries(Echo(), selected, planned.sides, ("title",))
    node = compile_cleaning(written, planned.sides.docs, Cleaning())
    table = QueryTable.open(planned.run(node))
    assert list(table.queries[:2]) == ["title 4 0", "title 4 1"] and table.raw[0] == "1. title 4 0"
    assert table.counts["changed by numbering"] == 2 and table.counts["kept"] == 2
    assert [role for role, _ in node.inputs] == ["written"]
    reading = compile_cleaning(written, planned.sides.docs, Cleaning([{"language": "document"}]))
    assert [role for role, _ in reading.inputs] == ["written", "docs"]
    assert QueryTable.open(planned.run(reading)).counts["kept"] == 2
    assert (
        len({compile_cleaning(written, planned.sides.docs, Cleaning(name)).address for name in ("standard", "none")})
        == 2
    )


def test_a_generator_that_breaks_its_word_is_refused(tmp_path: Path) -> None:
    planned, selected = plan(tmp_path)
    with pytest.raises(FailedNode, match="wrote 3 queries; expected 2 at most"):
        planned.run(compile_queries(Echo(gives=3), selected, planned.sides))
    with pytest.raises(FailedNode, match="changed since it was read at planning"):
        planned.run(compile_queries(Echo(changing=(1,)), selected, planned.sides))
