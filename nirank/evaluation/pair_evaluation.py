"""What candidate pairs are worth under judgements: measures of pairs, why some have none, what a row says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nirank.evaluation.measures import NEED_COMPLETE, Measure
from nirank.evaluation.pair_measures import PairCounts, count_pairs, find_least_depth
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

COMPLETE = "complete"  # a judgement set, or split of pairs, of this name lists all matches
_OF_ALL_PAIRS = ("CSSR", "reduction_ratio")
_NO_MATCH = "no match is judged"


@dataclass(frozen=True)
class PairEvaluation:
    """Values of measures on pairs, by the names asked for.

    values  {name: value}, those that have one
    nulls   {name: why it has none}
    counts  {name: what each record adds to it}, for intervals and tests; not of least_k
    facts   candidates, matches, kept, lost, possible (pairs; None where the documents are not all known), records (that
            ask), per_record (candidates), with_match and reached (records with a match, and with one that is kept),
            ordered (whether they are lists); of the whole lists
    """

    values: Mapping[str, float] = field(default_factory=dict)
    nulls: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, PairCounts] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    convention: str = ""


def evaluate_pairs(
    pairs: Pairs,
    qrels: Qrels,
    measures: Sequence[Measure],
    lacking: Collection[str] = (),
    *,
    scope: Scope | None = None,
    one_table: bool,
    whole_corpus: bool,
    complete: bool,
    both_ask: bool = False,
) -> PairEvaluation:
    """Evaluate candidate pairs, or a ranking as the pairs that its lists hold.

    measures      those of pairs
    lacking       names of those that these candidates cannot have, such as those with a cut-off where nothing is ranked
    scope         which pairs are possible; None: all
    whole_corpus  whether all documents are known, and so how many pairs are possible
    complete      whether the judgements list all matches, so that other pairs are none
    both_ask      whether the documents ask too; the pairs are what either side found
    """
    total = count_pairs(pairs, qrels, one_table=one_table, both_ask=both_ask, scope=scope)
    values: dict[str, float] = {}
    nulls: dict[str, str] = {}
    counts: dict[str, PairCounts] = {}
    at: dict[int | None, PairCounts] = {None: total}
    for measure in measures:
        if measure.name in lacking:
            continue
        if measure.family in NEED_COMPLETE and not (complete or measure.complete):
            nulls[measure.name] = _explain_incomplete(measure, qrels)
        elif measure.family in _OF_ALL_PAIRS and not whole_corpus:
            nulls[measure.name] = "counts the pairs that are possible; these documents are not all there are"
        elif measure.family == "least_k":
            assert isinstance(pairs, Ranking) and measure.target is not None
            least = find_least_depth(pairs, qrels, measure.target, one_table=one_table)
            if least is None:
                reached = total.measure("PC")
                reason = _NO_MATCH if reached is None else f"PC is {reached:.4f} where the lists end"
                nulls[measure.name] = reason
            else:
                values[measure.name] = float(least)
        else:
            if measure.cutoff not in at:
                assert isinstance(pairs, Ranking) and measure.cutoff is not None
                at[measure.cutoff] = replace(
                    count_pairs(pairs.cut(measure.cutoff), qrels, one_table=one_table), possible=total.possible
                )
            value = at[measure.cutoff].measure(measure.family)
            if value is None:
                nulls[measure.name] = _NO_MATCH if measure.family in ("PC", "F1") else "there are no candidates"
            else:
                values[measure.name], counts[measure.name] = value, at[measure.cutoff]
    facts = _list_facts(total, whole_corpus) | {"ordered": isinstance(pairs, Ranking)}
    return PairEvaluation(
        values, nulls, counts, facts, _describe_convention(measures, qrels, facts, one_table, complete, both_ask)
    )


def _explain_incomplete(measure: Measure, qrels: Qrels) -> str:
    complete_name = f"{measure.family}(complete)" + (f"@{measure.cutoff}" if measure.cutoff else "")
    return (
        f"takes pairs without a judgement for non-matches, and '{qrels.name}' may list only some of the"
        f" matches; a judgement set or split of pairs called '{COMPLETE}' has it, and {complete_name} says that all are"
        " listed"
    )


def _list_facts(counts: PairCounts, whole_corpus: bool) -> dict[str, Any]:
    candidates, matches, kept = (int(column.sum()) for column in (counts.candidates, counts.matches, counts.hits))
    reached, with_match = counts.reached
    return {
        "candidates": candidates,
        "per_record": candidates / counts.asking if counts.asking else 0.0,
        "matches": matches,
        "kept": kept,
        "lost": matches - kept,
        "possible": counts.possible if whole_corpus else None,
        "records": counts.asking,
        "with_match": with_match,
        "reached": reached,
    }


def _describe_convention(
    measures: Sequence[Measure],
    qrels: Qrels,
    facts: Mapping[str, Any],
    one_table: bool,
    complete: bool,
    both_ask: bool,
) -> str:
    words = f"micro over the {facts['matches']:,} matches of '{qrels.name}'"
    if one_table:
        words += "; one table: a pair counts once, whatever its order, and none with itself"
    if both_ask:
        words += f"; candidates of the {facts['records']:,} records of both tables, a pair counted once, whoever asked"
    counting = [
        measure.name for measure in measures if measure.family in NEED_COMPLETE and (complete or measure.complete)
    ]
    if counting:
        why = f"it is called '{COMPLETE}'" if complete else "as asked for"
        names = ", ".join(counting)
        words += f"; {names}: pairs without a judgement are no matches, the list being complete ({why})"
    return words
