"""Systems that give candidate pairs without order: rows, losses, files, tuning, from YAML to the table."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from nirank import BM25, Collection, Experiment, Judged, Result, load, tune
from nirank.algebra.pipeline import Pipeline
from nirank.cli.main import main
from nirank.errors import ConfigError
from nirank.evaluation.pair_measures import count_pairs
from nirank.experiment.seeds import average_seeds
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import read_pairs
from nirank.flow.pair_files import write_pairs
from nirank.flow.pairs import Pairs
from nirank.results.row import PairFacts, Row
from nirank.stages.cut import Cut
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import open_store

DOCS = {"a1": "canon powershot sx10", "a2": "sony bravia 40 tv", "a3": "nikon coolpix", "a4": "sony walkman"}
QUERIES = {"b1": "canon sx10 camera", "b2": "bravia tv sony", "b3": "coolpix nikon", "b4": "zzz"}
MATCHES = {"b1": {"a1": 1}, "b2": {"a2": 1, "a4": 1}, "b3": {"a3": 1, "a2": 0}, "b4": {"a4": 1}}


TOKENS = TokenBlocking(smoothing=None, ratio=None)


def make_shop(**options: object) -> Collection:
    return Collection.of(DOCS, QUERIES, MATCHES, name="shop", **options)  # type: ignore[arg-type]


def run(tmp_path: Path, measures: list[str], collection: Collection | None = None, **systems: Pipeline) -> Result:
    return Experiment(collection or make_shop(), systems, measures, store=open_store(tmp_path / "store")).run()


def test_pairs_have_a_row_beside_rankings(tmp_path: Path) -> None:
    chain = TOKENS >> BM25() >> Cut(1)
    result = run(tmp_path, ["PC", "PC@1", "candidates", "nDCG@10"], tokens=TOKENS, first=chain)
    pairs, ranking = result.rows
    assert pairs.measures == {"PC": 0.8, "PC@1": None, "candidates": 1.0, "nDCG@10": None}
    assert "candidate pairs without order" in pairs.nulls["PC@1"]
    assert "candidate pairs without order" in pairs.nulls["nDCG@10"]
    assert (pairs.depth, pairs.longest_list) == (None, 2)
    assert pairs.pairs == PairFacts(
        candidates=4,
        per_record=1.0,
        matches=5,
        kept=4,
        lost=1,
        possible=16,
        records=4,
        with_match=4,
        reached=3,
        ordered=False,
    )
    assert ranking.measures["PC"] == ranking.measures["PC@1"] == 0.6
    assert "PC" in pairs.intervals
    assert pairs.groups["PC"]
    assert "PC@1" not in pairs.intervals


def test_the_ledger_counts_lost_matches_step_by_step_and_lists_them(tmp_path: Path) -> None:
    result = run(tmp_path, ["PC"], first=TOKENS >> BM25() >> Cut(1))
    (row,) = result.rows
    assert [(stage.pairs.kept, stage.pairs.lost) for stage in row.stages] == [(4, 1), (4, 1), (3, 2)]
    lost_matches = result.lost("first").to_dict("records")
    (b2_entry,) = [entry for entry in lost_matches if entry["query_id"] == "b2"]
    assert (b2_entry["qrels"], b2_entry["last_in"]) == ("qrels", row.stages[1].stage)
    assert [(entry["query_id"], entry["document_id"]) for entry in lost_matches if not entry["last_in"]] == [
        ("b4", "a4")
    ]
    text = str(result.table(details=True))
    cells = [line.split() for line in text.splitlines() if line.startswith("Cut(1)")]
    assert [cell for line in cells for cell in line[2:]] == ["3", "of", "5", "2", "3", "0.75"]
    assert "first: 3 of 4 records with a match keep one." in text
    with pytest.raises(ConfigError, match="judgement set 'gold' has no lost matches; there are 'qrels'"):
        result.lost("first", qrels="gold")


def test_what_is_lost_is_known_only_where_pairs_are_counted(tmp_path: Path) -> None:
    result = run(tmp_path, ["RR"], BM25=BM25())
    assert result.rows[0].pairs is None
    assert result.rows[0].stages[0].pairs is None
    with pytest.raises(ConfigError, match="ask for a measure of pairs"):
        result.lost("BM25")


def test_pairs_are_written_and_read_back(tmp_path: Path) -> None:
    result = run(tmp_path, ["PC", "CSSR"], tokens=TOKENS, ranked=BM25(k=1))
    result.save(tmp_path / "out")
    folder = tmp_path / "out" / "runs" / "shop"
    assert sorted(path.name for path in folder.iterdir()) == [
        "ranked.lost.csv",
        "ranked.run.gz",
        "tokens.lost.csv",
        "tokens.pairs.parquet",
    ]
    read = read_pairs(folder / "tokens.pairs.parquet").join(
        result.collections[0].queries.ids, result.collections[0].docs.ids
    )
    assert read == result.pairs("tokens")
    with (folder / "tokens.lost.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"qrels": "qrels", "query_id": "b4", "document_id": "a4", "last_in": ""}]
    with pytest.raises(ConfigError, match="no ranking: ask for its pairs"):
        result.ranking("tokens")
    row = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"][0]
    assert row["pairs"]["lost"] == 1
    with (tmp_path / "out" / "leaderboard.csv").open() as file:
        (line, _) = csv.DictReader(file)
    assert (line["pairs: per record"], line["pairs: kept"], line["CSSR"]) == ("1.0", "4", "0.25")
    for name in ("leaderboard.md", "report.html"):
        text = (tmp_path / "out" / name).read_text()
        assert "candidates a record" in text
        assert "4 of 5" in text
    files = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    assert "runs/shop/tokens.pairs.parquet" in files
    second_run = run(tmp_path, ["PC"], ranked=BM25(k=1))
    second_run.save(tmp_path / "out")
    assert not (folder / "tokens.pairs.parquet").exists()


def test_any_id_can_be_written(tmp_path: Path) -> None:
    queries, docs = Ids.of(["a b", ""]), Ids.of(["x\ty", "é", "\ufeffz"])
    pairs = Pairs.build(queries, docs, np.array([0, 0, 1]), np.array([2, 0, 1]), source="x")
    write_pairs(pairs, tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet").to_pylist() == [
        {"query": "a b", "document": "x\ty"},
        {"query": "a b", "document": "\ufeffz"},
        {"query": "", "document": "é"},
    ]
    with pytest.raises(ConfigError, match="there is no folder"):
        write_pairs(pairs, tmp_path / "no" / "p.parquet")


def test_one_table_counts_a_pair_once(tmp_path: Path) -> None:
    records = {"r1": "red wine", "r2": "wine red", "r3": "beer", "r4": "red beer"}
    people = Collection.of(records, records, {"r1": {"r2": 1}, "r2": {"r1": 1}}, name="people", self_match="id")
    (row,) = run(tmp_path, ["PC", "PQ(complete)", "CSSR"], people, tokens=TOKENS).rows
    assert row.pairs.matches == 1
    assert row.pairs.possible == 6
    assert row.measures["PC"] == 1.0
    assert row.measures["PQ(complete)"] == pytest.approx(1 / 4)  # r1-r2, r1-r4, r2-r4, r3-r4
    assert "one table" in row.conventions.pairs
    copies = Collection.of(records, records, {name: {name: 1} for name in records}, name="copies")
    assert run(tmp_path, ["PC"], copies, tokens=TOKENS).rows[0].measures["PC"] == 1.0


def test_without_judgements_candidates_are_counted_all_the_same(tmp_path: Path) -> None:
    unjudged = Collection.of(DOCS, QUERIES, name="bare")
    (row,) = run(tmp_path, ["PC"], unjudged, tokens=TOKENS).rows
    assert row.measures == {"PC": None}
    assert (row.pairs.candidates, row.pairs.matches) == (4, 0)
    assert row.queries.answered == 3


def test_pairs_are_refused_where_every_measure_needs_an_order(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gives unranked pairs, and all the measures need a ranking"):
        run(tmp_path, ["nDCG@10", "PC@3"], tokens=TOKENS)
    with pytest.raises(ConfigError, match="gives unranked pairs; PC@3 needs a ranking"):
        tune([TOKENS, TokenBlocking(ratio=0.5)], on=Judged(), measure="PC@3")


def test_a_choice_among_pairs_by_a_measure_of_pairs(tmp_path: Path) -> None:
    chosen = tune(
        [TokenBlocking(smoothing=None, ratio=0.4), TOKENS], on=Judged(split="test", on_overlap="mark"), measure="PC"
    )
    assert chosen.gives == "pairs"
    result = run(tmp_path, ["PC"], make_shop(split="test"), tuned=chosen)
    (row,) = result.rows
    assert row.status == "ok"
    assert [candidate.value for candidate in row.choices[0].candidates] == [0.8, 0.8] or row.choices[0].chosen == 1
    fewest = tune(
        [TOKENS, TokenBlocking(smoothing=None, ratio=0.4)],
        on=Judged(split="test", on_overlap="mark"),
        measure="candidates",
    )
    (row,) = run(tmp_path, ["PC"], make_shop(split="test"), tuned=fewest).rows
    assert row.choices[0].chosen == 1  # fewer are better


def test_folds_of_pairs_are_put_together(tmp_path: Path) -> None:
    chosen = tune([TokenBlocking(smoothing=None, ratio=0.4), TOKENS], on=Judged(), measure="PC")
    result = Experiment(make_shop(), {"T": chosen}, ["PC"], store=open_store(tmp_path), folds=2).run()
    (row,) = result.rows
    assert row.status == "ok", row.error
    assert type(result.pairs("T")) is Pairs


def test_trap_49_from_yaml_to_the_row(tmp_path: Path) -> None:
    """The split's matches alone decide, ids that both tables share mean nothing, and PQ says why it has no value."""
    (tmp_path / "a.csv").write_text("id,name\n" + "".join(f"{at},word{at}\n" for at in range(30)))
    (tmp_path / "b.csv").write_text(
        "id,name\n" + "".join(f"{at},word{29 - at if at < 25 else 99}\n" for at in range(30))
    )
    for split, rows in (("train", range(20)), ("test", range(20, 30)), ("complete", range(30))):
        labelled = "".join(f"{29 - at},{at},1\n" for at in rows) + f"0,{rows[0]},0\n" * (split != "complete")
        (tmp_path / f"{split}.csv").write_text(f"ltable_id,rtable_id,label\n{labelled}")
    tables = "left: a.csv, right: b.csv, pairs: {train: train.csv, test: test.csv, complete: complete.csv}"
    config = tmp_path / "c.yaml"
    config.write_text(
        f"collections: [{{name: words, {tables}, split: test}}, {{name: words, {tables}, split: complete}}]\n"
        "measures: [PC, PQ, F1(complete), candidates, reduction_ratio]\n"
        "systems: {tokens: {token_blocking: {smoothing: null, ratio: null}}}\n"
        f"store: {tmp_path / 'store'}\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["run", str(config), "--out", str(tmp_path / "out"), "--quiet"])
    assert not ended.value.code
    test, complete = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"]
    assert test["measures"]["PC"] == 0.5  # 5 of the 10 held out, not 25 of 30
    assert (test["pairs"]["matches"], test["pairs"]["records"], test["pairs"]["candidates"]) == (10, 30, 25)
    assert test["measures"]["PQ"] is None
    assert "may list only some of the matches" in test["nulls"]["PQ"]
    assert test["measures"]["F1(complete)"] == pytest.approx(2 * 5 / (25 + 10))
    assert test["measures"]["reduction_ratio"] == pytest.approx(1 - 25 / 900)
    assert complete["measures"]["PC"] == pytest.approx(25 / 30)
    assert complete["measures"]["PQ"] == 1.0
    assert "called 'complete'" in complete["conventions"]["pairs"]
    lost_lines = (tmp_path / "out" / "runs" / "words" / "tokens.lost.csv").read_text().splitlines()
    assert lost_lines == ["qrels,query_id,document_id,last_in", *(f"pairs,{at},{29 - at}," for at in range(25, 30))]


def test_seeds_have_a_mean_of_what_they_count() -> None:
    facts = PairFacts(
        candidates=2, per_record=1, matches=4, kept=1, lost=3, possible=None, records=2, with_match=1, reached=1,
        ordered=True,
    )  # fmt: skip
    rows = [Row("c", f"S (seed {n})", seed=n, seed_of="S", pairs=replace(facts, candidates=2 * n)) for n in (1, 2)]
    ((mean, evaluation),) = average_seeds(rows, {})
    assert (mean.system, mean.seeds, evaluation) == ("S", (1, 2), None)
    assert mean.pairs == replace(facts, candidates=3.0)


def test_counting_by_hand_agrees(tmp_path: Path) -> None:
    result = run(tmp_path, ["PC"], tokens=TOKENS)
    counts = count_pairs(result.pairs("tokens"), result.collections[0].qrels["qrels"])
    assert counts.measure("PC") == result.rows[0].measures["PC"]


def test_the_fewest_candidates_that_keep_a_bound_are_chosen(tmp_path: Path) -> None:
    """Of four that differ in matches and candidates; where none keeps the bound, the nearest, and the row says so."""
    candidates = [TOKENS >> BM25() >> Cut(2), TOKENS, TOKENS >> BM25() >> Cut(1), TOKENS >> BM25() >> Cut(1)]

    def choose(bound: str | None, measure: str = "candidates") -> Row:
        judged = Judged(split="test", on_overlap="mark")
        tuned = tune(candidates, on=judged, measure=measure, subject_to=bound)
        assert eval(repr(tuned), {**globals(), "Judged": Judged, "tune": tune}) == tuned
        (row,) = run(tmp_path, ["PC", "candidates"], make_shop(split="test"), tuned=tuned).rows
        return row

    row = choose("PC >= 0.6")
    (choice,) = row.choices
    assert [(entry.value, entry.bounded) for entry in choice.candidates] == [
        (1.0, 0.8),
        (1.0, 0.8),
        (0.75, 0.6),
        (0.75, 0.6),
    ]
    assert (choice.chosen, choice.kept, choice.subject_to, choice.measure) == (2, True, "PC >= 0.6", "candidates")
    assert row.measures == {"PC": 0.6, "candidates": 0.75}
    assert choose("PC >= 0.61").choices[0].chosen == 0, "of equal ones the first"
    missed = choose("PC>=0.95").choices[0]
    assert (missed.chosen, missed.kept) == (0, False), "the nearest to the bound, not the fewest candidates"
    assert choose("candidates <= 0.8", "PC").choices[0].chosen == 2
    assert choose(None).choices[0].kept is None
    result = run(
        tmp_path,
        ["PC"],
        make_shop(split="test"),
        tuned=tune(candidates, on=Judged(split="test", on_overlap="mark"), measure="candidates", subject_to="PC>=.95"),
    )
    text = str(result.table(details=True))
    assert "tuned: no candidate keeps PC >= 0.95 where it was tuned; the nearest has 0.8000." in text
    assert "subject to" in text


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("0.95", "expected a measure and its bound, such as 'PC >= 0.95', got '0.95'"),
        ("PC > 0.95", "expected a measure and its bound"),
        ("PCC >= 0.95", "PCC"),
        ("PC@3 >= 0.9", "gives unranked pairs; PC@3 needs a ranking"),
    ],
)
def test_a_bound_that_cannot_be_meant_is_refused(bound: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tune([TOKENS, TokenBlocking(ratio=0.5)], on=Judged(), measure="PC", subject_to=bound)


def write_tables(
    folder: Path, left: dict[str, str], right: dict[str, str], **pairs: list[tuple[str, str, int]]
) -> Path:
    """Write left.csv, right.csv and a file of pairs for each set."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("left", left), ("right", right)):
        (folder / f"{name}.csv").write_text("id,name\n" + "".join(f"{id},{text}\n" for id, text in table.items()))
    for name, rows in pairs.items():
        lines = "".join(f"{left_id},{right_id},{label}\n" for left_id, right_id, label in rows)
        (folder / f"{name}.csv").write_text("ltable_id,rtable_id,label\n" + lines)
    return folder


def load_tables(folder: Path, *sets: str, **options: object) -> Collection:
    """Open what `write_tables` wrote."""
    files = {name: folder / f"{name}.csv" for name in sets}
    return load(left=folder / "left.csv", right=folder / "right.csv", pairs=files, name="shop", **options)  # type: ignore[arg-type]


def test_tuned_pairs_are_those_of_all_records_and_are_not_made_again(tmp_path: Path) -> None:
    """Blocks are of all that ask, not only of those with a judged pair."""
    valid, test = [("a1", "b1", 1)], [("a2", "b2", 1), ("a3", "b3", 1)]
    tables = load_tables(write_tables(tmp_path, DOCS, QUERIES, valid=valid, test=test), "valid", "test")
    tuned = tune([TOKENS, TokenBlocking(ratio=0.4)], on=Judged(split="valid"), measure="candidates")
    experiment = Experiment(tables, {"T": tuned, "U": TOKENS}, ["PC"], store=open_store(tmp_path / "store"))
    experiment.run()
    assert len({node.address for node in experiment.list_nodes() if node.kind == "pairs"}) == 2
    assert experiment.run().rows[0].choices[0].queries == 1
