"""Measures of candidate pairs equal their definitions over sets of pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError, StageError
from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.ledger import PairLedger
from nirank.evaluation.measures import is_of_pairs, lower_is_better, parse_measure
from nirank.evaluation.pair_measures import count_pairs, find_least_depth
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

N = 6
TABLE = Ids.of([str(row) for row in range(N)])
Edges = set[tuple[int, int]]
edges = st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=12)
NAMES = ("PC", "PQ(complete)", "F1(complete)", "reduction_ratio", "CSSR", "candidates")


def make_pairs(edges: Edges, queries: Ids = TABLE) -> Pairs:
    ordered = sorted(edges)
    return Pairs.build(
        queries, TABLE, np.array([q for q, _ in ordered], int), np.array([d for _, d in ordered], int), source="x"
    )


def make_qrels(gold: Edges, labels: dict[str, dict[str, int]] | None = None, name: str = "qrels") -> Qrels:
    judged: dict[str, dict[str, int]] = {str(row): {} for row in range(N)}
    for q, d in gold:
        judged[str(q)][str(d)] = 1
    for query, graded in (labels or {}).items():
        judged[query] |= graded
    return Qrels.from_dict(judged, TABLE, TABLE, name=name)


def make_ranking(seed: int, keep: float = 1.0) -> Ranking:
    random = np.random.default_rng(seed)
    q, d = np.divmod(np.flatnonzero(random.random(N * N) < keep), N)
    return Ranking.build(TABLE, TABLE, q, d, random.random(len(q)), source="x")


def compute_by_definition(edges: Edges, gold: Edges, one_table: bool) -> dict[str, float | None]:
    if one_table:
        edges, gold = ({(min(pair), max(pair)) for pair in side if pair[0] != pair[1]} for side in (edges, gold))
    n_possible = N * (N - 1) // 2 if one_table else N * N
    hits = len(edges & gold)
    pc, pq = hits / len(gold) if gold else None, hits / len(edges) if edges else None
    return {
        "PC": pc,
        "PQ(complete)": pq,
        "F1(complete)": None if pc is None else 2 * pc * pq / (pc + pq) if pq else 0.0,
        "reduction_ratio": 1 - len(edges) / n_possible,
        "CSSR": len(edges) / n_possible,
        "candidates": len(edges) / N,
    }


def as_set(pairs: Pairs) -> Edges:
    return set(zip(pairs.query_rows.tolist(), pairs.rows.tolist(), strict=True))


def approximate(values: Mapping[str, float | None]) -> dict[str, object]:
    return {name: None if value is None else pytest.approx(value) for name, value in values.items()}


@given(edges, edges, st.booleans())
@settings(max_examples=300, deadline=None)
def test_measures_of_pairs_equal_sets(candidates: Edges, gold: Edges, one_table: bool) -> None:
    qrels = make_qrels(gold, {"0": {"0": 0, **({"0": 1} if (0, 0) in gold else {})}})
    means = evaluate(make_pairs(candidates), qrels, NAMES, one_table=one_table).means
    assert means == approximate(compute_by_definition(candidates, gold, one_table))


@given(st.integers(0, 999), edges, st.integers(1, N), st.booleans())
@settings(max_examples=150, deadline=None)
def test_measures_of_rankings_equal_sets_of_their_first_k(seed: int, gold: Edges, k: int, one_table: bool) -> None:
    ranking, qrels = make_ranking(seed, 0.7), make_qrels(gold, {"1": {"1": int((1, 1) in gold)}})
    names = {name: f"{name}@{k}" for name in NAMES}
    evaluation = evaluate(ranking, qrels, [*NAMES, *names.values()], one_table=one_table)
    of_all, of_first_k = (compute_by_definition(as_set(list_), gold, one_table) for list_ in (ranking, ranking.cut(k)))
    assert evaluation.means == approximate(of_all | {names[name]: value for name, value in of_first_k.items()})
    assert set(evaluation.pairs) >= {"candidates", "matches", "kept", "lost", "possible", "per_record"}
    assert evaluation.per_query == {}


@given(st.integers(0, 999), edges, st.sampled_from([0.1, 0.5, 0.95, 1.0]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_least_k_equals_trying_every_k(seed: int, gold: Edges, target: float, one_table: bool) -> None:
    ranking, qrels = make_ranking(seed, 0.8), make_qrels(gold, {"1": {"1": int((1, 1) in gold)}})
    name = f"least_k(PC>={target})"
    evaluation = evaluate(ranking, qrels, [name], one_table=one_table)
    sufficient = [
        k
        for k in range(1, N + 1)
        if (compute_by_definition(as_set(ranking.cut(k)), gold, one_table)["PC"] or 0.0) >= target and gold
    ]
    assert evaluation.means[name] == (min(sufficient) if sufficient else None)
    if not sufficient:
        assert "where the lists end" in evaluation.nulls[name] or "no match" in evaluation.nulls[name]


def test_some_records_of_one_table_ask() -> None:
    """Two of six records ask: 5 + 4 pairs are possible, and a pair of both counts once."""
    asking = Ids.of(["4", "1"])
    pairs = make_pairs({(0, 1), (1, 4), (1, 1), (1, 2)}, asking)  # 4-1, 1-4, 1-1, 1-2
    qrels = Qrels.from_dict({"4": {"1": 1}, "1": {"4": 1, "5": 1}}, asking, TABLE)
    counts = count_pairs(pairs, qrels, one_table=True)
    assert (counts.hits.sum(), counts.candidates.sum(), counts.matches.sum()) == (1, 2, 2)
    assert counts.possible == 9
    assert counts.measure("candidates") == 1.0
    with pytest.raises(StageError, match="query 'x' is not in the table"):
        count_pairs(make_pairs(set(), Ids.of(["x"])), Qrels.from_dict({"x": {}}, docs=TABLE), one_table=True)


def test_trap_49_blocking_figures_over_the_wrong_pairs() -> None:
    """80 of 80 training pairs and 5 of 20 held out: over the held-out ones 0.25, not 0.85."""
    table = Ids.of([str(row) for row in range(100)])
    rows = np.arange(85)
    pairs = Pairs.build(table, table, rows, rows, source="x")
    held_out = Qrels.from_dict({str(row): {str(row): 1} for row in range(80, 100)}, table, table, name="test")
    evaluation = evaluate(pairs, held_out, ["PC", "PQ", "F1"])
    assert evaluation.means == {"PC": 0.25, "PQ": None, "F1": None}  # nobody said that there are no other matches
    assert evaluation.pairs["matches"] == 20
    one_to_many = Qrels.from_dict({"0": {"1": 1, "2": 1}}, TABLE, TABLE)
    one_of_two = evaluate(make_pairs({(0, 1)}), one_to_many, ["PC"])
    assert one_of_two.means["PC"] == 0.5
    assert (one_of_two.pairs["reached"], one_of_two.pairs["with_match"]) == (1, 1)  # records with a match that is kept
    counts = count_pairs(make_pairs({(0, 1), (1, 0), (2, 2)}), make_qrels({(0, 1)}), one_table=True)
    assert counts.measure("PQ") == 1.0  # one pair, whatever its order, and none with itself


def test_pairs_without_a_judgement_are_no_matches_only_where_the_list_is_complete() -> None:
    pairs, gold = make_pairs({(0, 0), (1, 2)}), {(0, 0)}
    names = ["PQ", "F1", "PQ(complete)", "PC"]
    sample = evaluate(pairs, make_qrels(gold), names)
    assert sample.means == {"PQ": None, "F1": None, "PQ(complete)": 0.5, "PC": 1.0}
    assert "may list only some of the matches" in sample.nulls["PQ"]
    assert "PQ(complete)" in sample.nulls["PQ"]
    assert "as asked for" in sample.conventions["pairs"]
    complete = evaluate(pairs, make_qrels(gold, name="complete"), names)
    assert complete.means == {"PQ": 0.5, "F1": pytest.approx(2 / 3), "PQ(complete)": 0.5, "PC": 1.0}
    assert "it is called 'complete'" in complete.conventions["pairs"]
    assert (
        evaluate(make_ranking(1), make_qrels(gold), ["PQ@1"])
        .nulls["PQ@1"]
        .endswith("PQ(complete)@1 says that all are listed")
    )


def test_what_needs_an_order_is_null_for_pairs_and_says_so() -> None:
    names = ["nDCG@10", "RR", "PC@3", "least_k(PC>=0.9)", "last_rel", "Judged@2", "Bpref"]
    evaluation = evaluate(make_pairs({(0, 0)}), make_qrels({(0, 0), (1, 1)}), [*names, "PC", "SetR", "SetP"])
    for name in names:
        assert evaluation.means[name] is None
        assert "needs a ranking; these are candidate pairs without order" in evaluation.nulls[name]
    assert "reduction_ratio" in evaluation.nulls["RR"]
    assert evaluation.means["PC"] == 0.5
    assert evaluation.means["SetR"] == evaluation.means["SetP"] == pytest.approx(0.5)  # each record's, then the mean
    assert evaluation.ties == evaluation.holes == {}


def test_a_depth_that_a_ranking_lacks_is_null() -> None:
    ranking = make_ranking(2).cut(2)
    evaluation = evaluate(ranking, make_qrels({(0, 0)}), ["PC@3", "PC@2"])
    assert "deeper than the ranking" in evaluation.nulls["PC@3"]
    assert evaluation.means["PC@2"] is not None


def test_of_documents_that_are_not_all_known_nothing_is_said_of_all_pairs() -> None:
    evaluation = evaluate(
        make_ranking(2), make_qrels({(0, 0)}), ["CSSR@1", "reduction_ratio", "PC"], whole_corpus=False
    )
    assert evaluation.means["CSSR@1"] is evaluation.means["reduction_ratio"] is evaluation.pairs["possible"] is None
    assert evaluation.means["PC"] == 1.0


def test_names_are_read_and_directions_are_known() -> None:
    assert [name for name in ("PC@3", "CSSR", "candidates@2", "least_k(PC>=0.95)", "F1") if lower_is_better(name)] == [
        "CSSR",
        "candidates@2",
        "least_k(PC>=0.95)",
    ]
    assert parse_measure("least_k(PC >= .95)").target == 0.95
    assert parse_measure("F1(complete)@7").cutoff == 7
    assert not is_of_pairs("RR")
    assert parse_measure("RR").family == "RR"  # the reciprocal rank, as ever
    for name, words in (
        ("least_k(0.9)", "as in least_k"),
        ("least_k(PC>=1.5)", "as in least_k"),
        ("least_k(PC>=0)", "as in least_k"),
        ("least_k(PC>=0.9)@3", "as in least_k"),
        ("PC(complete)", "expected PC or PC@10"),
        ("PQ(rel=2)", r"expected PQ\(complete\)"),
        ("PC@0", "1 or more"),
        ("PC@10%", "share"),
        ("pair_completeness", "nirank calls it PC"),
        ("pc@5", "nirank calls it PC@5"),
        ("CSRR", "CSSR"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_measure(name)


def test_matches_of_absent_records_are_lost() -> None:
    qrels = make_qrels({(0, 1)}, {"0": {"absent": 1}, "1": {"3": 0}})
    assert count_pairs(make_pairs({(0, 1)}), qrels).measure("PC") == 0.5
    assert PairLedger(qrels, one_table=False).list_lost(make_pairs({(0, 1)})) == [("0", "absent", "")]
    assert count_pairs(make_pairs({(0, 1)}), qrels, one_table=True).measure("PC") == 0.5


@pytest.mark.parametrize(
    ("queries", "matches", "k", "pc", "f1"), [(2294, 2220, 2, 0.9968, 65.0), (1092, 1028, 1, 0.9445, 91.6)]
)
def test_inversion_of_published_figures(queries: int, matches: int, k: int, pc: float, f1: float) -> None:
    """Property 01.6.12: F1 from queries, k, matches and PC."""
    from nirank.evaluation.pair_measures import compute_measures

    values = compute_measures("F1", np.array([round(pc * matches), k * queries, matches], float), 1, queries)
    assert 100 * float(values) == pytest.approx(f1, abs=0.05)


def test_least_depth_and_nesting() -> None:
    """Property 01.6.9."""
    random = np.random.default_rng(3)
    ranking = make_ranking(3)
    qrels = make_qrels({(row, int(random.integers(N))) for row in range(N)})
    completeness = [count_pairs(ranking.cut(k), qrels).measure("PC") for k in range(1, N + 1)]
    assert completeness == sorted(completeness, key=float)  # type: ignore[arg-type]
    assert completeness[-1] == 1
    assert [count_pairs(ranking.cut(k), qrels).candidates.sum() for k in range(1, N + 1)] == [
        k * N for k in range(1, N + 1)
    ]
    assert find_least_depth(ranking.cut(1), make_qrels({(0, 0), (0, 1)}), 1.0) is None


@given(st.lists(edges, min_size=1, max_size=4), edges, st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_ledger_counts_and_lists_lost_matches(lists: list[Edges], gold: Edges, one_table: bool) -> None:
    ledger = PairLedger(make_qrels(gold), one_table=one_table)
    entries = []
    for at, pairs in enumerate(lists):
        entries.append(ledger.count(f"stage {at}", make_pairs(pairs)))
    sides = [gold, *lists]
    if one_table:
        sides = [{(min(pair), max(pair)) for pair in side if pair[0] != pair[1]} for side in sides]
    matches, *stages = sides
    assert [(stage["candidates"], stage["kept"], stage["lost"]) for stage in entries] == [
        (len(pairs), len(pairs & matches), len(matches - pairs)) for pairs in stages
    ]
    last = {pair: max((at for at, pairs in enumerate(stages) if pair in pairs), default=None) for pair in matches}
    assert ledger.list_lost(make_pairs(lists[-1])) == [
        (str(pair[0]), str(pair[1]), "" if last[pair] is None else f"stage {last[pair]}")
        for pair in sorted(matches - stages[-1])
    ]


@given(
    allowed=edges,
    excluded=edges,
    mask=st.lists(st.booleans(), min_size=N, max_size=N),
    rules=st.sets(st.sampled_from(["mask", "pairs", "own_rows", "excluded"])),
    n_queries=st.integers(1, N),
)
@settings(max_examples=100, deadline=None)
def test_pairs_are_possible_that_the_scope_allows(
    allowed: Edges, excluded: Edges, mask: list[bool], rules: set[str], n_queries: int
) -> None:
    queries = TABLE.slice_rows(0, n_queries)
    parts = {
        "mask": np.array(mask),
        "pairs": make_pairs({pair for pair in allowed if pair[0] < n_queries}, queries),
        "own_rows": np.arange(n_queries),
        "excluded": make_pairs({pair for pair in excluded if pair[0] < n_queries}, queries),
    }
    scope = Scope(queries, TABLE, **{name: parts[name] for name in rules})  # type: ignore[arg-type]
    in_scope = {
        (q, d)
        for q in range(n_queries)
        for d in range(N)
        if ("mask" not in rules or mask[d])
        and ("pairs" not in rules or (q, d) in allowed)
        and ("own_rows" not in rules or q != d)
        and ("excluded" not in rules or (q, d) not in excluded)
    }
    unordered = {(min(pair), max(pair)) for pair in in_scope if pair[0] != pair[1]}
    no_qrels = Qrels.from_dict({}, queries, TABLE)
    for one_table, n_possible in ((False, len(in_scope)), (True, len(unordered))):
        counts = count_pairs(make_pairs(set(), queries), no_qrels, one_table=one_table, scope=scope)
        assert counts.possible == n_possible


def test_ratios_divide_by_the_pairs_that_the_scope_allows() -> None:
    mask = np.arange(N) < 2
    evaluation = evaluate(
        make_pairs({(0, 1), (3, 0)}), make_qrels({(0, 1), (0, 5)}), ["CSSR", "PC"], Scope(TABLE, TABLE, mask)
    )
    assert evaluation.means == {"CSSR": 2 / (2 * N), "PC": 0.5}  # the match that is out of scope is lost, as for recall
    assert evaluation.pairs["possible"] == 2 * N
