"""Run files: nothing is lost on the way, and what contradicts itself is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError, DataError, StageError
from nirank.evaluation.evaluate import evaluate
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.trec import read_run, write_run


def write_lines(folder: Path, *lines: str, name: str = "a.run") -> Path:
    path = folder / name
    path.write_bytes("".join(line + "\n" for line in lines).encode())
    return path


@pytest.mark.parametrize("name", ["a.run", "a.run.gz"])
def test_trap_02_scores_come_back_as_the_same_numbers(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=1000).astype(np.float32)
    run = {"q": {f"d{i}": float(score) for i, score in enumerate(scores)}}
    ranking = Ranking.from_dict(run)
    single = ranking.rescore(ranking.scores.astype(np.float32), source="test")
    write_run(single, tmp_path / name, "my tag")
    run_file = read_run(tmp_path / name, ranking.queries, ranking.docs)
    assert run_file.ranking == ranking
    assert run_file.tag == "my_tag"
    qrels = Qrels.from_dict({"q": {f"d{i}": 1 for i in range(0, 1000, 7)}}, ranking.queries, ranking.docs)
    assert evaluate(run_file.ranking, qrels, ["nDCG@10"]).means == evaluate(single, qrels, ["nDCG@10"]).means


ids = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=8)


@given(
    st.dictionaries(ids, st.dictionaries(ids, st.floats(allow_nan=False, allow_infinity=False), min_size=1), min_size=1)
)
@settings(max_examples=60, deadline=None)
def test_any_ranking_survives_a_file(
    tmp_path_factory: pytest.TempPathFactory, run: dict[str, dict[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "a.run"
    ranking = Ranking.from_dict(run)
    write_run(ranking, path)
    assert read_run(path, ranking.queries, ranking.docs).ranking == ranking
    assert read_run(path).ranking.to_dict() == ranking.to_dict()


def test_the_same_ranking_gives_the_same_bytes(tmp_path: Path) -> None:
    ranking = Ranking.from_dict({"q": {"a": 0.1, "b": 1e-7}})
    for name in ("one.run.gz", "two.run.gz"):
        write_run(ranking, tmp_path / name)
    assert (tmp_path / "one.run.gz").read_bytes() == (tmp_path / "two.run.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.run.gz").read_bytes()) == b"q Q0 a 1 0.1 nirank\nq Q0 b 2 1e-7 nirank\n"


def test_trap_03_rank_score_and_line_order(tmp_path: Path) -> None:
    path = write_lines(tmp_path, "q Q0 a 1 1.0 t", "q Q0 b 2 2.0 t")
    run_file = read_run(path)
    assert list(run_file.ranking.to_dict()["q"]) == ["b", "a"]
    assert run_file.rank_score_conflicts == 1
    for order in ("rank", "line"):
        assert list(read_run(path, order_by=order).ranking.to_dict()["q"]) == ["a", "b"]  # type: ignore[arg-type]
    assert read_run(write_lines(tmp_path, "q Q0 a 2 9 t", "q Q0 b 1 5 t")).rank_score_conflicts == 1
    agreeing = write_lines(tmp_path, "q Q0 a 1 2 t", "q Q0 c 2 1 t", "q Q0 b 3 1 t")
    assert read_run(agreeing).rank_score_conflicts == 0


def test_trap_10_a_run_with_nan_is_refused(tmp_path: Path) -> None:
    for score in ("nan", "inf", "-inf"):
        with pytest.raises(DataError, match=r"a\.run:2: query 'q', document 'b'"):
            read_run(write_lines(tmp_path, "q Q0 a 1 1 t", f"q Q0 b 2 {score} t"))


NAMES = ["01", "1", "007", "1e3", "NA", "null", "x" * 60, "ü", "#x", '"quoted"', "None", "12345678901234567"]


def test_trap_12_ids_stay_what_they_are(tmp_path: Path) -> None:
    ranking = Ranking.from_dict({name: {name: 1.0} for name in NAMES})
    write_run(ranking, tmp_path / "a.run")
    read_ranking = read_run(tmp_path / "a.run").ranking
    assert read_ranking.to_dict() == ranking.to_dict()
    qrels = Qrels.from_dict({name: {name: 1} for name in NAMES}, read_ranking.queries, read_ranking.docs)
    assert evaluate(read_ranking, qrels, ["nDCG@10"]).means == {"nDCG@10": 1.0}
    with pytest.raises(StageError, match="'doc 7' contains whitespace"):
        write_run(Ranking.from_dict({"q": {"doc 7": 1.0}}), tmp_path / "b.run")
    assert not (tmp_path / "b.run").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbfq Q0 a 1 1.5 t\n",
        b"q Q0 a 1 1.5 t\r\n",
        b"q\tQ0\ta\t1\t1.5\tt\n",
        b"q  Q0   a 1  1.5 t \n",
        b"q Q0 a 1 1.5 t",
        b"q Q0 a 1 1.5 t ",
        b"q Q0 a 1 1.5 t\r",
        b"\nq Q0 a 1 1.5 t\n\n",
    ],
)
def test_forms_of_files_that_mean_the_same(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.run").write_bytes(raw)
    assert read_run(tmp_path / "a.run").ranking.to_dict() == {"q": {"a": 1.5}}


def test_trap_14_repeated_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path, "q Q0 a 1 9 t", "q Q0 b 2 5 t", "q Q0 a 3 1 t")
    with pytest.raises(DataError, match=r"a\.run:1 and :3: query 'q' has document 'a' twice"):
        read_run(path)
    best = read_run(path, duplicates="best")
    assert best.ranking.to_dict() == {"q": {"a": 9.0, "b": 5.0}}
    assert best.duplicate_run_rows == 1
    qrels = Qrels.from_dict({"q": {"a": 1}}, best.ranking.queries, best.ranking.docs)
    assert evaluate(best.ranking, qrels, ["AP"]).means == {"AP": 1.0}
    worse_first = write_lines(tmp_path, "q Q0 a 1 1 t", "q Q0 a 2 9 t")
    assert read_run(worse_first, duplicates="first").ranking.to_dict() == {"q": {"a": 1.0}}
    assert read_run(worse_first, duplicates="best").ranking.to_dict() == {"q": {"a": 9.0}}
    identical = read_run(write_lines(tmp_path, "q Q0 a 1 1 t", "q Q0 a 1 1 t"))
    assert (identical.ranking.to_dict(), identical.duplicate_run_rows) == ({"q": {"a": 1.0}}, 1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["q Q0 a 1 1.0"], "a.run:1: 5 columns; expected 6"),
        (["q Q0 a 1 1 t", "q Q0 b c 2 1 t"], "a.run:2: 7 columns"),
        (["q Q0 a 1 high t"], "a.run:1: score 'high' is not a number"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(DataError) as error:
        read_run(write_lines(tmp_path, *lines))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"q Q0 a 1 1.5 t\rq Q0 b\r", ":2: 3 columns"),
        (b"q Q0 a 1 1 t\n\n\nq Q0 b 2 nan t\n", "a.run:4: query 'q', document 'b'"),
        (b"\nq Q0 b 2 high t\n", "a.run:2: score 'high'"),
        (b"\n \nq Q0 b 1 first t\n", "a.run:3: score 'first'"),
        (b"\nq Q0 b 1 2 t\n\nq Q0 b 2 1 t\n", "a.run:2 and :4: query 'q'"),
        (b"q Q0 a 1 1 t\nq Q0 \xff 2 1 t\n", "a.run:2: not valid UTF-8 (byte 0xff)"),
    ],
)
def test_lines_are_counted_as_an_editor_does(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "a.run").write_bytes(raw)
    with pytest.raises(DataError) as error:
        read_run(tmp_path / "a.run")
    assert words in str(error.value)


def test_words_for_order_and_duplicates_are_checked(tmp_path: Path) -> None:
    path = write_lines(tmp_path, "q Q0 a 1 1 t", "q Q0 b 2 2 t")
    with pytest.raises(ConfigError, match="order_by is one of score, rank, line, got 'scores'; did you mean 'score'"):
        read_run(path, order_by="scores")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="duplicates is one of refuse, best, first, got 'last'"):
        read_run(path, duplicates="last")  # type: ignore[arg-type]


@pytest.mark.parametrize("id", ["", "a\x0bb", "a\u00a0b", "a\u2003b", "a\x1cb", "a\nb", "\ufeffa"])
def test_trap_12_ids_that_a_run_file_would_change_are_refused(tmp_path: Path, id: str) -> None:
    for run in ({"q": {id: 1.0}}, {id: {"a": 1.0}}):
        with pytest.raises(StageError, match="which a TREC run file cannot hold"):
            write_run(Ranking.from_dict(run), tmp_path / "b.run")


def test_a_file_for_given_sides(tmp_path: Path) -> None:
    queries, docs = Ids.of(["q1", "q2"]), Ids.of(["a", "b"])
    run_file = read_run(write_lines(tmp_path, "q1 Q0 a 1 1 t", "other Q0 zzz 1 1 t"), queries, docs)
    assert run_file.ranking.to_dict() == {"q1": {"a": 1.0}, "q2": {}}
    assert run_file.counts == {"rank_score_conflicts": 0, "duplicate_run_rows": 0, "queries_not_declared": 1}
    with pytest.raises(DataError, match="'aa' in line 1; did you mean 'a'"):
        read_run(write_lines(tmp_path, "q1 Q0 aa 1 1 t"), queries, docs)
    with pytest.raises(DataError, match="none of its queries is declared"):
        read_run(write_lines(tmp_path, "q9 Q0 a 1 1 t"), queries, docs)


def test_empty_and_missing_files(tmp_path: Path) -> None:
    assert len(read_run(write_lines(tmp_path)).ranking) == 0
    empty = Ranking.from_dict({})
    write_run(empty, tmp_path / "b.run.gz")
    assert len(read_run(tmp_path / "b.run.gz").ranking) == 0
    with pytest.raises(DataError, match="cannot be read"):
        read_run(tmp_path / "missing.run")
    (tmp_path / "broken.run.gz").write_bytes(b"\x1f\x8bnot really")
    with pytest.raises(DataError, match="gzip"):
        read_run(tmp_path / "broken.run.gz")


def test_few_ties_among_many_documents_are_broken_by_id() -> None:
    ids = [f"d{at:04}" for at in np.random.default_rng(4).permutation(1000)]
    docs = Ids.of(ids)
    scores = np.arange(1000.0)[::-1].copy()
    scores[500:503] = scores[500]
    ranking = Ranking.build(Ids.of(["q"]), docs, np.zeros(1000, int), np.arange(1000), scores, source="test")
    tied = docs.take(ranking.rows[500:503])
    assert tied == sorted(ids[500:503], reverse=True)
    assert docs.take(ranking.rows[:500]) == ids[:500]
    order = np.lexsort((-docs.rank, -scores))
    assert ranking.rows.tolist() == order.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "query1 Q0 document1 10 1.25 tag\nquery1 Q0 document2 11 1.00 tag\n",
        "query1 Q0  document1 10 1.25 tag\nquery1 Q0 document2 11 1.00 tag\n",
        "query1 Q0 document1 10 1.25 tag \nquery1 Q0 document2 11 1.00 tag",
        "query1 Q0 document1 10 1.25 tag\n\nquery1 Q0 document2 11 1.00 tag\n",
        " query1 Q0 document1 10 1.25 tag\nquery1 Q0 document2 11 1.00 tag\n",
        "query1\tQ0\tdocument1\t10\t1.25\ttag\nquery1\tQ0\tdocument2\t11\t1.00\ttag\n",
        "query1 Q0 document1 10 1.25 tag\rquery1 Q0 document2 11 1.00 tag\r",
        "query1 Q0 document1 10 1.25 tag\r\nquery1 Q0 document2 11 1.00 tag\r\n",
        "\n\ufeffquery1 Q0 document1 10 1.25 tag\nquery1 Q0 document2 11 1.00 tag\n".removeprefix("\n"),
    ],
)
def test_lines_may_be_separated_by_anything_blank(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.run").write_bytes(text.encode())
    run_file = read_run(tmp_path / "a.run")
    assert run_file.ranking.to_dict() == {"query1": {"document1": 1.25, "document2": 1.0}}
    assert run_file.tag == "tag"


def test_whole_numbers_that_floats_cannot_tell_apart_are_counted(tmp_path: Path) -> None:
    lines = ("q Q0 b 1 9007199254740993 t", "q Q0 a 2 9007199254740992 t", "r Q0 c 1 9007199254740992 t")
    large = read_run(write_lines(tmp_path, *lines))
    assert large.counts["ties_past_2_53"] == 1
    small = read_run(
        write_lines(
            tmp_path, "q Q0 b 1 9007199254740991 t", "q Q0 a 2 9007199254740990 t", "q Q0 c 3 1 t", "q Q0 d 4 1 t"
        )
    )
    assert "ties_past_2_53" not in small.counts
