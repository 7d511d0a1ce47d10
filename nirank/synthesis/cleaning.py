"""Cleaning: what is left of written queries, by rules in their order, each counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from nirank.base.values import convert_field, to_expression
from nirank.errors import ConfigError, suggest
from nirank.synthesis.cleaning_rules import (
    Ascii,
    CleaningRule,
    CutAt,
    EndMarks,
    FirstLine,
    Language,
    NotEmpty,
    Numbering,
    Prefix,
    QuestionMark,
    Quotes,
    Words,
)
from nirank.synthesis.query_table import QueryTable

RULES: Mapping[str, type[CleaningRule]] = {
    rule.name: rule
    for rule in (Prefix, CutAt, FirstLine, Numbering, Quotes, QuestionMark, EndMarks, NotEmpty, Words, Ascii, Language)
}

_STANDARD = (
    FirstLine(skip_announcements=True),
    Numbering(),
    Quotes(),
    Prefix(("relevant query:", "search query:", "query:", "question:")),
    Quotes(),
    CutAt(("Document:", "Relevant Query:", "Explanation:", "Answer:", "Note:")),
    EndMarks(),
    NotEmpty(),
    Words(2, 64),
)
# Chandradevan, Dhole and Agichtein, NAACL 2024, as in the authors' code: query_generation.py writes, and
# train_data_generation.py cleans again. There the prompt stands before each query, and is taken off first.
_DUQGEN = (
    CutAt(
        (
            "Example 5:",
            "In each of these examples, the AI model is trained on a large corpus of text data,",
            "Answer:",
        )
    ),
    FirstLine(),
    QuestionMark("cut"),
    CutAt(
        (
            *("In each of these examples", "In each example,", "Explanation:", "Example 1:", "Example 2:"),
            *("In this example", "Note:", "In the above examples", "Note that in each example"),
            *("In the first three examples", "In the first example", "Answer:"),
            *("By analyzing the provided documents", "Note that the examples", "In both examples", "In each case"),
            *("Note that the relevant queries", "In each of the examples"),
        )
    ),
    NotEmpty(),
    Ascii(),
)
PRESETS: Mapping[str, tuple[CleaningRule, ...]] = {"standard": _STANDARD, "duqgen": _DUQGEN, "none": ()}


@dataclass(frozen=True)
class Cleaning:
    """Rules, applied to each query in their order; a query that one of them drops, the others do not see.

    rules  of `nirank.synthesis.cleaning_rules`, or as YAML has them: a list of names and of mappings such as
           {words: {least: 3}}, or the name of a preset: standard, duqgen or none
    """

    rules: Any = _STANDARD

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", read_rules(self.rules, "cleaning"))

    @property
    def reads_docs(self) -> bool:
        """Whether a rule looks at documents."""
        return any(rule.reads_docs for rule in self.rules)

    def describe_identity(self) -> list[Mapping[str, Any]]:
        """Return what the outcome depends on."""
        return [rule.describe_identity() for rule in self.rules]

    def clean_table(self, table: QueryTable, documents: Sequence[str] | None = None) -> QueryTable:
        """Return the table with cleaned queries, and a reason at those that a rule drops.

        documents  of each query; None: no rule looks at them
        """
        texts = [""] * len(table) if documents is None else documents
        queries, reasons = list(table.queries), list(table.reasons)
        counts: Counter[str] = Counter()
        for place, document in enumerate(texts):
            if not reasons[place]:
                queries[place], reasons[place] = self._clean_query(queries[place], document, counts)
        kept = sum(not reason for reason in reasons)
        return replace(table, queries=queries, reasons=reasons, counts={**table.counts, **+counts, "kept": kept})

    def _clean_query(self, query: str, document: str, counts: Counter[str]) -> tuple[str, str]:
        """Return what is left of a query, and what drops it; '' where nothing does."""
        query = query.strip()
        for rule in self.rules:
            cleaned = rule.clean(query).strip()
            counts[f"changed by {rule.name}"] += cleaned != query
            query = cleaned
            if rule.drops(query, document):
                reason = f"cleaning: {rule.name}"
                counts[reason] += 1
                return query, reason
        return query, ""

    def __repr__(self) -> str:
        return to_expression(self)


def read_rules(value: Any, place: str) -> tuple[CleaningRule, ...]:
    """Return the rules that a preset's name or a list describes; raise ConfigError, beginning with a place."""
    if isinstance(value, str):
        if value not in PRESETS:
            presets = ", ".join(PRESETS)
            raise ConfigError(
                f"{place}: there is no preset '{value}'; expected one of {presets}{suggest(value, PRESETS)}"
            )
        return PRESETS[value]
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{place}: expected a preset's name or a list of rules, got {value!r}")
    return tuple(rule if isinstance(rule, CleaningRule) else _read_rule(rule, place) for rule in value)


def _read_rule(value: Any, place: str) -> CleaningRule:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ConfigError(f"{place}: expected a rule such as {{words: {{least: 3}}}}, got {value!r}")
    ((name, options),) = value.items()
    kind = RULES.get(name)
    if kind is None:
        raise ConfigError(
            f"{place}: there is no rule '{name}'; expected one of {', '.join(RULES)}{suggest(name, RULES)}"
        )
    known = {field.name: field for field in fields(kind)}
    if not isinstance(options, Mapping):  # of its first option alone
        if not known:
            raise ConfigError(f"{place}: {name} has no options, got {options!r}")
        options = {next(iter(known)): options}
    wrong = next((option for option in options if option not in known), None)
    if wrong is not None:
        raise ConfigError(f"{place}: {name} has no option '{wrong}'{suggest(str(wrong), known)}")
    missing = [option for option, field in known.items() if field.default is MISSING and option not in options]
    if missing:
        raise ConfigError(f"{place}: {name} needs '{missing[0]}'")
    try:
        return kind(**{option: convert_field(kind, option, value) for option, value in options.items()})
    except ConfigError as error:
        start = f"{place}: {name}: "
        raise ConfigError(start + str(error).removeprefix(f"cleaning: {name}: ")) from None
