"""The model that training starts from, and the model that it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nirank.algebra.model import ModelKind
from nirank.errors import ConfigError, ModelError
from nirank.inference.loading import STARTS, count_positions, load_model_and_new_weights
from nirank.inference.models import DISTANCES_FILE, ModelFiles
from nirank.training.ngrams import NGramReader, is_ngram_encoder
from nirank.training.recipe import Recipe
from nirank.training.tokens import TextReader, TokenReader

_PATH_KEYS = ("_name_or_path", "name_or_path", "tokenizer_file")  # where the libraries write down paths


def load_start(base: ModelFiles, kind: ModelKind, seed: int, device: str) -> tuple[Any, bool]:
    """Load a model for training, in float32 and with the libraries' own code; tell whether its head is new.

    A cross-encoder keeps its head where that gives one score; else a head with random weights is made from the seed.
    Raises ModelError if the model cannot be loaded, or is no start for this kind.
    """
    import torch
    from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder

    torch.manual_seed(seed)
    if kind == "sparse_encoder" and not _is_sparse(base):
        raise ModelError(f"model '{base.name}': is neither a sparse encoder nor a masked language model")

    def scoring(path: str, **options: Any) -> Any:
        return CrossEncoder(str(_find_transformer(Path(path))), num_labels=1, **options)

    makers: dict[ModelKind, Any] = {
        "bi_encoder": SentenceTransformer,
        "sparse_encoder": SparseEncoder,
        "cross_encoder": scoring,
    }
    base.check_modules(sparse=kind == "sparse_encoder")
    model, new_weights = load_model_and_new_weights(
        base.name, base.path, base.content, makers[kind], STARTS[kind], device
    )
    readable = hasattr(model[0], "auto_model") or is_ngram_encoder(model)
    if not readable or any(type(module).__name__ == "Router" for module in model):
        raise ModelError(f"model '{base.name}': training needs one transformer that reads queries and documents")
    return model, bool(new_weights)


def make_reader(model: Any, max_length: int | None) -> TextReader:
    """Return what reads texts as the model does; raise ConfigError where it cannot read so many tokens."""
    if not is_ngram_encoder(model):
        return TokenReader(model.tokenizer, limit_length(model, max_length))
    if max_length is not None:
        raise ConfigError("recipe: max_length is of tokens; a model of hashed n-grams reads texts whole")
    return NGramReader(model[0])


def limit_length(model: Any, max_length: int | None) -> int:
    """Return how many tokens are read of a text; raise ConfigError where the model has fewer positions."""
    limit = int(max_length or model.max_seq_length or 512)
    known = count_positions(model)
    if known is not None and max_length is not None and max_length > known:
        raise ConfigError(f"recipe: max_length {limit} is more than the model's {known} positions")
    return limit if known is None else min(limit, known)


def save_model(model: Any, folder: Path) -> None:
    """Write the model as its kind's class loads it, float32 in safetensors; files name no place of this machine."""
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(config, dict) and (path_keys := [name for name in _PATH_KEYS if name in config]):
            for name in path_keys:
                del config[name]
            path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save_distances(recipe: Recipe, folder: Path) -> None:
    """Write down the distance within which vectors match, where the recipe asks for one."""
    if recipe.match_radius is not None:
        stated = {"radius": recipe.radius, "ratio": recipe.ratio, "match_radius": recipe.match_radius}
        (folder / DISTANCES_FILE).write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def _find_transformer(path: Path) -> Path:
    """Return the folder of the transformer inside a model of sentence-transformers."""
    module_list = path / "modules.json"
    modules = json.loads(module_list.read_text(encoding="utf-8")) if module_list.exists() else []
    inside = path / str(modules[0].get("path", "")) if modules else path
    return inside if (inside / "config.json").exists() else path


def _is_sparse(base: ModelFiles) -> bool:
    """Tell whether a model is a sparse encoder, or becomes SPLADE by itself."""
    if base.read_config("config_sentence_transformers.json").get("model_type") == "SparseEncoder":
        return True
    architectures = base.read_config("config.json").get("architectures") or ()
    return any(name.endswith("ForMaskedLM") for name in architectures)
