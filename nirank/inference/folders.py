"""A model's folder: the files that are read of it, its modules, and what is never loaded from a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nirank.base.files import InputFile
from nirank.errors import ModelError

# What is read, and fetched from a hub: no code, no pickles.
READ_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.spm", "bpe.codes", "artifact.metadata")
# Modules of sentence-transformers that run here; the others are made of no transformer, or of a model's own code.
_COMMON_MODULES = {
    "Transformer",
    "Pooling",
    "Dense",
    "Normalize",
    "LayerNorm",
    "Dropout",
    "Router",
    "Asym",
    "StaticEmbedding",
}
BI_ENCODER_MODULES = {*_COMMON_MODULES, "NGramEmbedding"}
SPARSE_ENCODER_MODULES = {
    *_COMMON_MODULES,
    "MLMTransformer",
    "SpladePooling",
    "SparseStaticEmbedding",
    "IDF",
    "SparseAutoEncoder",
}
CROSS_ENCODER_MODULES = {*_COMMON_MODULES, "LogitScore"}
LATE_INTERACTION_MODULES = {*_COMMON_MODULES, "MultiVectorMask", "TokenPooling", "ColBERT"}
NGRAM_MODULE = "nirank.inference.ngram_embedding.NGramEmbedding"  # the one that is not the libraries' own
_LIBRARIES = ("sentence_transformers.", "pylate.")
_ROUTERS = {"Router", "Asym"}
_WEIGHTED = {"Dense", "LayerNorm"}  # modules that need weights of their own
_PLAIN = {"Dense", "Normalize", "LayerNorm", "Dropout"}  # modules that have nothing but numbers in their files
_LENGTHS = ("query_length", "document_length", "query_expansion")


class ModuleEntry(NamedTuple):
    """One module of a model, as its files name it: the folder inside the model's, and its type."""

    path: str
    type: str

    @property
    def kind(self) -> str:
        """The type's own name."""
        return self.type.rpartition(".")[2]


def inspect_folder(model: str, folder: Path) -> InputFile:
    """Return what is read of a model's folder, as it is now.

    Raises ModelError, naming the model, where the weights are not all in safetensors, or belong to another model.
    """
    stats = [
        (str(path), path.stat())
        for pattern in READ_PATTERNS
        for path in sorted(folder.rglob(pattern))
        if path.is_file()
    ]
    stamps = tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in stats)
    if not any(name.endswith(".safetensors") for name, *_ in stamps):
        raise ModelError(
            f"model '{model}': the folder holds no .safetensors file; other formats are not"
            f" loaded{_suggest_conversion(folder)}"
        )
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"model '{model}': is an adapter, and its base model is not part of the folder; merge the two"
            " (peft: merge_and_unload, then save_pretrained)"
        )
    places = {"": "", **{entry.path: entry.kind for entry in read_modules(folder)}}
    for place, kind in places.items():
        inside = folder / place
        needs_weights = kind in _WEIGHTED or any(inside.glob("pytorch_model*.bin"))
        if needs_weights and not any(inside.glob("*.safetensors")):
            where = f"'{place}'" if place else "the folder"
            raise ModelError(
                f"model '{model}': {where} holds its weights in no .safetensors file; other formats are not"
                f" loaded{_suggest_conversion(inside)}"
            )
    return _read_input_file(folder, stamps)


@cache
def _read_input_file(folder: Path, stamps: tuple[tuple[str, int, int, int, int], ...]) -> InputFile:
    """Read a folder; again only if a file has changed."""
    del stamps
    return InputFile.of(folder, READ_PATTERNS)


def _suggest_conversion(folder: Path) -> str:
    """Return how to convert pickled weights, '' where there are none."""
    pickles = sorted(path.name for suffix in ("bin", "pt", "pth") for path in folder.glob(f"*.{suffix}"))
    if not pickles:
        return ""
    return (
        f"; convert {pickles[0]}: SentenceTransformer(folder).save_pretrained(new_folder), or CrossEncoder or"
        " SparseEncoder for such a model, writes safetensors"
    )


def read_modules(folder: Path) -> list[ModuleEntry]:
    """Return the modules of a model in a folder, those inside a router too; [] where the files name none."""
    listed = read_json(folder / "modules.json")
    entries = [_parse_entry(item) for item in listed] if isinstance(listed, list) else []
    return [part for entry in entries for part in (entry, *_read_router(folder, entry))]


def check_modules(model: str, folder: Path, known: set[str]) -> None:
    """Raise ModelError for modules that are not run here."""
    for entry in read_modules(folder):
        if not entry.type.startswith(_LIBRARIES) and not has_ngram_module(folder):
            raise ModelError(
                f"model '{model}': its module {entry.type} is code that comes with the model, and such code is not run"
            )
        if entry.kind not in known:
            raise ModelError(
                f"model '{model}': its module {entry.kind} is not offered; expected {', '.join(sorted(known))}"
            )
        activation = _read_config(folder / entry.path).get("activation_function")
        if entry.kind == "Dense" and isinstance(activation, str) and not activation.startswith("torch."):
            raise ModelError(f"model '{model}': the activation {activation} of '{entry.path}' is not one of torch's")


def has_ngram_module(folder: Path) -> bool:
    """Tell whether a model is made of nirank's n-grams, and of no transformer: then the library may be told to trust
    it, since it imports what is installed, and runs no code of the folder's.
    """
    entries = read_modules(folder)
    others = [entry for entry in entries if entry.type != NGRAM_MODULE]
    plain = all(entry.type.startswith("sentence_transformers.") and entry.kind in _PLAIN for entry in others)
    return len(others) < len(entries) and plain


def distinguishes_sides(folder: Path) -> bool:
    """Tell whether a model reads queries and documents differently, apart from prompts: by routes, or by lengths."""
    entries = read_modules(folder)
    if any(entry.kind in _ROUTERS for entry in entries):
        return True
    configs = [_read_config(folder / place) for place in dict.fromkeys(("", *(entry.path for entry in entries)))]
    return any(config.get(name) is not None for config in configs for name in _LENGTHS)


def read_json(path: Path) -> Any:
    """Return what a JSON file says, None where there is none or it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _parse_entry(item: Any) -> ModuleEntry:
    item = item if isinstance(item, Mapping) else {}
    return ModuleEntry(str(item.get("path", "")), str(item.get("type", "")))


def _read_router(folder: Path, router: ModuleEntry) -> Iterator[ModuleEntry]:
    if router.kind in _ROUTERS:
        types = _read_config(folder / router.path, "router_config.json", "config.json").get("types")
        for name, kind in (types if isinstance(types, Mapping) else {}).items():
            yield ModuleEntry(str(PurePosixPath(router.path, name)), str(kind))


def _read_config(folder: Path, *names: str) -> Mapping[str, Any]:
    """Return the first of a module's configuration files that is there, {} for none."""
    usual = (*(path.name for path in sorted(folder.glob("sentence_*_config.json"))), "config.json")
    for path in (folder / name for name in names or usual):
        if isinstance(config := read_json(path), Mapping):
            return config
    return {}
