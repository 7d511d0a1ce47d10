"""A generation in a process of its own, which can be killed: `python writing_process.py URL STORE DOCUMENTS`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from planned import Planned

from nirank.algebra.node import Job, Node
from nirank.collections.collection import Collection
from nirank.synthesis.endpoint_generator import EndpointGenerator
from nirank.synthesis.generation import compile_queries
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs

CONCURRENCY = 3


def select_all(job: Job) -> None:
    n = len(job.get_input("docs"))
    SelectedDocs(np.arange(n), np.zeros(n, np.int64), np.array([n])).save(job.folder)


def write(url: str, store: Path, n: int) -> QueryTable:
    """Have queries written for so many documents."""
    docs = {f"d{i}": f"document number {i}" for i in range(n)}
    planned = Planned.of(Collection.of(docs, {"q": "x"}, {"q": {"d0": 1}}), store)
    selected = Node("writing_process:select_all", 1, {}, (("docs", planned.sides.docs),))
    generator = EndpointGenerator(url, "m", concurrency=CONCURRENCY)
    return QueryTable.open(planned.run(compile_queries(generator, selected, planned.sides)))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
