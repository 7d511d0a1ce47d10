"""Rankings in Parquet, for ids that a TREC file cannot hold; ranks that nobody asked for are not read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank import BM25, Experiment
from nirank.collections.collection import Collection
from nirank.errors import DataError
from nirank.experiment.run_files import evaluate_runs
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.flow.trec import read_run, write_run
from nirank.stages.run import RunFile

STRANGE = ["a b", "tab\there", "line\nbreak", " ", "\ufeffx", "ü"]


def test_any_id_comes_back(tmp_path: Path) -> None:
    ids = Ids.of(STRANGE)
    ranking = Ranking.from_dict({id: {doc: 1 / (at + 3) for at, doc in enumerate(STRANGE)} for id in STRANGE}, ids, ids)
    write_run(ranking, tmp_path / "x.run.parquet")
    file = read_run(tmp_path / "x.run.parquet", ids, ids)
    assert file.ranking.rows.tolist() == ranking.rows.tolist()
    assert file.ranking.scores.tolist() == ranking.scores.tolist()
    assert file.tag == "x" and file.rank_score_conflicts == 0


def test_results_with_blanks_in_ids_are_written_and_read_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    docs = {"doc one": "apples and pears", "doc two": "bread"}
    collection = Collection.of(docs, {"q 1": "apples", "q 2": "bread"}, {"q 1": {"doc one": 1}, "q 2": {"doc two": 1}})
    result = Experiment(collection, {"BM25": BM25()}, measures=["RR"]).run()
    result.save(tmp_path / "out")
    table = tmp_path / "out" / "runs" / "collection" / "BM25.run.parquet"
    assert table.exists() and "written to runs/collection/BM25.run.parquet instead" in caplog.text
    of_table = Experiment(collection, {"file": RunFile(path=str(table))}, measures=["RR"]).run()
    assert [row.measures["RR"] for row in of_table.rows] == [1.0]
    pq.write_table(
        pa.table({"query-id": ["q 1", "q 2"], "corpus-id": ["doc one", "doc two"], "score": [1, 1]}),
        tmp_path / "gold.parquet",
    )
    assert evaluate_runs(tmp_path / "gold.parquet", [table], ["RR"]).rows[0].measures["RR"] == 1.0


@pytest.mark.parametrize("rank", ["1.0", "first", "-"])
def test_ranks_are_not_read_unless_asked_for(rank: str, tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text(f"q Q0 d {rank} 2.5 t\nq Q0 e 2 1.5 t\n")
    file = read_run(path)
    assert file.ranking.scores.tolist() == [2.5, 1.5] and file.rank_score_conflicts == 0
    if rank == "1.0":
        assert read_run(path, order_by="rank").ranking.scores.tolist() == [2.0, 1.0]
    else:
        with pytest.raises(DataError, match="order_by: rank needs ranks"):
            read_run(path, order_by="rank")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"query": ["q"], "score": [1.0]}, "has no column 'document'; it has query, score"),
        ({"query": ["q"], "document": ["d"], "score": ["x"]}, "column 'score' holds no numbers"),
        ({"query": ["q"], "document": ["d"], "score": [float("nan")]}, r":1: query 'q', document 'd' has score nan"),
        ({"query": ["q"], "document": [None], "score": [1.0]}, "1 rows have no document"),
        ({"query": [["q"]], "document": ["d"], "score": [1.0]}, "column 'query' holds lists"),
    ],
)
def test_tables_that_are_no_run(columns: dict[str, list[object]], message: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=message):
        read_run(tmp_path / "x.parquet")
