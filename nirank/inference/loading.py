"""Load models of sentence-transformers and causal language models: complete, from the files that a plan has seen.

A weight that the files lack would be drawn at random, differently each time, without an error; a weight that the model
does not use shows that the files are another model's. Both are refused by name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nirank.base.files import InputFile
from nirank.errors import DataError, ModelError
from nirank.inference.folders import READ_PATTERNS, has_ngram_module, read_json

if TYPE_CHECKING:
    from torch import nn

Content = tuple[tuple[str, str], ...]  # a model's identity, sorted

_MAX_SHOWN = 3  # names of weights in a message
_COUNTERS = ("position_ids", "inv_freq", "masked_bias")  # saved by older libraries, and not learned
# Heads of pretraining: what encodes texts is whole without them.
_PRETRAINED = (
    *("cls.", "lm_head.", "mlm_head.", "head.", "predictions.", "decoder."),
    *("generator_", "discriminator_predictions.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
)
_TASKS = ("classifier.", "pre_classifier.", "score.", "qa_outputs.", "linear.")  # heads of other kinds of models
_patching = threading.Lock()


@dataclass(frozen=True)
class AllowedWeights:
    """Weights that may be missing from a model's files, or left over in them.

    head      what stands above the transformer may be missing, and its pooler: they are drawn anew, from the seed
              that the caller has set
    pooler    of the transformer may be missing, and stays random: it is not read, since texts are pooled from tokens
    leftover  starts of names that may be left over: they are not read
    """

    head: bool = False
    pooler: bool = False
    leftover: tuple[str, ...] = ()


ENCODER = AllowedWeights(pooler=True, leftover=_PRETRAINED)
SPARSE = AllowedWeights(leftover=("pooler.", "cls.seq_relationship."))
LATE = AllowedWeights(pooler=True, leftover=(*_PRETRAINED, "linear."))  # ColBERT's own projection, which is read apart
CROSS = AllowedWeights(leftover=_PRETRAINED)
# A training may start from a model of another kind, whose head it does not need, or lacks.
STARTS = {
    "bi_encoder": AllowedWeights(pooler=True, leftover=(*_PRETRAINED, *_TASKS)),
    "sparse_encoder": AllowedWeights(leftover=("pooler.", "cls.seq_relationship.", *_TASKS)),
    "cross_encoder": AllowedWeights(head=True, leftover=(*_PRETRAINED, *_TASKS, "pooler.")),
}


@dataclass
class WeightReport:
    """What the libraries found of one transformer's weights in its files: names, and of some their shapes."""

    model: Any
    missing: set[str]
    leftover: set[str]
    misshapen: dict[str, str] = field(default_factory=dict)


def load_model(
    name: str,
    path: Path,
    content: Content,
    build: Callable[..., Any],
    allowed: AllowedWeights,
    device: str,
    **options: Any,
) -> Any:
    """Return a model in float32, ready to infer.

    name     in messages
    content  what a plan has seen in the folder; other content is refused
    build    sentence-transformers' class, or what calls one: takes a path and options
    Raises ModelError, one sentence, where it cannot be loaded, or its weights are not those of its files; DataError
    where the files have changed since they were planned.
    """
    model, _ = load_model_and_new_weights(name, path, content, build, allowed, device, **options)
    return model.eval()


