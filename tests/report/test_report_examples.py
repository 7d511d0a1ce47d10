"""The reports that other tests look at are of one piece."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from report_examples import make_report
from report_worlds import write_details

from nirank.report.table import make_grids


@pytest.mark.parametrize("hostile", [False, True])
def test_rows_are_the_means_of_the_queries(hostile: bool) -> None:
    report = make_report(4, 30, hostile, n_seeds=3, n_failed=1, n_collections=2)
    for queries in report.query_sets:
        for row in report.rows:
            if row.collection == queries.collection and row.status == "ok" and not row.seeds:
                for measure, value in row.measures.items():
                    assert np.mean(queries.values[row.system][measure]) == pytest.approx(value)
    assert len(make_grids(report.rows, report.measures)) == 3


def test_details_are_scripts_of_one_call(tmp_path: Path) -> None:
    write_details(tmp_path, 4, 30, hostile=True)
    (queries,) = make_report(4, 30, hostile=True).query_sets
    assert queries.folder is not None
    text = (tmp_path / "details" / queries.folder / "lists-0001.js").read_text()
    called = ast.literal_eval(text.removeprefix("nirankDetails").removesuffix(";\n"))
    assert called[0] == f"{queries.folder}/lists-0001"
    content = json.loads(called[1])
    assert [query["id"] for query in content["queries"]] == list(queries.ids[20:30])
    listed = {
        document
        for query in content["queries"]
        for ranked in query["lists"].values()
        for document in ranked["documents"]
    }
    assert listed <= set(content["documents"])
