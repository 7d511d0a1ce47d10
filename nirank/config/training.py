"""The sections `data` and `models` of a configuration: training sets, and models that are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, get_args

from nirank.algebra.judged import Judged
from nirank.algebra.model import KINDS, NetworkKind, TrainedModel
from nirank.algebra.tuned import grid
from nirank.base.files import expand_path
from nirank.base.values import get_field_type
from nirank.config.document_data import (
    CodesKeys,
    CopiesKeys,
    FieldsKeys,
    WatchCodesKeys,
    make_codes,
    make_copies,
    make_fields,
)
from nirank.config.networks import InteractionKeys
from nirank.config.open_file import Form, OpenFile
from nirank.config.paths import FilePath, SourcePath
from nirank.config.sections import SCALAR, Section, Words, make_form, make_section, mark_form, read_section, read_value
from nirank.config.synthesis import SyntheticKeys, make_synthetic
from nirank.config.yaml_tree import Tree
from nirank.errors import suggest
from nirank.inference.ngram_models import NGramOptions
from nirank.training.interaction_models import TrainInteraction
from nirank.training.models import Soup, Train
from nirank.training.negatives import LabelledNegatives, Mined, Negatives
from nirank.training.recipe import Recipe
from nirank.training.rule_pairs import RulePairs
from nirank.training.training_data import TrainingData
from nirank.training.training_sets import Mixture, TrainingFile, TrainingSet
from nirank.training.watch import Watch, WatchCodes

# The keys of judged queries also stand among those of what is trained on them, or watched by them.
_JUDGED: dict[str, Any] = {
    field.name: get_field_type(Judged, field.name) for field in dataclasses.fields(Judged) if field.name != "source"
} | {"path": SourcePath}
JudgedKeys = make_section(Judged, Words("on", "on has no key", "{split: train}"), without=["source"], path=SourcePath)
MinedKeys = make_section(
    Mined,
    Words("negatives", "negatives have no key", "{of: bm25, ranks: [10, 100]}"),
    of=mark_form("pipeline"),
)
LabelledKeys = make_section(
    LabelledNegatives, Words("negatives", "labelled negatives have no key", "{labelled: {n: 5}}")
)
TrainingSetKeys = make_section(
    TrainingSet,
    Words("data", "data have no key", "{split: train, negatives: …}"),
    without=["queries"],
    negatives=mark_form("negatives"),
    teacher=mark_form("pipeline"),
    rewrite=mark_form("pipeline"),
    parts=mark_form("pipeline"),
    **_JUDGED,
)
FileKeys = make_section(
    TrainingFile,
    Words("data", "a file of examples has no key", "{file: …}"),
    without=["source"],
    file=(FilePath, ...),
    path=(SourcePath, None),
)
RuleKeys = make_section(
    RulePairs,
    Words("data", "pairs that a rule labels have no key", "{rule: {equal: phone}, of: tfidf, k: 10}"),
    without=["source"],
    rule=(mark_form("rule"), ...),
    of=mark_form("pipeline"),
    path=SourcePath,
)
MixtureKeys = make_section(
    Mixture,
    Words("mix", "a mixture has no key", "{mix: […]}"),
    without=["of"],
    mix=(mark_form("data", least=0), ...),
)
RecipeKeys = make_section(Recipe, Words("recipe", "a recipe has no key", "{epochs: 1, learning_rate: 2e-5, …}"))
WatchKeys = make_section(
    Watch,
    Words(
        "watch",
        "watch has no key",
        "{split: dev, of: bm25}",
        "watch: needs '{key}', the pipeline whose lists the model re-ranks",
    ),
    without=["queries"],
    of=mark_form("pipeline"),
    measure=mark_form("measure"),
    **_JUDGED,
)
TrainKeys = make_section(
    Train,
    Words(
        "a trained model",
        "a trained model has no key",
        "{base: …, data: …}",
        "a trained model needs '{key}'; it has base, data, kind, recipe, watch, seed, rounds, rounds_from",
    ),
    base=mark_form("model"),
    data=mark_form("data"),
    recipe=mark_form("recipe"),
    watch=mark_form("watch"),
    seed=int,
)
NGramKeys = make_section(
    NGramOptions,
    Words("hashed_ngrams", "hashed_ngrams have no key", "{ngrams: [3, 5], buckets: 32768, width: 512}"),
)
NGramModelKeys = make_section(
    NGramOptions,
    Words("a model", "a model that is no name has no key", "{hashed_ngrams: {…}}"),
    without=[field.name for field in dataclasses.fields(NGramOptions)],
    hashed_ngrams=(mark_form("hashed_ngrams"), ...),
)
SoupKeys = make_section(
    Soup,
    Words("soup", "a soup has no key", "{soup: […]}"),
    without=["of"],
    soup=(mark_form("model_name", least=0), ...),
    over=mark_form("variation"),
    watch=mark_form("watch"),
)


# -- data ------------------------------------------------------------------------------------------


def _read_data(tree: Tree, file: OpenFile) -> TrainingData | None:
    """Read a training set, or the name of one."""
    if tree.text is not None:
        return _read_data_name(tree.text, tree, file)
    if not isinstance(tree.value, dict):
        expected = (
            "{split: train, negatives: …}, {synthetic: …}, {file: …}, {fields: …}, {copies: …}, {codes: …},"
            " {rule: …, of: …} or {mix: […]}"
        )
        file.mistakes.add(tree, f"data: expected {expected}, got {tree.kind}")
        return None
    if "mix" in tree.value and not isinstance(tree.value["mix"].value, list):
        listed = tree.value["mix"]
        file.mistakes.add(listed, f"mix: expected a list of data, got {listed.kind}")
        return None
    section, make = next((form for key, form in _DATA_BY_KEY.items() if key in tree.value), _TRAINING_SET)
    return read_value(section, make, tree, file)


def _read_data_name(name: str, tree: Tree, file: OpenFile) -> TrainingData | None:
    names = file.list_names("data")
    if name not in names:
        file.mistakes.add(tree, f"there is no data '{name}'{suggest(name, names)}")
        return None
    data: TrainingData | None = file.read_named("data", name, _read_data)
    return data


def _make_judged(*, path: str | None = None, **values: Any) -> Judged:
    return Judged(path, **values)


def _make_training_set(**values: Any) -> TrainingSet:
    judged = {key: values.pop(key) for key in _JUDGED if key in values}
    return TrainingSet(_make_judged(**judged), **values)


def _make_watch(**values: Any) -> Watch:
    judged = {key: values.pop(key) for key in _JUDGED if key in values}
    return Watch(_make_judged(**judged), **values)


def _make_mixture(*, mix: tuple[TrainingData, ...], **values: Any) -> Mixture:
    return Mixture(mix, **values)


def _make_training_file(*, file: str, path: str | None = None, **values: Any) -> TrainingFile:
    return TrainingFile(file, path, **values)


def _make_rule_pairs(*, path: str | None = None, **values: Any) -> RulePairs:
    return RulePairs(source=path, **values)


_LABELLED = "labelled"  # names the negatives that are judged; a pipeline of that name is {of: labelled}
_TRAINING_SET: tuple[type[Section], Callable[..., TrainingData]] = (TrainingSetKeys, _make_training_set)
_DATA_BY_KEY: Mapping[str, tuple[type[Section], Callable[..., TrainingData]]] = {
    "mix": (MixtureKeys, _make_mixture),
    "file": (FileKeys, _make_training_file),
    "fields": (FieldsKeys, make_fields),
    "copies": (CopiesKeys, make_copies),
    "codes": (CodesKeys, make_codes),
    "rule": (RuleKeys, _make_rule_pairs),
    "synthetic": (SyntheticKeys, make_synthetic),
}


def _read_watch(tree: Tree, file: OpenFile) -> Watch | WatchCodes | None:
    """Read what watches a training: held-out queries, or a share of coded documents."""
    if isinstance(tree.value, dict) and "held_out" in tree.value:
        return read_value(WatchCodesKeys, WatchCodes, tree, file)
    return read_value(WatchKeys, _make_watch, tree, file)


def _read_negatives(tree: Tree, file: OpenFile) -> Negatives | tuple[Negatives, ...] | None:
    """Read negatives: `labelled`, a pipeline, a mapping with one, or a list in which one of them is so named."""
    if isinstance(tree.value, list) and any(_names_negatives(entry) for entry in tree.value):
        sources = [_read_negative_source(entry, file) for entry in tree.value]
        return tuple(source for source in sources if source is not None) if None not in sources else None
    return _read_negative_source(tree, file)


def _names_negatives(tree: Tree) -> bool:
    """Tell whether an entry says that it is negatives, and not a stage of a pipeline."""
    return tree.text == _LABELLED or (isinstance(tree.value, dict) and bool({"of", _LABELLED} & tree.value.keys()))


def _read_negative_source(tree: Tree, file: OpenFile) -> Negatives | None:
    if tree.text == _LABELLED:
        return LabelledNegatives()
    if isinstance(tree.value, dict) and list(tree.value) == [_LABELLED]:
        return read_value(LabelledKeys, LabelledNegatives, tree.value[_LABELLED], file)
    mapping = tree if isinstance(tree.value, dict) and "of" in tree.value else tree.replace({"of": tree})
    return read_value(MinedKeys, Mined, mapping, file)


# -- models ----------------------------------------------------------------------------------------


def _read_trained_model(tree: Tree, file: OpenFile) -> TrainedModel | None:
    if not isinstance(tree.value, dict):
        file.mistakes.add(tree, f"a model: expected {{base: …, data: …}} or {{soup: […]}}, got {tree.kind}")
        return None
    if "soup" in tree.value:
        return _read_soup(tree, file)
    kind = tree.value.get("kind")
    if kind is not None and kind.text is not None and kind.text not in KINDS:
        near = suggest(kind.text, KINDS)
        file.mistakes.add(kind, f"a trained model: kind is one of {', '.join(KINDS)}, got '{kind.text}'{near}")
        return None
    if kind is not None and kind.text in get_args(NetworkKind):
        return read_value(InteractionKeys, TrainInteraction, tree, file)
    return read_value(TrainKeys, Train, tree, file)


def _read_soup(tree: Tree, file: OpenFile) -> Soup | None:
    section = read_section(SoupKeys, tree, file)
    if section is None:
        return None
    values = section.collect_values()
    models, variation = values.pop("soup"), values.pop("over", None)
    if variation is not None:
        varied: list[TrainedModel] = []
        with file.note_errors(tree.value["over"]):
            varied = [copy for model in models for copy in grid(model, variation)]
        if not varied:
            return None
        models = tuple(varied)
    with file.note_errors(tree):
        return Soup(models, **values)
    return None


def _read_model(tree: Tree, file: OpenFile) -> str | TrainedModel | None:
    """Read what names a model: the name of a trained one, else the text, which is a hub id or a folder; or n-grams."""
    if isinstance(tree.value, dict):
        return read_value(NGramModelKeys, _get_ngram_name, tree, file)
    name, models = tree.text, file.list_names("models")
    if name is None:
        file.mistakes.add(tree, f"expected a model: a name, a hub id, a folder or pkg:PACKAGE/path, got {tree.kind}")
        return None
    if name in models:
        return _find_model(name, file)
    path = None
    with file.note_errors(tree):
        path = expand_path(name)
    if path is None:
        return None
    elsewhere = not name or "/" in name or ":" in name or path.is_dir()
    if models and not elsewhere:
        file.mistakes.add(
            tree,
            f"there is no model '{name}'{suggest(name, models)}\nnamed models: {', '.join(models)};"
            " others are hub ids such as org/name, folders, or pkg:PACKAGE/path",
        )
        return None
    return name


def _get_ngram_name(*, hashed_ngrams: NGramOptions) -> str:
    return hashed_ngrams.name


def _read_model_name(tree: Tree, file: OpenFile) -> TrainedModel | None:
    """Read the name of a trained model."""
    name, models = tree.text, file.list_names("models")
    if name is None:
        file.mistakes.add(tree, f"soup: expected the name of a model, or a list of names, got {tree.kind}")
        return None
    if name not in models:
        file.mistakes.add(tree, f"there is no model '{name}'{suggest(name, models)}")
        return None
    return _find_model(name, file)


def _find_model(name: str, file: OpenFile) -> TrainedModel | None:
    model: TrainedModel | None = file.read_named("models", name, _read_trained_model)
    return model


def _make_names_form(section: str, form: str, read_entry: Callable[[Tree, OpenFile], Any]) -> Form:
    """Return the form of a section of names: all are read, so that mistakes in what no system uses are reported too."""

    def read(tree: Tree, file: OpenFile) -> bool:
        if tree.value is not None and not isinstance(tree.value, dict):
            file.mistakes.add(tree, f"{section}: expected a mapping of names, got {tree.kind}")
        for name in file.list_names(section):
            file.read_named(section, name, read_entry)
        return True

    return Form(read, lambda: [{"type": ["object", "null"], "additionalProperties": {"form": form}}])


def _describe_negatives() -> list[Any]:
    source = [
        {"const": _LABELLED},
        {"type": "object", "properties": {_LABELLED: LabelledKeys}, "required": [_LABELLED]},
        MinedKeys,
        {"form": "pipeline"},
    ]
    return [*source, {"type": "array", "items": {"anyOf": source}, "minItems": 1}]


FORMS = {
    "data_section": _make_names_form("data", "data", _read_data),
    "models_section": _make_names_form("models", "trained_model", _read_trained_model),
    "data": Form(
        _read_data,
        lambda: [
            SCALAR,
            TrainingSetKeys,
            FileKeys,
            FieldsKeys,
            CopiesKeys,
            CodesKeys,
            RuleKeys,
            SyntheticKeys,
            MixtureKeys,
        ],
    ),
    "negatives": Form(_read_negatives, _describe_negatives),
    "judged": make_form(JudgedKeys, _make_judged),
    "model": Form(_read_model, lambda: [SCALAR, NGramModelKeys]),
    "hashed_ngrams": make_form(NGramKeys, NGramOptions),
    "model_name": Form(_read_model_name, lambda: [SCALAR]),
    "trained_model": Form(_read_trained_model, lambda: [TrainKeys, InteractionKeys, SoupKeys]),
    "recipe": make_form(RecipeKeys, Recipe),
    "watch": Form(_read_watch, lambda: [WatchKeys, WatchCodesKeys]),
}
