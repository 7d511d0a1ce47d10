"""The part `synthetic` of training data, and of stages that read written queries: select, generate, clean, filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nirank.config.open_file import Form, OpenFile
from nirank.config.paths import SourcePath
from nirank.config.sections import SCALAR, Section, Words, make_form, make_section, mark_form, read_value
from nirank.config.yaml_tree import Tree
from nirank.errors import suggest
from nirank.synthesis.causal_generator import CausalGenerator
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.endpoint_generator import EndpointGenerator
from nirank.synthesis.extractive import Extractive
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.filters.likeness import NearDuplicates, TitleCopies
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import LikelihoodRatio, LogProbability, ScoreFilter
from nirank.synthesis.generator import Generator
from nirank.synthesis.selection import Selection
from nirank.synthesis.seq2seq_generator import Seq2SeqGenerator
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries

_GENERATORS: Mapping[str, type[Generator]] = {
    "causal": CausalGenerator,
    "endpoint": EndpointGenerator,
    "extractive": Extractive,
    "seq2seq": Seq2SeqGenerator,
}
_FILTERS = (RoundTrip, ScoreFilter, LikelihoodRatio, LogProbability, NearDuplicates, TitleCopies)
Choice = tuple[type[Section], Callable[..., Any]]  # a section, and what is made of its keys


SyntheticKeys = make_section(
    Synthetic,
    Words("data", "written queries have no key", "{synthetic: {select: …, generate: …}, negatives: …}"),
    without=["queries", "source"],
    synthetic=(mark_form("synthetic"), ...),
    negatives=mark_form("negatives"),
    teacher=mark_form("pipeline"),
    path=SourcePath,
)
SyntheticQueryKeys = make_section(
    SyntheticQueries,
    Words("synthetic", "synthetic has no key", "{select: {n: 1000, …}, generate: extractive, filters: […]}"),
    without=["selection", "generator", "cleaning", "filters"],
    select=mark_form("selection"),
    generate=(mark_form("generator"), ...),
    clean=mark_form("cleaning"),
    filters=mark_form("query_filter", least=0),
)
SelectionKeys = make_section(
    Selection,
    Words("select", "select has no key", "{n: 1000, clusters: knee, encoder: {dense: …}}"),
    encoder=mark_form("pipeline"),
)
FewShotKeys = make_section(
    FewShot, Words("examples", "examples have no key", "{queries: {split: train}, n: 3}"), queries=mark_form("judged")
)


def make_synthetic(*, synthetic: SyntheticQueries, path: str | None = None, **values: Any) -> Synthetic:
    """Return the training data of a section's values."""
    return Synthetic(synthetic, source=path, **values)


def _make_synthetic_queries(
    *, select: Selection | None = None, generate: Generator, clean: Cleaning | None = None, **values: Any
) -> SyntheticQueries:
    return SyntheticQueries(generate, select, Cleaning() if clean is None else clean, **values)


def _make_choice(name: str, kind: type[Any]) -> Choice:
    """Return how a generator or a filter is read, with pipelines, and examples for a prompt, in forms of their own."""
    forms = {"of": mark_form("pipeline"), "base": mark_form("pipeline"), "examples": mark_form("few_shot")}
    keys = {key: form for key, form in forms.items() if key in kind.__dataclass_fields__}
    return make_section(
        kind, Words(name, f"{name} has no option", "its options", f"{name}: '{{key}}' is missing"), **keys
    ), kind


def _make_choice_form(what: str, choices: Mapping[str, Choice]) -> Form:
    """Return the form of what is chosen by name: the name alone, or a mapping of it to its options."""

    def read(tree: Tree, file: OpenFile) -> Any:
        mapping = tree if tree.text is None else tree.replace({tree.text: tree.replace(None)})
        if not isinstance(mapping.value, dict) or len(mapping.value) != 1:
            keys = f" with {len(mapping.value)} keys" if isinstance(mapping.value, dict) else ""
            expected = (
                f"one of {', '.join(choices)}, alone or with its options, such as {{{next(iter(choices))}: {{…}}}}"
            )
            file.mistakes.add(tree, f"{what}: expected {expected}, got {tree.kind}{keys}")
            return None
        ((name, options),) = mapping.value.items()
        if name not in choices:
            message = f"there is no {what} '{name}'{suggest(name, choices)}\nexpected one of {', '.join(choices)}"
            file.mistakes.add(tree if tree.text is not None else tree.find_key(name), message)
            return None
        section, make = choices[name]
        return read_value(section, make, options.replace({}) if options.value is None else options, file)

    def list_alternatives() -> list[Any]:
        properties = {name: {"anyOf": [section, {"type": "null"}]} for name, (section, _) in choices.items()}
        mapping = {"type": "object", "properties": properties, "additionalProperties": False}
        return [{"enum": list(choices)}, mapping | {"minProperties": 1, "maxProperties": 1}]

    return Form(read, list_alternatives)


def _read_cleaning(tree: Tree, file: OpenFile) -> Cleaning | None:
    """Read the name of a preset, or a list of rules."""
    with file.note_errors(tree):
        return Cleaning(tree.plain)
    return None


FORMS = {
    "synthetic": make_form(SyntheticQueryKeys, _make_synthetic_queries),
    "selection": make_form(SelectionKeys, Selection),
    "generator": _make_choice_form("generator", {name: _make_choice(name, kind) for name, kind in _GENERATORS.items()}),
    "few_shot": make_form(FewShotKeys, FewShot),
    "cleaning": Form(_read_cleaning, lambda: [SCALAR, {"type": "array", "items": {"type": ["string", "object"]}}]),
    "query_filter": _make_choice_form("filter", {kind.name: _make_choice(kind.name, kind) for kind in _FILTERS}),
}
