"""Names of measures: what other tools call them, what their parameters may be, and which are no means."""

from __future__ import annotations

import pytest

from nirank.errors import ConfigError
from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.measures import parse_measure
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

ELSEWHERE = {  # trec_eval's and pytrec_eval's, BEIR's, ranx's, MTEB's and sentence-transformers'
    "nDCG@10": ("ndcg_cut_10", "ndcg_cut.10", "ndcg@10", "ndcg_at_10", "cosine_ndcg@10", "cosine-NDCG@10"),
    "nDCG_exp@10": ("ndcg_burges@10",),
    "nDCG": ("ndcg",),
    "AP": ("map",),
    "AP@100": ("map_cut_100", "map@100", "map_at_100", "dot_map@100"),
    "RR": ("recip_rank", "mrr"),
    "RR@10": ("mrr@10", "mrr_at_10", "cosine_mrr@10"),
    "P@10": ("P_10", "P.10", "precision@10", "precision_at_10", "cosine_precision@10", "P10"),
    "R@1000": ("recall_1000", "recall.1000", "recall@1000", "recall_at_1000"),
    "Rcap@100": ("R_cap@100",),
    "Success@1": ("success_1", "hit_rate@1", "accuracy@1", "top_k_accuracy@1", "cosine_accuracy@1"),
    "Rprec": ("r-precision", "R_prec"),
    "Bpref": ("bpref",),
    "SetP": ("set_P",),
    "SetR": ("set_recall",),
    "IPrec@0.1": ("iprec_at_recall_0.10",),
    "RBP(p=0.95)": ("rbp.95",),
    "WSS@95": ("wss_95", "wss95"),
}


@pytest.mark.parametrize(
    ("name", "expected"), [(name, expected) for expected, names in ELSEWHERE.items() for name in names]
)
def test_names_of_other_tools_are_answered_with_nirank_s(name: str, expected: str) -> None:
    with pytest.raises(ConfigError, match="there is no measure") as error:
        parse_measure(name)
    assert str(error.value).endswith(f"nirank calls it {expected}")
    if not expected.startswith("RBP"):  # of a library that need not be installed
        assert parse_measure(expected).name == expected


@pytest.mark.parametrize("name", ["NDCG@10", "MAP@100", "Recall@100", "P@5", "MRR@10", "MAP", "R-Precision"])
def test_names_of_beir_that_mean_the_same_are_taken(name: str) -> None:
    assert parse_measure(name).name == name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("recall", "nirank calls it R, with a cut-off: R@10"),
        ("num_ret", "counts are on each row"),
        ("gm_map", "AP has the arithmetic one"),
        ("Hole@10", "Judged@10 is 1 minus"),
        ("f1@10", "P@10 and R@10"),
        ("dcg@10", "nDCG@10 is"),
    ],
)
def test_what_has_no_equal_here_is_said(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_measure(name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("IPrec@1.1", "a recall lies between 0 and 1, got 1.1"),
        ("Bpref(rel=0)", "rel must be 1 or more"),
        ("ERR@0", "the cut-off must be 1 or more"),
        ("Accuracy(rel=0)@5", "rel must be 1 or more"),
        ("SetF(beta=0)", "beta must be above 0"),
        ("Compat(p=1.0)", "p lies between 0 and 1"),
        ("WSS@0", "a share from 1 to 100"),
        ("WSS@101", "a share from 1 to 100"),
        ("R@0%", "a share from 1 to 100"),
        ("R@150%", "a share from 1 to 100"),
        ("nDCG@-5", "a cut-off is a whole number from 1"),
        ("P@2.5", "a cut-off is a whole number from 1"),
        ("nDCG@10,AP", "several stand one by one"),
        ("INST", "needs the option max_rel"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused_in_a_sentence(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as error:
        parse_measure(name)
    assert "object at" not in str(error.value)


@pytest.mark.parametrize("name", ["NumQ", "NumRet", "NumRel", "NumRet(rel=1)"])
def test_sums_are_no_means(name: str) -> None:
    with pytest.raises(ConfigError, match="summed over queries"):
        parse_measure(name)


@pytest.mark.parametrize("name", ["alpha_nDCG@10", "ERR_IA@20", "StRecall@5"])
def test_measures_of_subtopics_need_what_is_not_read(name: str) -> None:
    with pytest.raises(ConfigError, match="by subtopic"):
        parse_measure(name)


def test_a_measure_that_its_library_fails_on_is_null_and_the_others_are_not() -> None:
    run, judged = {"q": {"a": 2.0}, "r": {"b": 1.0}}, {"q": {"a": 1}, "r": {"b": 1}}
    ranking = Ranking.from_dict(run)
    evaluation = evaluate(
        ranking, Qrels.from_dict(judged, ranking.queries, ranking.docs), ["Accuracy@1", "Bpref", "AP"]
    )
    assert (evaluation.means["Accuracy@1"], evaluation.means["AP"], evaluation.means["Bpref"]) == (None, 1.0, 1.0)
    assert evaluation.nulls["Accuracy@1"].startswith(
        "Accuracy@1 cannot be computed here (ir_measures: ZeroDivisionError"
    )
    assert "Accuracy@1" not in evaluation.per_query
