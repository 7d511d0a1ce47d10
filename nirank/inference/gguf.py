"""Causal language models in GGUF files: converted once to a folder that loads in seconds.

The folder lies with what else is kept between runs, under the digest of the file, and is complete or absent.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from nirank.base.disk import make_folders, sync_file, sync_folder
from nirank.base.files import InputFile
from nirank.base.places import find_cache_folder
from nirank.errors import MissingExtra, ModelError
from nirank.inference.folders import inspect_folder
from nirank.inference.loading import silence_libraries

log = logging.getLogger("nirank")

GGUF = ".gguf"
CONVERSION = "1"  # raised where the same file becomes another model than before
_MAGIC = b"GGUF"
_UNFINISHED = ".unfinished"


def describe_gguf(model: str, path: Path) -> dict[str, str]:
    """Return the identity of the model in a GGUF file: the digest of its bytes, and how it is converted.

    Raises ModelError for another kind of file.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ModelError(f"model '{model}': does not begin as a GGUF file does")
    stat = path.stat()
    return {"files": _read_digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ino), "conversion": CONVERSION}


@cache
def _read_digest(path: Path, *stamps: int) -> str:
    """Read a file; again only if it has changed."""
    del stamps
    return InputFile.of(path).digest


def find_converted(digest: str) -> Path:
    """Return where the folder of a file with this digest lies, or will lie."""
    return find_cache_folder().expanduser() / "models" / f"gguf-{digest}-{CONVERSION}"


def convert_gguf(name: str, file: InputFile) -> Path:
    """Return the folder of a GGUF file's model, bfloat16 in safetensors; make it where there is none.

    Raises ModelError where transformers cannot read the file, DataError where it has changed since it was planned.
    """
    folder = find_converted(file.digest)
    if folder.is_dir():
        return folder
    make_folders(folder.parent)
    with FileLock(f"{folder}.lock"):
        if folder.is_dir():
            return folder
        for leftover in folder.parent.glob(f"{folder.name}*{_UNFINISHED}"):
            shutil.rmtree(leftover, ignore_errors=True)
        log.info("%s: converting the GGUF file, once", name)
        unfinished = Path(tempfile.mkdtemp(_UNFINISHED, f"{folder.name}-", folder.parent))
        try:
            with file.expect_unchanged() as path:
                _write_folder(name, path, unfinished)
            inspect_folder(name, unfinished)
            for path in unfinished.iterdir():
                sync_file(path)
            sync_folder(unfinished)
            unfinished.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _write_folder(name: str, path: Path, folder: Path) -> None:
    import torch
    import transformers

    try:
        import gguf  # noqa: F401
    except ImportError:
        raise MissingExtra(f"model '{name}': GGUF files need gguf: pip install 'nirank[gguf]'") from None
    silence_libraries()
    place = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name, "local_files_only": True}
    options: dict[str, Any] = {"dtype": torch.bfloat16}
    if hasattr(transformers, "GgufConfig"):  # since 5: without it weights stay marked as quantised, and are not saved
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
        model = transformers.AutoModelForCausalLM.from_pretrained(**place, **options)
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"model '{name}': transformers cannot read the GGUF file ({reason})") from error
