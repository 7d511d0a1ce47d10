"""What measures are called elsewhere, and what nirank calls them: names of trec_eval, BEIR, ranx and others."""

from __future__ import annotations

import re

# What stands before the cut-off elsewhere, in lower case: nirank's name.
_SAME: dict[str, str] = {
    **dict.fromkeys(("ndcg", "ndcg_cut", "ndcg_at"), "nDCG"),
    **dict.fromkeys(("ndcg_burges", "ndcg_exp"), "nDCG_exp"),
    **dict.fromkeys(("map", "map_cut", "map_at", "ap", "average_precision", "mean_average_precision"), "AP"),
    **dict.fromkeys(("mrr", "mrr_at", "rr", "recip_rank", "reciprocal_rank", "mean_reciprocal_rank"), "RR"),
    **dict.fromkeys(("p", "precision", "precision_at", "prec"), "P"),
    **dict.fromkeys(("r", "recall", "recall_at"), "R"),
    **dict.fromkeys(("r_cap", "rcap", "recall_cap", "capped_recall"), "Rcap"),
    **dict.fromkeys(("success", "hit_rate", "hit_rate_at", "hitrate", "hit", "hits_at", "accuracy_at"), "Success"),
    **dict.fromkeys(("top_k_accuracy", "accuracy", "success_at", "hr"), "Success"),
    **dict.fromkeys(("judged", "judged_at"), "Judged"),
    **dict.fromkeys(("rprec", "r_precision", "r_prec"), "Rprec"),
    **dict.fromkeys(("bpref",), "Bpref"),
    **dict.fromkeys(("infap", "inf_ap"), "infAP"),
    **dict.fromkeys(("err", "err_at"), "ERR"),
    **dict.fromkeys(("set_p",), "SetP"),
    **dict.fromkeys(("set_recall",), "SetR"),
    **dict.fromkeys(("set_f",), "SetF"),
    **dict.fromkeys(("set_map",), "SetAP"),
    **dict.fromkeys(("wss", "wss_at"), "WSS"),
    **dict.fromkeys(("last_rel", "lastrel"), "last_rel"),
    **dict.fromkeys(("norm_area", "normarea"), "norm_area"),
    **dict.fromkeys(("tnr", "nwss", "true_negative_rate"), "TNR"),
    **dict.fromkeys(("atd", "average_time_to_discovery"), "ATD"),
    **dict.fromkeys(("pc", "pair_completeness", "pairs_completeness", "blocking_recall"), "PC"),
    **dict.fromkeys(("pq", "pair_quality", "pairs_quality"), "PQ"),
    **dict.fromkeys(("reduction_ratio", "reduction"), "reduction_ratio"),
    **dict.fromkeys(("cssr", "candidate_set_size_ratio"), "CSSR"),
}
_NEED = frozenset({"P", "R", "Rcap", "Success", "Judged", "TNR", "WSS"})
_WHOLE = frozenset({"Rprec", "Bpref", "infAP", "SetP", "SetR", "SetF", "SetAP", "last_rel", "norm_area", "ATD"})
_SCORES = re.compile(r"^(?:cosine|cos_sim|dot|dot_score|euclidean|manhattan|max|main|val|test|eval)[_-]", re.IGNORECASE)
_PARTS = re.compile(r"^(?P<family>f1|[a-z][a-z_-]*?)(?:[@._-]?(?P<cutoff>\d+))?(?:,[\d,]+)?$", re.IGNORECASE)
_RECALL_POINT = re.compile(r"^iprec_at_recall_(?P<recall>\d?\.\d+|\d)$", re.IGNORECASE)
_PERSISTENCE = re.compile(r"^rbp[._@](?P<p>\d+)$", re.IGNORECASE)
_COUNTED = {
    **dict.fromkeys(("num_q", "num_rel", "num_ret", "num_rel_ret"), "counts are on each row, not means"),
    **dict.fromkeys(("gm_map", "gm_bpref"), "geometric means are not offered; AP has the arithmetic one"),
    **dict.fromkeys(("hits", "hit_count"), "counts are not offered; R@10 and P@10 are shares"),
    **dict.fromkeys(("hole",), "Judged@10 is 1 minus the share of holes"),
    **dict.fromkeys(("f1", "f"), "P@10 and R@10 are parts of what is not offered by query; F1@10 is of pairs"),
    **dict.fromkeys(("dcg", "dcg_at", "dcg_burges"), "gains that are not normalised are not offered; nDCG@10 is"),
}


def suggest_name(name: str) -> str:
    """Return `; nirank calls it nDCG@10` for another tool's name, or an empty string where that is unknown."""
    stripped = _SCORES.sub("", name.strip())
    if point := _RECALL_POINT.match(stripped):
        return f"; nirank calls it IPrec@{float(point['recall']):g}"
    if persistence := _PERSISTENCE.match(stripped):
        return f"; nirank calls it RBP(p=0.{persistence['p']})"
    match = _PARTS.match(stripped)
    if not match:
        return ""
    family, cutoff = match["family"].lower().replace("-", "_").rstrip("_"), match["cutoff"]
    if family in _COUNTED:
        return f"; {_COUNTED[family]}"
    same = _SAME.get(family)
    if same is None or (cutoff is not None and int(cutoff) == 0):
        return ""
    if same in _WHOLE or (cutoff is None and same not in _NEED):
        return f"; nirank calls it {same}"
    return f"; nirank calls it {same}@{cutoff}" if cutoff else f"; nirank calls it {same}, with a cut-off: {same}@10"
