"""Runs merged into one leaderboard: as if they had been one, or refused with the first difference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank import BM25, TFIDF, Collection, Experiment, evaluate_runs, merge_reports, rrf
from nirank.algebra.pipeline import Pipeline
from nirank.cli.main import cli
from nirank.errors import ConfigError, DataError
from nirank.report import format_text, read_report
from nirank.report.detail_files import read_document_details, read_query_details
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.row import Row

SYSTEMS: dict[str, Pipeline] = {
    "BM25": BM25(), "TF-IDF": TFIDF(), "Flat": BM25(k1=3.0, b=0.0), "Both": rrf(BM25(), TFIDF()),
}  # fmt: skip
MEASURES = ("nDCG@10", "AP")

_RANDOM = np.random.default_rng(3)
_WORDS = [f"w{at}" for at in range(40)]
DOCS = {f"d{at}": " ".join(_RANDOM.choice(_WORDS, 9)) for at in range(80)}
QUERIES = {f"q{at}": " ".join(_RANDOM.choice(_WORDS, 3)) for at in range(30)}
QRELS = {query: dict.fromkeys(_RANDOM.choice(list(DOCS), 4, replace=False), 1) for query in QUERIES}


def make_collection(
    docs: Mapping[str, str] = DOCS,
    queries: Mapping[str, str] = QUERIES,
    qrels: Mapping[str, Mapping[str, int]] = QRELS,
    name: str = "tiny",
    split: str = "test",
    group: str | None = None,
    **options: Any,
) -> Collection:
    return replace(Collection.of(docs, queries, qrels, name=name, **options), split=split, group=group)


def save(
    folder: Path,
    systems: Sequence[str] | Mapping[str, Pipeline],
    collections: Collection | Sequence[Collection] | None = None,
    measures: Sequence[str] = MEASURES,
    **options: Any,
) -> Path:
    chosen = systems if isinstance(systems, Mapping) else {name: SYSTEMS[name] for name in systems}
    asked = make_collection() if collections is None else collections
    Experiment(asked, chosen, measures, store=folder.parent / "store", **options).run().save(folder)
    return folder


def find_row(report: Report, system: str, collection: str = "tiny") -> Row:
    (row,) = [row for row in report.rows if (row.system, row.collection) == (system, collection)]
    return row


def list_results(rows: Sequence[Row]) -> list[Any]:
    return [
        (
            row.collection,
            row.system,
            row.measures,
            row.groups,
            row.intervals,
            row.differences,
            row.conventions,
            row.ties,
        )
        for row in rows
    ]


@pytest.mark.parametrize("options", [{}, {"significance": None}])
def test_two_runs_of_two_systems_are_one_run_of_four(tmp_path: Path, options: dict[str, Any]) -> None:
    a, b = save(tmp_path / "a", ["BM25", "TF-IDF"]), save(tmp_path / "b", ["Flat", "Both"])
    whole = read_report(save(tmp_path / "whole", list(SYSTEMS)))
    merged = merge_reports([a, b], tmp_path / "merged", **options)
    assert list_results(merged.rows) == list_results(whole.rows)
    assert to_plain(merged.comparisons) == to_plain(whole.comparisons)
    again = read_report(tmp_path / "merged")
    assert to_plain(again.rows) == to_plain(merged.rows)
    (queries,), (queries_of_whole,) = again.query_sets, whole.query_sets
    assert (queries.ids, queries.texts, queries.relevant) == (
        queries_of_whole.ids, queries_of_whole.texts, queries_of_whole.relevant,
    )  # fmt: skip
    for system, columns in queries_of_whole.values.items():
        assert {name: column.tolist() for name, column in columns.items()} == {
            name: column.tolist() for name, column in queries.values[system].items()
        }
        assert queries.signs[system].unjudged.tolist() == queries_of_whole.signs[system].unjudged.tolist()
    details = list(read_query_details(tmp_path / "merged", queries))
    assert details == list(read_query_details(tmp_path / "whole", queries_of_whole))
    documents = {each.id: each for each in read_document_details(tmp_path / "merged", queries)}
    assert documents == {each.id: each for each in read_document_details(tmp_path / "whole", queries_of_whole)}
    manifest = json.loads((tmp_path / "merged" / "manifest.json").read_text())
    assert [run["name"] for run in manifest["merged"]] == ["a", "b"]
    assert [run["systems"] for run in manifest["merged"]] == [["BM25", "TF-IDF"], ["Flat", "Both"]]
    assert all(run["machine"]["cores"] and run["versions"]["nirank"] for run in manifest["merged"])
    assert {name for node in manifest["plan"] for name in node["systems"]} == set(SYSTEMS)
    assert (tmp_path / "a" / "runs").is_dir() and not (tmp_path / "merged" / "runs").exists()


def test_a_baseline_can_be_named_when_runs_are_merged(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", ["BM25", "TF-IDF"]), save(tmp_path / "b", ["Flat", "Both"])
    from nirank.evaluation.comparisons import Significance

    asked = {"baseline": "TF-IDF", "test": "t"}
    whole = read_report(save(tmp_path / "whole", list(SYSTEMS), significance=Significance(**asked)))
    merged = merge_reports([a, b], significance=asked)
    assert list_results(merged.rows) == list_results(whole.rows)
    with pytest.raises(ConfigError, match="baseline: there is no system 'TFIDF'; did you mean 'TF-IDF'"):
        merge_reports([a, b], significance={"baseline": "TFIDF"})


def test_one_system_in_two_runs_has_one_row_with_the_measures_of_both(tmp_path: Path) -> None:
    a = save(tmp_path / "a", ["BM25", "TF-IDF"], measures=["nDCG@10"])
    b = save(tmp_path / "b", ["BM25", "Flat"], measures=["AP", "nDCG@10"])
    merged = merge_reports([a, b])
    assert [row.system for row in merged.rows] == ["BM25", "TF-IDF", "Flat"]
    assert tuple(merged.measures) == ("nDCG@10", "AP")
    assert find_row(merged, "BM25").measures["AP"] == find_row(read_report(b), "BM25").measures["AP"]
    lacking = find_row(merged, "TF-IDF")
    assert (lacking.measures["AP"], lacking.nulls["AP"]) == (None, "not asked for in a")
    assert "TF-IDF, AP: not asked for in a" in format_text(merged.rows, merged.measures)
    assert {(pair["measure"], pair["a"], pair["b"]) for pair in merged.comparisons[0]["pairs"]} == {
        *(("nDCG@10", x, y) for x, y in (("BM25", "TF-IDF"), ("BM25", "Flat"), ("TF-IDF", "Flat"))),
        ("AP", "BM25", "Flat"),
    }


def test_other_systems_of_one_name_are_told_apart_by_their_runs(tmp_path: Path) -> None:
    a = save(tmp_path / "monday", {"BM25": BM25(), "TF-IDF": TFIDF()})
    b = save(tmp_path / "friday", {"BM25": BM25(k1=2.5, b=0.1)})
    merged = merge_reports([a, b], tmp_path / "merged")
    names = ["BM25 (monday)", "TF-IDF", "BM25 (friday)"]
    assert [row.system for row in merged.rows] == names
    assert list(merged.query_sets[0].values) == names
    assert list(merged.manifest["systems"]) == names
    (queries,) = read_report(tmp_path / "merged").query_sets
    assert list(next(read_query_details(tmp_path / "merged", queries)).lists) == names
    called = merge_reports({"k1 0.9": a, "k1 2.5": b})
    assert [row.system for row in called.rows] == ["BM25 (k1 0.9)", "TF-IDF", "BM25 (k1 2.5)"]


def test_one_name_on_two_collections_is_one_system_where_it_is_one_pipeline(tmp_path: Path) -> None:
    a, other = save(tmp_path / "a", ["BM25"]), make_collection(name="other")
    b, c = save(tmp_path / "b", ["BM25"], other), save(tmp_path / "c", {"BM25": BM25(k1=2.5, b=0.1)}, other)
    assert [row.system for row in merge_reports([a, b]).rows] == ["BM25", "BM25"]
    assert [row.system for row in merge_reports([a, c]).rows] == ["BM25 (a)", "BM25 (c)"]


def test_folders_of_one_name_are_called_by_more_of_their_paths(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    a = save(tmp_path / "x" / "results", {"S": BM25()})
    b = save(tmp_path / "y" / "results", {"S": TFIDF()})
    assert [row.system for row in merge_reports([a, b]).rows] == ["S (x/results)", "S (y/results)"]
    with pytest.raises(ConfigError, match="is given twice; expected every run once"):
        merge_reports([a, a])


def _flip(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    judged = {query: dict(grades) for query, grades in qrels.items()}
    judged["q0"] = {"d79" if "d79" not in judged["q0"] else "d78": 1, **dict(list(judged["q0"].items())[1:])}
    return judged


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"qrels": {**QRELS, "q0": {**QRELS["q0"], "d1": 0}}},
         "on tiny/test, the judgements differ: 120 in a, 121 in b"),
        ({"qrels": _flip(QRELS)}, "on tiny/test, the judgements differ: as many in both, but not the same ones"),
        ({"queries": {**QUERIES, "q0": "w1"}}, "on tiny/test, the queries differ: as many in both"),
        ({"docs": {**DOCS, "more": "w1 w2"}}, "on tiny/test, the documents differ: 80 in a, 81 in b"),
        ({"split": "dev"}, "of tiny, the split is 'test' in a and 'dev' in b"),
        ({"self_match": "id"}, "on tiny/test, a query's own document: 'keep' in a, 'id' in b"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_the_first_difference(
    tmp_path: Path, other: dict[str, Any], sentence: str
) -> None:
    a, b = save(tmp_path / "a", ["BM25"]), save(tmp_path / "b", ["Flat"], make_collection(**other))
    with pytest.raises(ConfigError) as error:
        merge_reports([a, b])
    assert str(error.value).startswith(f"a and b cannot be one leaderboard: {sentence}")


def change_rows(folder: Path, **values: Any) -> None:
    path = folder / "leaderboard.json"
    content = json.loads(path.read_text())
    for row in content["rows"]:
        row["conventions"] |= values
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        ("ties", "by line", "ties: '"),
        ("mean", "over all", "the mean: '"),
        ("gain", "exponential", "the gain: '"),
        ("min_rel", 2, "the least relevant grade: '1' in a, '2' in b"),
        ("time", "as_of_query", "the documents that a query may be given: 'all' in a, 'as_of_query' in b"),
        ("collection", {"known": "7 pairs"}, "what was known before: not stated in a, '7 pairs' in b"),
    ],
)
def test_other_rules_are_refused(tmp_path: Path, rule: str, value: Any, sentence: str) -> None:
    a, b = save(tmp_path / "a", ["BM25"]), save(tmp_path / "b", ["Flat"])
    change_rows(b, **{rule: value})
    with pytest.raises(ConfigError) as error:
        merge_reports([a, b])
    assert f"a and b cannot be one leaderboard: on tiny/test, {sentence}" in str(error.value)


def test_another_judgement_set_is_refused(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", ["BM25"]), save(tmp_path / "b", ["Flat"])
    path = b / "leaderboard.json"
    path.write_text(path.read_text().replace('"qrels": "qrels"', '"qrels": "strict"'))
    with pytest.raises(ConfigError, match="of tiny, the judgement set is 'qrels' in a and 'strict' in b"):
        merge_reports([a, b])


def test_other_evaluated_queries_and_candidates_are_refused(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", ["BM25"]), save(tmp_path / "b", ["Flat"])
    sampled = save(tmp_path / "sampled", ["Flat"], make_collection().sample(10))
    with pytest.raises(ConfigError, match="a and sampled cannot be one leaderboard: on tiny/test, the queries: not st"):
        merge_reports([a, sampled])
    change_rows(sampled, collection={})
    with pytest.raises(ConfigError, match=r"query 'q\d+' is evaluated in a and not in sampled \(and 19 more\)"):
        merge_reports([a, sampled])
    manifest = json.loads((b / "manifest.json").read_text())
    manifest["collections"][0]["digests"]["candidates"] = "0"
    (b / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="the candidates of b are not those of the other, which states none"):
        merge_reports([a, b])


def test_runs_on_several_collections_are_averaged_together(tmp_path: Path) -> None:
    one, two = make_collection(group="all"), make_collection(name="other", group="all")
    a, b = save(tmp_path / "a", ["BM25"], [one, two]), save(tmp_path / "b", ["Flat"], [one, two])
    c = save(tmp_path / "c", ["TF-IDF"], [two])
    whole = read_report(save(tmp_path / "whole", ["BM25", "Flat"], [one, two]))
    assert list_results(merge_reports([a, b]).rows[-2:]) == list_results(whole.rows[-2:])
    merged = merge_reports([a, b, c])
    assert [row.system for row in merged.rows if row.collection == "other"] == ["BM25", "Flat", "TF-IDF"]
    assert [row.system for row in merged.rows if row.collection == "tiny"] == ["BM25", "Flat"]
    assert find_row(merged, "TF-IDF", "all").nulls["AP"] == "only 1/2 collections of the group have it"
    assert find_row(merged, "Flat", "all").average_rank["AP"] in (1.0, 1.5, 2.0)
    d = save(tmp_path / "d", ["Both"], [make_collection(group="none of them")])
    with pytest.raises(ConfigError, match="tiny is averaged in 'all' in a and in 'none of them' in d"):
        merge_reports([a, d])


def test_evaluated_run_files_join_the_collection_of_their_judgements(tmp_path: Path) -> None:
    a = save(tmp_path / "a", ["BM25"])
    whole = save(tmp_path / "whole", ["BM25", "Flat"])
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("".join(f"{q} 0 {d} {g}\n" for q, judged in QRELS.items() for d, g in judged.items()))
    run = whole / "runs" / "tiny" / "Flat.run.gz"
    evaluate_runs(qrels, {"Flat": run}, MEASURES).save(tmp_path / "files")
    merged, of_one = merge_reports([a, tmp_path / "files"], tmp_path / "merged"), read_report(whole)
    assert [(row.collection, row.split, row.system) for row in merged.rows] == [
        ("tiny", "test", "BM25"), ("tiny", "test", "Flat"),
    ]  # fmt: skip
    assert find_row(merged, "Flat").measures == find_row(of_one, "Flat").measures
    assert merged.comparisons[0]["pairs"] == to_plain(of_one.comparisons[0]["pairs"])
    qrels.write_text(qrels.read_text().replace("q0 0", "q0 0", 1) + "q1 0 d79 1\n")
    evaluate_runs(qrels, {"Flat": run}, MEASURES).save(tmp_path / "others")
    apart = merge_reports([a, tmp_path / "others"])
    assert [row.collection for row in apart.rows] == ["tiny", "qrels.txt"], "other judgements are another table"


def test_folders_without_values_by_query_are_merged_without_marks(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", ["BM25", "TF-IDF"]), save(tmp_path / "b", ["Flat"])
    (a / "per_query.parquet").unlink()
    (a / "details" / "tiny-test-qrels" / "queries.json").unlink()
    merged = merge_reports([a, b], tmp_path / "merged")
    assert read_report(tmp_path / "merged").rows == merged.rows
    assert [row.system for row in merged.rows] == ["BM25", "TF-IDF", "Flat"]
    assert not any(row.groups or row.differences for row in merged.rows) and not merged.comparisons
    assert all(row.intervals for row in merged.rows), "these are each system's own"
    text = " ".join(format_text(merged.rows, merged.measures).split())
    assert "Differences: not compared: a has no values by query, which earlier versions did not write." in text


def test_measures_of_pairs_are_compared_as_in_one_run(tmp_path: Path) -> None:
    measures = ["PC@3", "F1@3", "AP"]
    a, b = (save(tmp_path / name, [system], measures=measures) for name, system in (("a", "BM25"), ("b", "Flat")))
    whole = read_report(save(tmp_path / "whole", ["BM25", "Flat"], measures=measures))
    merged = merge_reports([a, b], tmp_path / "merged")
    assert {pair["measure"] for pair in merged.comparisons[0]["pairs"]} >= {"PC@3", "AP"}
    assert merged.comparisons[0]["pairs"] == whole.comparisons[0]["pairs"]
    assert list_results(merged.rows) == list_results(whole.rows)
    assert [row.groups for row in merged.rows] == [row.groups for row in whole.rows]
    again = read_report(tmp_path / "merged")
    assert again.comparisons == merged.comparisons
    for (system, counts), kept in zip(
        again.query_sets[0].pair_counts.items(), whole.query_sets[0].pair_counts.values(), strict=True
    ):
        assert counts.keys() == kept.keys(), system
        assert all((counts[name].table == kept[name].table).all() for name in counts)
        assert all((counts[name].possible, counts[name].asking) == (80 * 30, 30) for name in counts)
    (a / "pair_counts.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"pair_counts\.parquet: is no table of counts by record"):
        merge_reports([a, b])


def test_measures_of_pairs_without_counts_keep_their_intervals_and_are_not_compared(tmp_path: Path) -> None:
    a, b = (save(tmp_path / name, [system], measures=["PC@3"]) for name, system in (("a", "BM25"), ("b", "Flat")))
    for folder in (a, b):
        (folder / "pair_counts.parquet").unlink()  # as earlier versions left it
    merged = merge_reports([a, b], tmp_path / "merged")
    assert [row.intervals for row in merged.rows] == [read_report(folder).rows[0].intervals for folder in (a, b)]
    assert all(row.intervals for row in merged.rows) and not merged.comparisons
    text = " ".join(format_text(merged.rows, merged.measures).split())
    assert "not compared: measures of pairs need the counts of each record" in text
    c, d = (save(tmp_path / name, [system], measures=["PC@3", "AP"]) for name, system in (("c", "BM25"), ("d", "Flat")))
    for folder in (c, d):
        (folder / "pair_counts.parquet").unlink()
    rows = merge_reports([c, d]).rows
    assert all(set(row.intervals) == {"PC@3", "AP"} and set(row.groups) == {"AP"} for row in rows)
    assert "; measures of pairs need the counts" in (rows[0].conventions.comparisons or "")


def test_what_is_no_folder_of_results_is_refused(tmp_path: Path) -> None:
    a = save(tmp_path / "a", ["BM25"])
    with pytest.raises(DataError, match=r"nothing/leaderboard\.json: cannot be read"):
        merge_reports([a, tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="expected at least one"):
        merge_reports([])


def call(*arguments: object) -> tuple[int, str]:
    from click.testing import CliRunner

    done = CliRunner().invoke(cli, ["report", *map(str, arguments)])
    return done.exit_code, str(done.exception or "") + done.output


def test_the_command_merges_or_makes_pages_again(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a", ["BM25"]), save(tmp_path / "b", ["BM25", "Flat"])
    kept = {path: path.read_bytes() for path in a.rglob("*") if path.is_file()}
    (a / "report.html").unlink()
    (a / "leaderboard.tex").unlink()
    assert call(a)[0] == 0
    again = {path: path.read_bytes() for path in a.rglob("*") if path.is_file()}
    assert again.keys() == kept.keys(), "run files and details stay"
    assert all(again[path] == kept[path] for path in kept if path.name != "manifest.json")
    files = json.loads((a / "manifest.json").read_text())["files"]
    assert files == json.loads(kept[a / "manifest.json"])["files"]
    code, text = call(a, b, "--out", tmp_path / "both", "--baseline", "BM25", "--intervals")
    assert (code == 0 and "the baseline BM25" in " ".join(text.split())) or "the baseline," in text
    assert "{[}" in (tmp_path / "both" / "leaderboard.tex").read_text()
    assert json.loads((tmp_path / "both" / "leaderboard.json").read_text())["rows"][1]["baseline"] == "BM25"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a", "b"), "name it with --out DIR"),
        (("a", "--alpha", "0.1"), "--alpha changes the leaderboard, which needs a folder of its own: --out DIR"),
        (("a", "b", "--out", "a"), "--out a: is one of the runs, which stay as they are"),
        (("a", "b", "--out", "c", "--names", "x"), "--names x: expected 2 different names, one for each run"),
        (("a", "b", "--out", "c", "--alpha", "2"), "alpha must lie between 0 and 1, got 2.0"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    save(tmp_path / "a", ["BM25"])
    save(tmp_path / "b", ["Flat"])
    monkeypatch.chdir(tmp_path)
    code, text = call(*arguments)
    assert code != 0 and sentence in text
    assert not (tmp_path / "c").exists()
