"""Measures by name, as ir_measures spells them: `nDCG@10`, `AP`, `P(rel=2)@5`.

Every value is a query's, and a mean counts each query once (macro), however many documents it has; measures of pairs,
for blocking, are the exception.

The families that nirank computes on arrays; n is the cut-off (none: the whole list),
R the number of relevant documents of the query (dangling ones included), rel(i) 1 where the
document at rank i has a grade of at least `rel`, g(i) its grade, not below 0:

    P@n         sum of rel(i) / n, also where fewer than n were returned
    R@n         sum of rel(i) / R
    Rcap@n      sum of rel(i) / min(n, R), capped recall (Thakur et al., NeurIPS 2021, BEIR, section 4)
    Success@n   1 if any rel(i) is 1
    RR, RR@n    1 / the least i with rel(i) = 1, 0 if there is none (Voorhees, TREC-8, 1999)
    AP, AP@n    sum of rel(i) · P@i / R (Buckley and Voorhees, SIGIR 2000)
    nDCG, @n    DCG / ideal DCG, DCG = sum of g(i) / log2(i + 1); ideal over all judged documents
    nDCG_exp    the same with gain 2^g − 1 (Burges et al., ICML 2005)
    Rprec       sum of rel(i) for i up to R, / R; R-precision
    Judged@n    judged documents / documents returned up to n

and for screening, where somebody reads the list down (N documents may be returned to the query: its
candidates, or the corpus; R counts the relevant ones among them):

    last_rel    rank of the last relevant document, N if it was not returned; the lower the better
    WSS@r       work saved over sampling, (N - L) / N - (1 - r / 100) with L the rank at which
                ceil(r · R / 100) relevant documents are found, 0 if they never are (Cohen et al., JAMIA 2006)
    R@p%        recall at rank ceil(p · N / 100)
    norm_area   area under the curve of relevant documents found, half a step at each, over that of
                the best list, R · N - R² / 2; documents that were not returned come last (Kanoulas et
                al., CLEF 2017 Technologically Assisted Reviews, Task 2)
    TNR@r       true negative rate, WSS normalised to 1 (Kusa et al., Intelligent Systems with Applications
                2023): of the N - R documents that are not relevant the share that is unread at L, the rank of
                WSS@r; 0 if it is never reached. ASReview's L is that of the floor(r · R / 100)-th relevant one
    ERF@p%      extra relevant documents found, as ASReview Insights has it: with k = floor(p · N / 100) read,
                those found less round(R (k - 1) / (N - 1)), halves to even, its random order; over R
    ATD         average time to discovery, the mean rank of the relevant documents, as in ASReview Insights
                (Ferdinands et al., Systematic Reviews 2023, divide it by N); those that were not returned come
                last. The lower the better
    loss        ASReview's: the sum of the relevant documents' ranks less R (R + 1) / 2, its least, over
                R (N - R): 0 for the best order, 0.5 as by chance, 1 for the worst. The lower the better

TARexp's optimistic cost at recall r, all costs being one, is L of WSS@r.
Queries with R = 0 are left out of the means of these eight. CLEF TAR's own variants, which round
otherwise, are in `clef_tar`.

and for blocking, where pairs of records are the unit. C are the distinct candidate pairs, G the matches (pairs judged
with at least `min_rel`, absent records included), N all pairs of records. These are micro, sums over pairs and no means
over queries; with @k, C are the first k of each list, without it all of a list, or candidates that have no order:

    PC, @k             pair completeness, |C ∩ G| / |G|
    PQ, @k             pair quality, |C ∩ G| / |C|
    F1, @k             2 |C ∩ G| / (|C| + |G|), the harmonic mean of both
    reduction_ratio    1 - |C| / N, also @k; the literature's RR, which here is the reciprocal rank
    CSSR, @k           candidate set size ratio, |C| / N; the lower the better
    candidates, @k     |C| / query records; the lower the better
    least_k(PC>=0.95)  the least k with PC@k of at least that; the lower the better

PQ and F1 take pairs without a judgement for non-matches, so they have a value where the judgement set is called
`complete`, and elsewhere only by the names PQ(complete) and F1(complete). `pair_measures` has sources, and what holds
in one table.

`rel` is the collection's `min_rel` unless the name says it. For a query without results all measures of single queries
are 0 but those of screening.
Definitions agree with trec_eval's (ndcg is Järvelin and Kekäläinen's, TOIS 2002, with log2(i + 1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nirank.errors import ConfigError
from nirank.evaluation.foreign import parse_foreign
from nirank.evaluation.kernels import KERNELS
from nirank.evaluation.screening import KERNELS as SCREENING

ALIASES = {
    "MAP": "AP",
    "MRR": "RR",
    "NDCG": "nDCG",
    "Precision": "P",
    "Recall": "R",
    "Last_Rel": "last_rel",
    "R-Precision": "Rprec",
    "RPrec": "Rprec",
}
NATIVE = (*KERNELS, *SCREENING)
PAIRS = ("CSSR", "F1", "PC", "PQ", "candidates", "least_k", "reduction_ratio")
NEED_COMPLETE = ("F1", "PQ")
_SETS = ("SetAP", "SetF", "SetP", "SetR")  # of ir_measures: they read no order
_LOWER = ("ATD", "last_rel", "loss", "CSSR", "candidates", "least_k")
GRADED = ("nDCG", "nDCG_exp", "Judged")  # no threshold divides their documents
_DIGITS = 9
_NEED_CUTOFF = ("Judged", "P", "R", "Rcap", "Success")
_NO_CUTOFF = ("ATD", "Rprec", "last_rel", "loss", "norm_area")
_AT_RECALL = ("TNR", "WSS")  # whose number is a recall in per cent
_AT_SHARE = {"ERF": "ERF%", "R": "R%"}  # of the pool, in per cent
_NAME = re.compile(r"^(?P<family>[A-Za-z][\w-]*)(?:\((?P<options>.*)\))?(?:@(?P<cutoff>\d+)(?P<share>%)?)?$")
_TARGET = re.compile(r"^PC>=(\d?\.\d{1,9}|1)$")
_OTHERS = ("ERR", "Bpref", "RBP", "infAP", "SetP", "SetR", "SetF", "SetAP", "IPrec", "INST", "Compat", "Accuracy")


@dataclass(frozen=True)
class Measure:
    """One measure, parsed.

    name     as asked for; the key in files
    family   one of NATIVE, or what ir_measures calls it
    cutoff   None: the whole list
    level    of WSS and TNR the recall, of R@p% and ERF@p% the share of the pool, in per cent
    target   of least_k the pair completeness to reach
    complete whether the name says that pairs without a judgement are no matches
    rel      the threshold that the name gives; None: the collection's
    foreign  ir_measures' object where nirank does not compute the measure itself
    """

    name: str
    family: str
    cutoff: int | None = None
    rel: int | None = None
    foreign: Any = None
    level: int | None = None
    target: float | None = None
    complete: bool = False

    @property
    def of_pairs(self) -> bool:
        """Tell whether it is a sum over pairs, which has no value of a single query."""
        return self.family in PAIRS

    @property
    def unordered(self) -> bool:
        """Tell whether candidates without order have it."""
        return self.cutoff is None and (self.family in _SETS or (self.of_pairs and self.family != "least_k"))

    @property
    def screening(self) -> bool:
        """Tell whether it asks how far down a list someone must read."""
        return self.family in SCREENING

    def __str__(self) -> str:
        return self.name


def parse_measure(name: str) -> Measure:
    """Return the measure of that name; raise ConfigError with the nearest spelling."""
    match = _NAME.match(name.strip())
    if not match:
        return _parse_ir_measure(name, "")  # IPrec@0.1: what stands behind @ need not be a cut-off
    family = ALIASES.get(match["family"], match["family"])
    options = (match["options"] or "").replace(" ", "")
    cutoff = int(match["cutoff"]) if match["cutoff"] else None
    if cutoff == 0 and family not in _AT_RECALL and not match["share"]:
        raise ConfigError(f"measure '{name}': the cut-off must be 1 or more")
    if family == "nDCG" and options in ("dcg='exp-log2'", 'dcg="exp-log2"'):
        family, options = "nDCG_exp", ""
    threshold = re.match(r"^rel=(\d+)$", options)
    if any(number and len(number) > _DIGITS for number in (match["cutoff"], threshold and threshold[1])):
        raise ConfigError(f"measure '{name}': numbers have at most {_DIGITS} digits")
    if family in PAIRS and not match["share"]:
        return _parse_pair_measure(name, family, options, cutoff)
    level = None
    if family in (*_AT_RECALL, "ERF") or match["share"]:
        level, cutoff = cutoff, None
        if not level or level > 100 or family not in (_AT_SHARE if match["share"] else _AT_RECALL):
            example = "ERF@10%" if family == "ERF" else "WSS@95 or R@10%"
            raise ConfigError(f"measure '{name}': expected a share from 1 to 100 per cent, as in {example}")
        family = _AT_SHARE.get(family, family)
    if family in NATIVE and (not options or (threshold and family not in GRADED)):
        if cutoff is not None and family in _NO_CUTOFF:
            raise ConfigError(f"measure '{name}' takes no cut-off; expected {family}")
        if cutoff is None and family in _NEED_CUTOFF:
            raise ConfigError(f"measure '{name}' needs a cut-off, such as {family}@10")
        rel = int(threshold[1]) if threshold else None
        if rel == 0:
            raise ConfigError(f"measure '{name}': rel must be 1 or more; grade 0 means not relevant")
        return Measure(name, family, cutoff, rel, level=level)
    return _parse_ir_measure(name, family)


def _parse_pair_measure(name: str, family: str, options: str, cutoff: int | None) -> Measure:
    """Parse a measure of candidate pairs."""
    if family == "least_k":
        target = _TARGET.match(options)
        if not target or cutoff is not None or not 0 < float(target[1]) <= 1:
            raise ConfigError(f"measure '{name}': expected a pair completeness to reach, as in least_k(PC>=0.95)")
        return Measure(name, family, target=float(target[1]))
    if options and (options != "complete" or family not in NEED_COMPLETE):
        takes = f"{family}(complete)" if family in NEED_COMPLETE else family
        raise ConfigError(f"measure '{name}': expected {takes} or {takes}@10, got the option '{options}'")
    return Measure(name, family, cutoff, complete=bool(options))


def list_measure_names(asked: Any) -> tuple[str, ...]:
    """Return measures by name: one or several, as text or as objects of ir_measures; raise ConfigError for others."""
    given = [asked] if isinstance(asked, (str, Measure)) or _is_foreign(asked) else asked
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise ConfigError(f"measures: expected names such as ['nDCG@10', 'R@100'], got {asked!r}")
    names = []
    for measure in given:
        if not isinstance(measure, (str, Measure)) and not _is_foreign(measure):
            raise ConfigError(f"measures: expected names such as 'nDCG@10', got {measure!r}")
        names.append(str(measure))
    return tuple(names)


def _is_foreign(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "ir_measures"


def lower_is_better(name: str) -> bool:
    """Tell whether less of a measure is better, by its name."""
    return _get_family(name) in _LOWER


def is_of_pairs(name: str) -> bool:
    """Tell whether a measure is a sum over pairs, by its name."""
    return _get_family(name) in PAIRS


def _get_family(name: str) -> str:
    family = re.split(r"[@(]", name.strip(), maxsplit=1)[0]
    return ALIASES.get(family, family)


def _parse_ir_measure(name: str, family: str) -> Measure:
    """Parse a measure that ir_measures computes."""
    known = dict.fromkeys((*ALIASES, *_OTHERS, *NATIVE, *PAIRS))
    measure = parse_foreign(name, family, known)
    params = measure.params
    return Measure(name, family or measure.NAME, params.get("cutoff"), params.get("rel"), measure)
