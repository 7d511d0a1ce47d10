"""What a model's folder holds: the files that are read of it, its modules, and what is not loaded from any folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nirank.base.files import InputFile
from nirank.errors import ModelError

# What is read, and fetched from a hub: no code, no pickles.
READ = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.spm", "bpe.codes", "artifact.metadata")
# Modules of sentence-transformers that run here; the others are made of no transformer, or of a model's own code.
RUN = {"Transformer", "Pooling", "Dense", "Normalize", "LayerNorm", "Dropout", "Router", "Asym", "StaticEmbedding"}
RUN_SPARSE = {*RUN, "MLMTransformer", "SpladePooling", "SparseStaticEmbedding", "IDF", "SparseAutoEncoder"}
RUN_CROSS = {*RUN, "LogitScore"}
RUN_LATE = {*RUN, "MultiVectorMask", "TokenPooling", "ColBERT"}
_THEIRS = ("sentence_transformers.", "pylate.")
_ROUTERS = {"Router", "Asym"}
_WEIGHED = {"Dense", "LayerNorm"}  # modules that are nothing without weights of their own
_LENGTHS = ("query_length", "document_length", "query_expansion")


class ModuleEntry(NamedTuple):
    """One module of a model, as its files name it: the folder inside the model's, and its type."""

    path: str
    type: str

    @property
    def kind(self) -> str:
        """The type's own name."""
        return self.type.rpartition(".")[2]


def look(model: str, folder: Path) -> InputFile:
    """Return what is read of a model's folder, as it is now.

    Raises ModelError, naming the model, where the weights are not all in safetensors, or belong to another model.
    """
    stats = [(str(path), path.stat()) for pattern in READ for path in sorted(folder.rglob(pattern)) if path.is_file()]
    stamps = tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in stats)
    if not any(name.endswith(".safetensors") for name, *_ in stamps):
        raise ModelError(
            f"model '{model}': the folder holds no .safetensors file; other formats are not loaded{_pickled(folder)}"
        )
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"model '{model}': is an adapter, and its base model is not part of the folder; merge the two"
            " (peft: merge_and_unload, then save_pretrained)"
        )
    places = {"": "", **{entry.path: entry.kind for entry in modules(folder)}}
    for place, kind in places.items():
        inside = folder / place
        weighed = kind in _WEIGHED or any(inside.glob("pytorch_model*.bin"))
        if weighed and not any(inside.glob("*.safetensors")):
            where = f"'{place}'" if place else "the folder"
            raise ModelError(
                f"model '{model}': {where} holds its weights in no .safetensors file; other formats are not"
                f" loaded{_pickled(inside)}"
            )
    return _given(folder, stamps)


@cache
def _given(folder: Path, stamps: tuple[tuple[str, int, int, int, int], ...]) -> InputFile:
    """Read a folder; again only if a file has changed."""
    del stamps
    return InputFile.of(folder, READ)


def _pickled(folder: Path) -> str:
    """Return the way out where weights are pickled, '' where they are not."""
    found = sorted(path.name for suffix in ("bin", "pt", "pth") for path in folder.glob(f"*.{suffix}"))
    if not found:
        return ""
    return (
        f"; convert {found[0]}: SentenceTransformer(folder).save_pretrained(new_folder), or CrossEncoder or"
        " SparseEncoder for such a model, writes safetensors"
    )


def modules(folder: Path) -> list[ModuleEntry]:
    """Return the modules of a model in a folder, those inside a router too; [] where the files name none."""
    listed = read_json(folder / "modules.json")
    found = [_entry(one) for one in listed] if isinstance(listed, list) else []
    return [entry for one in found for entry in (one, *_routed(folder, one))]


def check_modules(model: str, folder: Path, known: set[str]) -> None:
    """Raise ModelError for modules that are not run here."""
    for entry in modules(folder):
        if not entry.type.startswith(_THEIRS):
            raise ModelError(
                f"model '{model}': its module {entry.type} is code that comes with the model, and such code is not run"
            )
        if entry.kind not in known:
            raise ModelError(
                f"model '{model}': its module {entry.kind} is not offered; expected {', '.join(sorted(known))}"
            )
        activation = _config(folder / entry.path).get("activation_function")
        if entry.kind == "Dense" and isinstance(activation, str) and not activation.startswith("torch."):
            raise ModelError(f"model '{model}': the activation {activation} of '{entry.path}' is not one of torch's")


def tells_sides_apart(folder: Path) -> bool:
    """Tell whether a model reads queries otherwise than documents, apart from prompts: by routes, or by lengths."""
    entries = modules(folder)
    if any(entry.kind in _ROUTERS for entry in entries):
        return True
    configs = [_config(folder / place) for place in dict.fromkeys(("", *(entry.path for entry in entries)))]
    return any(config.get(name) is not None for config in configs for name in _LENGTHS)


def read_json(path: Path) -> Any:
    """Return what a JSON file says, None where there is none or it says nothing that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _entry(said: Any) -> ModuleEntry:
    said = said if isinstance(said, Mapping) else {}
    return ModuleEntry(str(said.get("path", "")), str(said.get("type", "")))


def _routed(folder: Path, router: ModuleEntry) -> Iterator[ModuleEntry]:
    if router.kind in _ROUTERS:
        types = _config(folder / router.path, "router_config.json", "config.json").get("types")
        for name, kind in (types if isinstance(types, Mapping) else {}).items():
            yield ModuleEntry(str(PurePosixPath(router.path, name)), str(kind))


def _config(folder: Path, *names: str) -> Mapping[str, Any]:
    """Return the first of a module's configuration files that is there, {} for none."""
    usual = (*(path.name for path in sorted(folder.glob("sentence_*_config.json"))), "config.json")
    for path in (folder / name for name in names or usual):
        if isinstance(found := read_json(path), Mapping):
            return found
    return {}
