"""Load models of sentence-transformers: whole, in float32, from the files that a plan has seen.

A weight that the files lack would be drawn at random, differently each time, and nothing would fail; one that they have
and nobody asked for says that they are another model's. Both are refused by name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.base.files import InputFile
from nirank.errors import DataError, ModelError
from nirank.inference.folders import READ, read_json

if TYPE_CHECKING:
    from torch import nn

Content = tuple[tuple[str, str], ...]  # a model's identity, sorted

_SHOWN = 3  # names of weights in a message
_COUNTERS = ("position_ids", "inv_freq", "masked_bias")  # saved by older libraries, and not learned
# Heads of pretraining: what encodes texts is whole without them.
_PRETRAINED = (
    *("cls.", "lm_head.", "mlm_head.", "head.", "predictions.", "decoder."),
    *("generator_", "discriminator_predictions.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
)
_TASKS = ("classifier.", "pre_classifier.", "score.", "qa_outputs.", "linear.")  # heads of other kinds of models
_changing = threading.Lock()


@dataclass(frozen=True)
class Excused:
    """Weights that may be missing from a model's files, or left over in them.

    head    what stands above the transformer may be missing, and its pooler: they are made anew, from the seed that
            the caller has set
    pooler  of the transformer may be missing, and stays random: nobody reads it, since texts are pooled from tokens
    left    starts of names that may be left over: nobody reads them
    """

    head: bool = False
    pooler: bool = False
    left: tuple[str, ...] = ()


ENCODER = Excused(pooler=True, left=_PRETRAINED)
SPARSE = Excused(left=("pooler.", "cls.seq_relationship."))
LATE = Excused(pooler=True, left=(*_PRETRAINED, "linear."))  # ColBERT's own projection, which is read apart
CROSS = Excused(left=_PRETRAINED)
# A training may start from a model of another kind, whose head it does not need, or lacks.
STARTS = {
    "bi_encoder": Excused(pooler=True, left=(*_PRETRAINED, *_TASKS)),
    "sparse_encoder": Excused(left=("pooler.", "cls.seq_relationship.", *_TASKS)),
    "cross_encoder": Excused(head=True, left=(*_PRETRAINED, *_TASKS, "pooler.")),
}


@dataclass
class Found:
    """What the libraries found of one transformer's weights in its files: names, and of some their shapes."""

    model: Any
    missing: set[str]
    left: set[str]
    misshapen: dict[str, str] = field(default_factory=dict)


def load_whole(
    name: str, path: Path, content: Content, make: Callable[..., Any], excused: Excused, device: str, **options: Any
) -> Any:
    """Return a model in float32, ready to infer.

    name     in messages
    content  what a plan has seen in the folder; other content is refused
    make     sentence-transformers' class, or what calls one: takes a path and options
    Raises ModelError, one sentence, where it cannot be loaded, or its weights are not those of its files; DataError
    where the files have changed since they were planned.
    """
    model, _ = load_known(name, path, content, make, excused, device, **options)
    return model.eval()


