"""`tune`, `learned_sum`, `folds` and `seeds`: what a configuration chooses, learns, splits and repeats."""

from __future__ import annotations

from typing import Any

from nirank.algebra.learned_sum import LearnedSum
from nirank.algebra.registry import find_stage
from nirank.algebra.tuned import TunedPipeline, grid, tune
from nirank.base.values import convert_value
from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import Words, make_form, make_section, mark_form, read_section, read_value
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError
from nirank.experiment.folds import Folds
from nirank.experiment.seeds import parse_seeds

_MISSING = "tune: needs '{key}', and either 'candidates' or 'of' with 'over'"
TuneKeys = make_section(
    TunedPipeline,
    Words("tune", "tune has no key", "{of: …, over: {…}, on: {split: train}} or {candidates: […], on: …}", _MISSING),
    of=mark_form("pipeline"),
    over=mark_form("variation"),
    candidates=(mark_form("pipeline", least=0), None),
    on=mark_form("judged"),
    measure=(mark_form("measure"), None),
)
LearnedSumKeys = make_section(
    LearnedSum,
    Words(
        "learned_sum",
        "learned_sum has no key",
        "{of: [bm25, …], on: {split: train}}",
        "learned_sum: '{key}' is missing",
    ),
    of=(mark_form("pipeline", least=0), ...),
    on=mark_form("judged"),
)
FoldKeys = make_section(
    Folds,
    Words(
        "folds",
        "folds have no key",
        "{k: 5, seed: 0}",
        "folds: '{key}', how many, is missing; expected {{k: 5, seed: 0}}",
    ),
)


def _read_tuned(tree: Tree, file: OpenFile) -> TunedPipeline | None:
    """Read what stands under `tune`: one pipeline that is varied, or candidates."""
    section = read_section(TuneKeys, tree, file)
    if section is None:
        return None
    if ("candidates" in tree.value) == ("of" in tree.value):
        file.mistakes.add(tree, _MISSING.format(key="on"))
        return None
    values = section.collect_values()
    of, over = values.pop("of", None) or values.pop("candidates"), values.pop("over", None)
    if over and "of" in tree.value:  # here, so that a mistake has its place
        varied = None
        with file.note_errors(tree.value["over"]):
            varied = grid(of, over)
        if varied is None:
            return None
        of, over = varied, None
    with file.note_errors(tree):
        return tune(of, over, **values)
    return None


def _read_variation(tree: Tree, file: OpenFile) -> dict[str, Any] | None:
    """Read what is varied, {path: values}; where models are, texts may name them."""
    if not isinstance(tree.value, dict):
        file.mistakes.add(tree, f"over: expected {{stage.option: [values]}}, got {tree.kind}")
        return None
    variation: dict[str, Any] = {}
    for path, values in tree.value.items():
        if isinstance(values.value, list) and _varies_models(path):
            variation[path] = [file.read("model", value) for value in values.value]
            if None in variation[path]:
                return None
        else:
            variation[path] = values.plain
    return variation


def _varies_models(path: str) -> bool:
    """Tell whether what a path leads to is a model, as far as its names say."""
    stage, _, option = path.rpartition(".")
    if option != "model":
        return option == "base"
    try:
        return find_stage(stage).model_kind is not None
    except ConfigError:
        return False


def _read_folds(tree: Tree, file: OpenFile) -> Folds | None:
    """Read a number of folds, or {k: …, seed: …}."""
    return read_value(FoldKeys, Folds, tree if isinstance(tree.value, dict) else tree.replace({"k": tree}), file)


def _read_seeds(tree: Tree, file: OpenFile) -> tuple[int, ...] | None:
    """Read a list of seeds, or one."""
    with file.note_errors(tree):
        return parse_seeds([_to_seed(seed) for seed in tree.entries])
    return None


def _to_seed(tree: Tree) -> Any:
    """Return a number that is written as text, or as 1e1, as a whole number; what is none stays for the message."""
    value = tree.to_type(int)
    try:
        return convert_value(int, value)
    except ConfigError:
        return value


_NUMBER = {"type": "integer"}
FORMS = {
    "tune": Form(_read_tuned, lambda: [TuneKeys]),
    "learned_sum": make_form(LearnedSumKeys, LearnedSum),
    "variation": Form(
        _read_variation, lambda: [{"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}]
    ),
    "folds": Form(_read_folds, lambda: [FoldKeys, _NUMBER]),
    "seeds": Form(_read_seeds, lambda: [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]),
}
