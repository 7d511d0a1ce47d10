"""Configurations: YAML into collections, systems and measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PrivateAttr

from nirank.algebra.pipeline import Pipeline
from nirank.base.amounts import parse_size
from nirank.collections.collection_data import CollectionData
from nirank.config import (
    collections,
    diagnostics,
    document_data,
    expected,
    matching_rules,
    networks,
    stopping,
    synthesis,
    systems,
    training,
    tuning,
)
from nirank.config.mistakes import Mistakes
from nirank.config.open_file import Form, OpenFile
from nirank.config.overrides import override_value
from nirank.config.paths import resolve_path
from nirank.config.sections import SCALAR, FormMark, Section, Text, Words, make_section, read_section, read_value
from nirank.config.yaml_parser import parse_yaml, read_yaml_text
from nirank.config.yaml_tree import Tree
from nirank.diagnostics.diagnosis import Diagnostics
from nirank.engines import check_engine
from nirank.errors import ConfigError
from nirank.evaluation.comparisons import Significance
from nirank.experiment.folds import Folds
from nirank.results.expected import ExpectedScores
from nirank.results.groups import JudgedSplit, title_groups
from nirank.stopping.rule import StoppingRule

_SECTIONS_OF_NAMES = ("systems", "models", "data")
SignificanceKeys = make_section(
    Significance, Words("significance", "significance has no key", "{baseline: …, test: …}")
)


class Config(Section):
    """A configuration.

    collections  arguments of `load`, one mapping a collection, with `source`
    systems      pipelines by name; references to other systems are replaced by what they name
    """

    section_words: ClassVar[Words] = Words(
        "", "a configuration has no key", "", "has no '{key}'; expected collections, systems and measures"
    )
    may_be_empty: ClassVar[Collection[str]] = (
        "store",
        "device",
        "engine",
        "max_memory",
        "seeds",
        "folds",
        "diagnostics",
    )

    collections: Annotated[Sequence[Mapping[str, Any]], FormMark("collection", least=1)]
    systems: Annotated[Mapping[str, Pipeline], FormMark("systems")]
    measures: Annotated[Sequence[str], FormMark("measure", least=1)]
    store: Annotated[str | None, FormMark("store")] = None
    device: Text = "auto"
    engine: Annotated[str | None, FormMark("engine")] = None
    max_memory: Annotated[str | None, FormMark("size")] = None
    significance: Annotated[Significance, FormMark("significance")] = Significance()
    seeds: Annotated[Sequence[int], FormMark("seeds")] = (1,)
    folds: Annotated[Folds | None, FormMark("folds")] = None
    stopping: Annotated[Sequence[StoppingRule], FormMark("stopping_rule", least=1)] = ()
    diagnostics: Annotated[Diagnostics | Literal[False] | None, FormMark("diagnostics")] = None
    expected: Annotated[ExpectedScores | None, FormMark("expected")] = None
    models: Annotated[Any, FormMark("models_section")] = None
    data: Annotated[Any, FormMark("data_section")] = None

    _tree: Tree = PrivateAttr()
    _mistakes: Mistakes = PrivateAttr()

    @property
    def resolved(self) -> Mapping[str, Any]:
        """Return the whole file after variables and overrides, plain values, for the manifest."""
        plain: Mapping[str, Any] = self._tree.plain
        return plain

    def check_expected(self, collections: Sequence[CollectionData]) -> None:
        """Raise ConfigError where a score is expected on a collection, or of a measure, that there is not.

        collections  those of the configuration, loaded
        """
        if self.expected is None:
            return
        judged_splits = {
            JudgedSplit(collection.name, collection.split, qrels): collection.measures or self.measures
            for collection in collections
            for qrels in collection.qrels
        }
        measures = {name: judged_splits[key] for key, name in title_groups(judged_splits).items()}
        expected.note_unknown_scores(self._tree.value["expected"], measures, self._mistakes)
        self._mistakes.raise_if_any()


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration and check it whole.

    overrides  'dotted.key=value' each, the value as YAML; what is changed has no expected scores
    Paths in it are relative to the file's folder, or to the working directory if only there
    such a path exists. Raises ConfigError with all mistakes, each with line and excerpt.
    """
    path = Path(path)
    text = read_yaml_text(path)
    mistakes = Mistakes(str(path), text)
    tree = parse_yaml(text, str(path), mistakes)
    if not isinstance(tree.value, dict):
        raise ConfigError(f"{path}: expected a mapping with collections, systems and measures, got {tree.kind}")
    for override in overrides:
        tree = override_value(tree, override, mistakes)
    if overrides:
        tree = tree.replace({key: below for key, below in tree.value.items() if key != "expected"})
    named = {section: tree.value[section] for section in _SECTIONS_OF_NAMES if section in tree.value}
    config = read_section(Config, tree, OpenFile(path.parent, mistakes, named, FORMS), Tree(None, 0, 0, {}))
    mistakes.raise_if_any()
    assert config is not None, "what is refused was noted"
    config._tree, config._mistakes = tree, mistakes
    return config


def _read_measure(tree: Tree, file: OpenFile) -> str | None:
    from nirank.evaluation.measures import parse_measure

    if not isinstance(tree.value, str):
        file.mistakes.add(tree, f"a measure is text such as nDCG@10, got {tree.kind}")
        return None
    with file.note_errors(tree):
        parse_measure(tree.value)
        return tree.value
    return None


def _read_store(tree: Tree, file: OpenFile) -> str | None:
    if tree.text is None:
        file.mistakes.add(tree, f"store: expected text, got {tree.kind}")
        return None
    with file.note_errors(tree, "store: "):
        return str(resolve_path(tree.text, file.folder))
    return None


def _read_engine(tree: Tree, file: OpenFile) -> str | None:
    if not isinstance(tree.value, str):
        file.mistakes.add(tree, f"engine: expected local, ray or ray:ADDRESS, got {tree.kind}")
        return None
    with file.note_errors(tree):
        check_engine(tree.value)
        return tree.value
    return None


def _read_size(tree: Tree, file: OpenFile) -> str | None:
    with file.note_errors(tree, "max_memory: "):
        parse_size(str(tree.value))
        return str(tree.value)
    return None


def _read_significance(tree: Tree, file: OpenFile) -> Significance | None:
    """Read how systems are compared, or the baseline alone."""
    if tree.text is None and not isinstance(tree.value, dict):
        file.mistakes.add(tree, f"significance: expected {{baseline: …, test: …}} or a baseline, got {tree.kind}")
        return None
    mapping = tree if isinstance(tree.value, dict) else tree.replace({"baseline": tree})
    significance = read_value(SignificanceKeys, Significance, mapping, file)
    if significance is not None:
        with file.note_errors(tree, "significance: "):
            significance.check(file.list_valid_names("systems"))
            return significance
    return None


FORMS: Mapping[str, Form] = {
    **collections.FORMS,
    **diagnostics.FORMS,
    **document_data.FORMS,
    **expected.FORMS,
    **matching_rules.FORMS,
    **networks.FORMS,
    **stopping.FORMS,
    **synthesis.FORMS,
    **systems.FORMS,
    **training.FORMS,
    **tuning.FORMS,
    "measure": Form(_read_measure, lambda: [{"type": ["string"]}]),
    "store": Form(_read_store, lambda: [SCALAR, {"type": "null"}]),
    "engine": Form(_read_engine, lambda: [{"type": ["string", "null"]}]),
    "size": Form(_read_size, lambda: [{"type": ["string", "number", "null"]}]),
    "significance": Form(_read_significance, lambda: [SCALAR, SignificanceKeys]),
}
