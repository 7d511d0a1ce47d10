"""Measures that ir_measures computes: their names read, and what their parameters may be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.evaluation.equivalents import suggest_name

_SUBTOPICS = ("alpha_DCG", "alpha_nDCG", "ERR_IA", "nERR_IA", "AP_IA", "P_IA", "StRecall", "NRBP", "nNRBP")
_DOMAINS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "cutoff": (lambda value: value >= 1, "the cut-off must be 1 or more"),
    "rel": (lambda value: value >= 1, "rel must be 1 or more; grade 0 means not relevant"),
    "recall": (lambda value: 0 <= value <= 1, "a recall lies between 0 and 1"),
    "p": (lambda value: 0 < value < 1, "p lies between 0 and 1"),
    "beta": (lambda value: 0 < value < math.inf, "beta must be above 0"),
    "T": (lambda value: 0 < value < math.inf, "T must be above 0"),
    "min_rel": (lambda value: value >= 0, "min_rel must be 0 or more"),
    "max_rel": (lambda value: value >= 1, "max_rel must be 1 or more"),
}


def parse_foreign(name: str, family: str, known: Mapping[str, Any]) -> Any:
    """Return ir_measures' object for a name; raise ConfigError with what is wrong with it, or the right name.

    family  what stands before cut-off and options; empty where the name has no such form
    known   names that are suggested
    """
    import ir_measures

    try:
        with warnings.catch_warnings():  # its parser uses names of `ast` that Python 3.12 warns about
            warnings.simplefilter("ignore", DeprecationWarning)
            measure = ir_measures.parse_measure(name)
            supported = ir_measures.DefaultPipeline.supports(measure)
    except Exception as error:
        raise _explain_unknown(name, family, known, error) from None
    wrong = next(_find_bad_options(measure), None)
    if wrong is not None:
        raise ConfigError(f"measure '{name}': {wrong}")
    if measure.NAME in _SUBTOPICS:
        raise ConfigError(f"measure '{name}' needs judgements by subtopic; nirank reads one label a document")
    if not isinstance(measure.aggregator(), ir_measures.measures.MeanAgg):
        raise ConfigError(
            f"measure '{name}' is summed over queries, and a leaderboard shows means; how many queries and documents"
            " there are is counted on each row"
        )
    if not supported:
        raise ConfigError(f"measure '{name}' is known to ir_measures, but what computes it is not installed")
    return measure


def _explain_unknown(name: str, family: str, known: Mapping[str, Any], error: Exception) -> ConfigError:
    suggestion = suggest_name(name)
    if suggestion:
        return ConfigError(f"there is no measure '{name}'{suggestion}")
    if family in known:
        return ConfigError(f"measure '{name}' cannot be read: {_explain_error(error)}")
    if not family:
        number = "; a cut-off is a whole number from 1" if "@" in name else ""
        if "," in name.partition("(")[0] + name.rpartition(")")[2]:
            number = "; several stand one by one: nDCG@10 AP, or [nDCG@10, AP] in a configuration"
        return ConfigError(f"'{name}' is no measure; expected a name such as nDCG@10, AP or P(rel=2)@5{number}")
    return ConfigError(
        f"there is no measure '{name}', named as in ir_measures: nDCG@10, AP, R@100{suggest(family, known)}"
    )


def _explain_error(error: Exception) -> str:
    """Return the library's words, or what they mean: of a missing option it tells an address in memory."""
    words = str(error) or type(error).__name__
    option, _, value = words.removeprefix("invalid param ").partition("=")
    if not words.startswith("invalid param "):
        return words
    if value.startswith("<object"):
        return f"it needs the option {option}, as in ({option}=1)"
    return f"{_DOMAINS[option][1]}, got {value}" if option in _DOMAINS else f"{option} cannot be {value}"


def _find_bad_options(measure: Any) -> Iterator[str]:
    """Yield which parameters have values that cannot be meant."""
    for option, value in measure.params.items():
        fits, rule = _DOMAINS.get(option, (None, ""))
        if fits is None or isinstance(value, bool):
            continue
        if not isinstance(value, (int, float)) or not fits(value):
            yield f"{rule}, got {value!r}"