def load_known(
    name: str, path: Path, content: Content, make: Callable[..., Any], excused: Excused, device: str, **options: Any
) -> tuple[Any, frozenset[str]]:
    """Return a model in float32, and the names of its weights that its files lack and `excused` lets be made anew."""
    import torch

    hush()
    asked = {"use_safetensors": True, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    given = InputFile(path, dict(content)["files"], READ)
    try:
        with given.expect_unchanged(), _told() as found:
            model = make(str(path), device=device, local_files_only=True, model_kwargs=asked, **options)
    except (ModelError, DataError):
        raise
    except Exception as error:
        raise ModelError(f"model '{name}': cannot be loaded ({_reason(error)})") from error
    made = frozenset().union(*(_judged(name, model, one, excused) for one in found))
    _check_added(name, path, model)
    return model.float(), made


def lower(model: nn.Module, name: str, precision: str) -> None:
    """Let the transformers inside a model compute in 16 bits; what they give is float32 again, and so is all behind."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Transformer

    if precision == "float32":
        return
    bodies = [module for module in model.modules() if isinstance(module, Transformer)]
    if not bodies:
        raise ModelError(f"model '{name}': precision {precision} is of the transformer, and it has none")
    for body in bodies:
        body.to(getattr(torch, precision))
        body.register_forward_hook(lambda _, __, features: {key: _raised(value) for key, value in features.items()})


def fit_lengths(model: Any, asked: int | None, name: str) -> None:
    """Limit the tokens that are read of a text to `asked`, and to the places that the model knows.

    Raises ModelError where more is asked than it knows. Its own configuration may promise more too: texts are cut.
    """
    from sentence_transformers.sentence_transformer.modules import Transformer

    known = positions(model)
    if asked is not None and known is not None and asked > known:
        raise ModelError(f"model '{name}': max_length {asked} is more than its {known} positions")
    bodies = [one for one in model.modules() if isinstance(one, Transformer) and one.tokenizer is not None]
    if asked is not None and not bodies:
        raise ModelError(f"model '{name}': max_length {asked} is of a transformer's tokens, and the model has none")
    for body in bodies:
        own = body.max_seq_length
        body.max_seq_length = asked or (known if own is None or (known is not None and own > known) else own)
        for side in ("query_length", "document_length"):
            of_side = getattr(body, side, None)
            if of_side is not None and (asked is not None or (known is not None and of_side > known)):
                setattr(body, side, asked or known)


def positions(model: nn.Module) -> int | None:
    """Return how many tokens a model can tell the places of; None: any number, or nobody knows."""
    import torch

    tables = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for name, table in model.named_modules()
        if isinstance(table, torch.nn.Embedding) and name.rpartition(".")[2] == "position_embeddings"
    ]
    if tables:
        return int(min(tables))
    configs = [getattr(one, "config", None) for one in model.modules()]
    said = [getattr(config, "max_position_embeddings", None) for config in configs]
    numbers: list[int] = [one for one in said if isinstance(one, int) and one > 0]
    return min(numbers, default=None)


def hush() -> None:
    """Keep the libraries' own progress bars and notices off the terminal."""
    import logging

    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


@contextmanager
def _told() -> Iterator[list[Found]]:
    """Give a list that, inside the block, gets what transformers finds of every model's weights.

    sentence-transformers loads transformers without asking for that, so `from_pretrained` asks for it.
    """
    from transformers import PreTrainedModel

    found: list[Found] = []
    theirs = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(kind: Any, *given: Any, **named: Any) -> Any:
        model, said = theirs.__func__(kind, *given, **{**named, "output_loading_info": True})
        shapes = {key: f"{tuple(there)} instead of {tuple(wanted)}" for key, there, wanted in said["mismatched_keys"]}
        found.append(Found(model, set(said["missing_keys"]), set(said["unexpected_keys"]), shapes))
        return model

    with _changing:
        PreTrainedModel.from_pretrained = classmethod(from_pretrained)
        try:
            yield found
        finally:
            PreTrainedModel.from_pretrained = theirs


def _judged(name: str, whole: nn.Module, found: Found, excused: Excused) -> set[str]:
    """Return the weights that are made anew; raise ModelError for those that may not be."""
    prefix = getattr(found.model, "base_model_prefix", "")

    def bare(key: str) -> str:
        return key.removeprefix(f"{prefix}.") if prefix else key

    absent = found.missing | found.misshapen.keys()
    poolers = {key for key in absent if bare(key).startswith("pooler.")}
    unread = poolers if excused.pooler and not _reads_pooler(whole, found.model) else set()
    made = poolers | {key for key in absent if not key.startswith(f"{prefix}.")} if excused.head else set()
    if wrong := absent - unread - made:
        shapes = [f"{key} {found.misshapen[key]}" for key in sorted(wrong & found.misshapen.keys())]
        kind = type(found.model).__name__
        if shapes:
            raise ModelError(f"model '{name}': its files have not the shapes of a {kind}: {_some(shapes)}")
        raise ModelError(
            f"model '{name}': its files lack {_many(wrong)} of a {kind}, which would be drawn at random:"
            f" {_some(sorted(wrong))}; is it a model of another kind?"
        )
    left = {key for key in found.left if key.rpartition(".")[2] not in _COUNTERS}
    if wrong := {key for key in left if not bare(key).startswith(excused.left)}:
        raise ModelError(
            f"model '{name}': its files have {_many(wrong)} that a {type(found.model).__name__} does not use:"
            f" {_some(sorted(wrong))}; is it a model of another kind?"
        )
    return made


def _reads_pooler(whole: nn.Module, body: Any) -> bool:
    """Tell whether a model takes what the pooler of its transformer gives, instead of pooling tokens."""
    configs = [getattr(one, "modality_config", {}) for one in whole.modules() if getattr(one, "model", None) is body]
    return any("pooler" in str(said.get("method_output_name")) for config in configs for said in config.values())


def _check_added(name: str, path: Path, model: Any) -> None:
    """Raise ModelError where the library has put a module with weights behind those that the files name."""
    if (path / "artifact.metadata").exists():
        return  # ColBERT's projection lies among the transformer's weights
    named = read_json(path / "modules.json") or [None]
    added = list(model.named_children())[len(named) :]
    weights = [f"{type(one).__name__}.{key}" for _, one in added for key, _ in one.named_parameters()]
    if weights:
        raise ModelError(
            f"model '{name}': its files lack {_many(weights)} of a {type(model).__name__}, which would be drawn at"
            f" random: {_some(sorted(weights))}; is it a model of another kind?"
        )


def called(path: Path) -> str:
    """Return what a message calls the model in a folder; a hub's snapshot is called by the model's name."""
    if path.parent.name == "snapshots":
        return path.parents[1].name.removeprefix("models--").replace("--", "/")
    return path.parent.name if path.name == "model" else path.name


def _many(weights: Collection[str]) -> str:
    return f"{len(weights)} weight{'s' if len(weights) > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _raised(value: Any) -> Any:
    """Return numbers in float32, what is no tensor as it is."""
    if isinstance(value, tuple):
        return tuple(map(_raised, value))
    return value.float() if hasattr(value, "is_floating_point") and value.is_floating_point() else value


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
