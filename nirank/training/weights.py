"""The weights of a saved model as one state, and whether several saved models may be averaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

_IRRELEVANT = (
    "_name_or_path",
    "transformers_version",
    "torch_dtype",
    "dtype",
    "version",
    "use_cache",
)  # says nothing of the function
_SETTINGS = ("prompts", "default_prompt_name", "similarity_fn_name")


def read_state(folder: Path) -> dict[str, Tensor]:
    """Return all tensors of a model's folder, by file and name: 'model.safetensors/encoder.layer.0…'."""
    from safetensors.torch import load_file

    return {
        f"{path.relative_to(folder).as_posix()}/{name}": tensor
        for path in _list_files(folder)
        for name, tensor in load_file(path).items()
    }


def write_state(state: Mapping[str, Tensor], like: Path, folder: Path) -> None:
    """Save a state, as `read` gives it, as a model that has all else from another's folder.

    folder  is made; it must not hold a model yet
    """
    from safetensors.torch import save_file

    shutil.copytree(like, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    for path in _list_files(like):
        start = f"{path.relative_to(like).as_posix()}/"
        tensors = {
            name.removeprefix(start): tensor.contiguous() for name, tensor in state.items() if name.startswith(start)
        }
        save_file(tensors, folder / start.rstrip("/"), metadata={"format": "pt"})


def check_comparable(folders: Sequence[Path], names: Sequence[str] = ()) -> None:
    """Raise ConfigError, one sentence, where models differ in anything but their weights that decides their output.

    Compared are the configuration, the modules with their pooling, the tokenizer, prompts and similarity.

    names  of the models in messages; none: their folders'
    """
    first = _describe_model(folders[0])
    called = list(names) or [folder.name for folder in folders]
    for folder, name_of_other in zip(folders[1:], called[1:], strict=True):
        other = _describe_model(folder)
        for property in (*first, *(name for name in other if name not in first)):
            if first.get(property) != other.get(property):
                raise ConfigError(
                    f"soup: '{name_of_other}' and '{called[0]}' differ in {property};"
                    " a mean of weights needs models that differ in weights only"
                )


def _list_files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        raise ModelError(f"model '{folder}': the folder holds no .safetensors file; other formats are not loaded")
    return files


def _describe_model(folder: Path) -> dict[str, Any]:
    """Return what decides a model's output beside its weights, by the name that a message gives it."""
    modules = _read_json(folder / "modules.json") or []
    kinds = {module["path"]: module["type"].rpartition(".")[2] for module in modules}
    description: dict[str, Any] = {
        "its modules": [(module["path"], module["type"].rpartition(".")[2]) for module in modules]
    }
    for place in dict.fromkeys(["", *(module["path"] for module in modules)]):
        config = _drop_irrelevant(_read_module_config(folder / place, kinds.get(place, "")))
        description |= {f"'{name}' of {Path(place, 'config.json').as_posix()}": value for name, value in config.items()}
    settings = _read_json(folder / "config_sentence_transformers.json") or {}
    prompts = {name: prompt for name, prompt in (settings.get("prompts") or {}).items() if prompt}
    settings |= {"prompts": prompts, "similarity_fn_name": settings.get("similarity_fn_name") or "cosine"}
    description |= {f"its {name}": settings.get(name) for name in _SETTINGS}
    tokenizer = _read_json(folder / "tokenizer.json") or {}
    description["its tokenizer"] = {
        name: value for name, value in tokenizer.items() if name not in ("truncation", "padding")
    }
    words = folder / "vocab.txt"
    description["its vocabulary"] = words.read_bytes() if words.exists() and not tokenizer else None
    return description


def _read_module_config(folder: Path, kind: str) -> dict[str, Any]:
    """Return a module's configuration as libraries read it today: older files leave defaults out, and name things
    otherwise.

    kind  of module, where it is sentence-transformers'
    """
    config: dict[str, Any] = _read_json(folder / "config.json") or {}
    if "model_type" in config:
        from transformers import AutoConfig

        read_config: dict[str, Any] = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
        return read_config
    from sentence_transformers.sentence_transformer import modules

    if kind and hasattr(modules, kind):
        settings: dict[str, Any] = getattr(modules, kind).load(str(folder)).get_config_dict()
        return settings
    return config


def _drop_irrelevant(value: Any) -> Any:
    """Leave out what no output depends on: versions, names, and dropout, which is for training."""
    if not isinstance(value, dict):
        return value
    relevant = {name: part for name, part in value.items() if name not in _IRRELEVANT and "dropout" not in str(name)}
    return {name: _drop_irrelevant(part) for name, part in relevant.items()}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