def load_model_and_new_weights(
    name: str,
    path: Path,
    content: Content,
    build: Callable[..., Any],
    allowed: AllowedWeights,
    device: str,
    **options: Any,
) -> tuple[Any, frozenset[str]]:
    """Return a model in float32, and the names of its weights that its files lack and `allowed` lets be drawn anew."""
    import torch

    arguments = {"use_safetensors": True, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    if has_ngram_module(path):
        options["trust_remote_code"] = True  # or the library would not import a module of ours

    def build_model() -> Any:
        return build(str(path), device=device, local_files_only=True, model_kwargs=arguments, **options)

    model, new = _build_complete(name, path, content, build_model, allowed)
    _check_added(name, path, model)
    return model.float(), new


def load_language_model(
    name: str,
    path: Path,
    content: Content,
    precision: str,
    device: str,
    kind: Literal["causal", "seq2seq"] = "causal",
) -> Any:
    """Return a model that writes, in some precision, complete and ready to infer; raises as `load_model`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    model_class = AutoModelForCausalLM if kind == "causal" else AutoModelForSeq2SeqLM

    def build_model() -> Any:
        return model_class.from_pretrained(
            str(path),
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, precision),
            ignore_mismatched_sizes=True,
        )

    model, _ = _build_complete(name, path, content, build_model, AllowedWeights())
    return model.to(device).eval()


def _build_complete(
    name: str, path: Path, content: Content, build_model: Callable[[], Any], allowed: AllowedWeights
) -> tuple[Any, frozenset[str]]:
    """Build a model of the files that a plan has seen; return it with the names of the weights that are made anew."""
    silence_libraries()
    if path.is_file():
        raise ModelError(f"model '{name}': is a GGUF file, which only causal language models are read from")
    folder = InputFile(path, dict(content)["files"], READ_PATTERNS)
    try:
        with folder.expect_unchanged(), _record_weights() as reports:
            model = build_model()
    except (ModelError, DataError):
        raise
    except Exception as error:
        raise ModelError(f"model '{name}': cannot be loaded ({_get_first_line(error)})") from error
    return model, frozenset().union(*(_check_weights(name, model, report, allowed) for report in reports))


def lower_precision(model: nn.Module, name: str, precision: str) -> None:
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
        body.register_forward_hook(lambda _, __, features: {key: _to_float32(value) for key, value in features.items()})


def fit_lengths(model: Any, max_length: int | None, name: str) -> None:
    """Limit the tokens that are read of a text to `max_length`, and to the positions that the model knows.

    Raises ModelError where more is asked than it knows. Its own configuration may promise more too: texts are cut.
    """
    from sentence_transformers.sentence_transformer.modules import Transformer

    known = count_positions(model)
    if max_length is not None and known is not None and max_length > known:
        raise ModelError(f"model '{name}': max_length {max_length} is more than its {known} positions")
    transformers = [body for body in model.modules() if isinstance(body, Transformer)]
    bodies = [body for body in transformers if body.tokenizer is not None]
    if max_length is not None and not bodies:
        raise ModelError(
            f"model '{name}': max_length {max_length} is of a transformer's tokens, and the model has none"
        )
    for body in bodies:
        length = body.max_seq_length
        fits = length is not None and (known is None or length <= known)
        body.max_seq_length = max_length or (length if fits else known)
        for side in ("query_length", "document_length"):
            side_length = getattr(body, side, None)
            if side_length is not None and (max_length is not None or (known is not None and side_length > known)):
                setattr(body, side, max_length or known)


def count_positions(model: nn.Module) -> int | None:
    """Return how many positions a model distinguishes; None: any number, or it is not known."""
    import torch

    tables = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for name, table in model.named_modules()
        if isinstance(table, torch.nn.Embedding) and name.rpartition(".")[2] == "position_embeddings"
    ]
    if tables:
        return int(min(tables))
    configs = [getattr(module, "config", None) for module in model.modules()]
    values = [getattr(config, "max_position_embeddings", None) for config in configs]
    numbers: list[int] = [value for value in values if isinstance(value, int) and value > 0]
    return min(numbers, default=None)


def silence_libraries() -> None:
    """Keep the libraries' own progress bars and notices off the terminal."""
    import logging

    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


@contextmanager
def _record_weights() -> Iterator[list[WeightReport]]:
    """Give a list that, inside the block, gets what transformers finds of every model's weights.

    sentence-transformers loads transformers without asking for that, so `from_pretrained` asks for it.
    """
    from transformers import PreTrainedModel

    reports: list[WeightReport] = []
    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(kind: Any, *arguments: Any, **options: Any) -> Any:
        model, info = original.__func__(kind, *arguments, **{**options, "output_loading_info": True})
        shapes = {
            key: f"{tuple(actual)} instead of {tuple(expected)}" for key, actual, expected in info["mismatched_keys"]
        }
        reports.append(WeightReport(model, set(info["missing_keys"]), set(info["unexpected_keys"]), shapes))
        return model

    with _patching:
        PreTrainedModel.from_pretrained = classmethod(from_pretrained)
        try:
            yield reports
        finally:
            PreTrainedModel.from_pretrained = original


def _check_weights(name: str, model: nn.Module, report: WeightReport, allowed: AllowedWeights) -> set[str]:
    """Return the weights that are made anew; raise ModelError for those that may not be."""
    prefix = getattr(report.model, "base_model_prefix", "")

    def shorten(key: str) -> str:
        return key.removeprefix(f"{prefix}.") if prefix else key

    absent = report.missing | report.misshapen.keys()
    poolers = {key for key in absent if shorten(key).startswith("pooler.")}
    unread = poolers if allowed.pooler and not _reads_pooler(model, report.model) else set()
    new = poolers | {key for key in absent if not key.startswith(f"{prefix}.")} if allowed.head else set()
    if wrong := absent - unread - new:
        shapes = [f"{key} {report.misshapen[key]}" for key in sorted(wrong & report.misshapen.keys())]
        kind = type(report.model).__name__
        if shapes:
            raise ModelError(f"model '{name}': its files have not the shapes of a {kind}: {_list_names(shapes)}")
        raise ModelError(
            f"model '{name}': its files lack {_count_weights(wrong)} of a {kind}, which would be drawn at random:"
            f" {_list_names(sorted(wrong))}; is it a model of another kind?"
        )
    leftover = {key for key in report.leftover if key.rpartition(".")[2] not in _COUNTERS}
    if wrong := {key for key in leftover if not shorten(key).startswith(allowed.leftover)}:
        raise ModelError(
            f"model '{name}': its files have {_count_weights(wrong)} that a {type(report.model).__name__} does not use:"
            f" {_list_names(sorted(wrong))}; is it a model of another kind?"
        )
    return new


def _reads_pooler(model: nn.Module, body: Any) -> bool:
    """Tell whether a model takes what the pooler of its transformer gives, instead of pooling tokens."""
    modules = [module for module in model.modules() if getattr(module, "model", None) is body]
    options = [option for module in modules for option in getattr(module, "modality_config", {}).values()]
    return any("pooler" in str(option.get("method_output_name")) for option in options)


def _check_added(name: str, path: Path, model: Any) -> None:
    """Raise ModelError where the library has put a module with weights behind those that the files name."""
    if (path / "artifact.metadata").exists():
        return  # ColBERT's projection lies among the transformer's weights
    named = read_json(path / "modules.json") or [None]
    added = list(model.named_children())[len(named) :]
    weights = [f"{type(module).__name__}.{key}" for _, module in added for key, _ in module.named_parameters()]
    if weights:
        raise ModelError(
            f"model '{name}': its files lack {_count_weights(weights)} of a {type(model).__name__}, which would be"
            f" drawn at random: {_list_names(sorted(weights))}; is it a model of another kind?"
        )


def name_model(path: Path) -> str:
    """Return the name of the model in a folder, for messages; a hub's snapshot has the model's name."""
    if path.parent.name == "snapshots":
        return path.parents[1].name.removeprefix("models--").replace("--", "/")
    return path.parent.name if path.name == "model" else path.name


def _count_weights(weights: Collection[str]) -> str:
    return f"{len(weights)} weight{'s' if len(weights) > 1 else ''}"


def _list_names(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (" …" if len(names) > _MAX_SHOWN else "")


def _to_float32(value: Any) -> Any:
    """Return numbers in float32, what is no tensor as it is."""
    if isinstance(value, tuple):
        return tuple(map(_to_float32, value))
    return value.float() if hasattr(value, "is_floating_point") and value.is_floating_point() else value


def _get_first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
