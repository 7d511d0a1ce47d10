"""LocalStore: artifacts as folders on this machine, complete or absent, and memos beside them."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.node import Node, StoredArtifact
from nirank.base.disk import find_existing_ancestor, make_folders, sync_file, sync_folder
from nirank.base.identity import ADDRESSING, digest
from nirank.base.places import find_cache_folder
from nirank.base.secrets import mask_secrets
from nirank.errors import ConfigError, StoreError
from nirank.store.leftovers import remove_leftover, reserve_path, sweep_leftovers

if TYPE_CHECKING:
    import numpy as np

    from nirank.store.memo import SegmentedMemo

log = logging.getLogger("nirank")

FORMAT = 1  # of artifact.json
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_ERRORS = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)  # of the disk, not of a file's content
_UNREADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError)  # what a damaged description raises
_PROBE_BYTES = 1 << 16  # that a store must have room for before a run starts
_NAME = re.compile(r"[0-9a-f]{32}(?:-(\d+))?")  # of an artifact's folder
_ADVICE = "name another folder with `store:` or NIRANK_STORE"


def open_store(path: str | Path | None = None) -> LocalStore:
    """Open the store in `path`, in the folder that NIRANK_STORE names, or in the user's cache folder.

    Raises ConfigError where that is no folder and none can be made of that name.
    """
    if path is None:
        path = find_cache_folder()
    try:
        root = Path(path).expanduser()
        ancestor = find_existing_ancestor(root)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"store {path}: cannot be opened ({reason}); {_ADVICE}") from None
    if not ancestor.is_dir():
        raise ConfigError(f"store {path}: {ancestor} is a file; expected a folder; {_ADVICE}")
    return LocalStore(root)


class LocalStore:
    """A folder of artifacts: `artifacts/ab/<address>[-<depth>]/`, each with data and `artifact.json`.

    An artifact is written elsewhere, synced to disk and renamed, so that it is complete or absent. A ranking that was
    cut carries its depth in the folder's name: one address may be stored at several depths.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.used_folders: set[Path] = set()  # of artifacts that were found or written
        self._swept = False
        self._memos: dict[Path, SegmentedMemo] = {}
        self._verified: set[tuple[Path, str]] = set()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def find(self, node: Node) -> StoredArtifact | None:
        """Return the artifact of a node at its depth or deeper; a damaged one is removed, with a warning."""
        candidates = [
            (float("inf") if depth is None else depth, folder)
            for folder, depth in self._find_folders(node.address)
            if depth is None or (node.depth is not None and depth >= node.depth)
        ]
        for _, folder in sorted(candidates):
            artifact = self._read_artifact(folder)
            if artifact is not None and not has_earlier_addressing(artifact.meta):
                self.used_folders.add(artifact.folder)
                return artifact
        return None

    def _find_folders(self, address: str) -> Iterator[tuple[Path, int | None]]:
        """Yield the folders of an address with their depths; folders with other names are passed over."""
        bucket = self._get_bucket(address)
        names: list[str] = []
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError), os.scandir(bucket) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(address)]  # Path.glob is slower
        for match in filter(None, map(_NAME.fullmatch, names)):
            yield bucket / match[0], int(match[1]) if match[1] else None

    def _read_artifact(self, folder: Path) -> StoredArtifact | None:
        try:
            return StoredArtifact(folder, read_description(folder))
        except StoreError:
            raise
        except _UNREADABLE as error:
            self._discard_damaged(folder, error)
            return None

    def verify(self, stored: StoredArtifact) -> bool:
        """Tell whether an artifact's files hold what was written; a damaged one is removed, with a warning.

        Every byte is read, once a process. False also where another process has removed it since it was found.
        """
        version = (stored.folder, str(stored.meta["checksum"]))
        if version in self._verified:
            return (stored.folder / "artifact.json").exists()
        try:
            check_files(stored.folder, stored.meta)
        except (OSError, ValueError) as error:
            self._discard_damaged(stored.folder, error)
            return False
        self._verified.add(version)
        return True

    def _discard_damaged(self, folder: Path, error: Exception) -> None:
        """Remove a damaged artifact. Raises StoreError where the disk cannot be read, or the artifact not removed."""
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise StoreError(f"store {self.root}: cannot read {folder} ({error.strerror}); {_ADVICE}") from error
        if not folder.exists():
            return  # another process removed it while it was read
        log.warning("%s is damaged (%s); it is removed and computed again", folder, error)
        self.discard(folder)

    def discard(self, folder: Path) -> None:
        """Remove a folder of the store, first by a rename, so that it is gone at once; it may be gone already.

        Raises StoreError where it cannot be removed.
        """
        with self._convert_errors(), suppress(FileNotFoundError), reserve_path(self.root) as path:
            folder.rename(path)

    def discard_leftover(self, folder: Path) -> bool:
        """Remove what a killed process left; return False where the process is alive."""
        with self._convert_errors():
            return remove_leftover(folder)

    def require_writable(self) -> None:
        """Raise StoreError unless the store can be written and has room."""
        with self._convert_errors():
            self._sweep_leftovers()
            with reserve_path(self.root) as path:
                path.write_bytes(bytes(_PROBE_BYTES))
                sync_file(path)

    @contextmanager
    def commit(self, node: Node, meta: Mapping[str, Any]) -> Iterator[Path]:
        """Give an empty folder; on leaving the block it becomes the node's artifact.

        `meta` is written at the end; `meta['whole']` true says that a ranking asked for at some
        depth was not cut, so that it serves every depth. If another process was faster, its
        artifact stays. Raises StoreError when the disk is full or the store cannot be written; other
        errors inside the block are passed on as they are.
        """
        with ExitStack() as stack:
            with self._convert_errors():
                self._sweep_leftovers()
                folder = stack.enter_context(reserve_path(self.root))
                folder.mkdir()
            try:
                yield folder
            except OSError as error:
                if self._concerns_store(error, folder):
                    raise self._to_store_error(error) from error
                raise
            with self._convert_errors():
                self._complete_artifact(node, meta, folder)

    def _complete_artifact(self, node: Node, meta: Mapping[str, Any], folder: Path) -> None:
        """Describe what was written into `folder`, sync it to disk, and rename it to its address."""
        files = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sync_file(path)}
            elif path.is_dir():
                sync_folder(path)
        description = {
            "format": FORMAT,
            "addressing": ADDRESSING,
            "address": node.address,
            "label": node.label,
            "task": node.task,
            "version": node.version,
            "params": node.params,
            "kind": node.kind,
            "depth": None if meta.get("whole") else node.depth,
            **meta,
            "checksum": _compute_checksum(files),
            "files": files,
        }
        description = mask_secrets(description)  # a label or an option may contain a variable of the environment
        description["description"] = _digest_description(description)
        text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
        (folder / "artifact.json").write_text(text, encoding="utf-8", errors="backslashreplace")
        sync_file(folder / "artifact.json")
        sync_folder(folder)
        depth = description["depth"]
        final = self._get_bucket(node.address) / (node.address if depth is None else f"{node.address}-{depth}")
        make_folders(final.parent)
        earlier = self._read_artifact(final) if final.exists() else None
        if earlier is not None and has_earlier_addressing(earlier.meta):
            self.discard(final)
        try:
            folder.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        sync_folder(final.parent)
        shutil.rmtree(self.get_scratch_folder(node), ignore_errors=True)

    def get_scratch_folder(self, node: Node) -> Path:
        """Return where a node may keep what it resumes from after a crash; removed when it is committed."""
        return self.root / "scratch" / node.address

    def read_checksums(self, node: Node) -> set[str]:
        """Return the checksums of a node's artifacts, at any depth."""
        artifacts = (self._read_artifact(folder) for folder, _ in self._find_folders(node.address))
        metas = [artifact.meta for artifact in artifacts if artifact is not None]
        return {str(meta["checksum"]) for meta in metas if not has_earlier_addressing(meta)}

    def read_artifacts(self) -> Iterator[StoredArtifact]:
        """Yield every artifact whose description can be read."""
        for path in sorted(self.root.glob("artifacts/*/*/artifact.json")):
            with suppress(*_UNREADABLE):
                yield StoredArtifact(path.parent, read_description(path.parent))

    def read_descriptions(self) -> Iterator[Mapping[str, Any]]:
        """Yield what `artifact.json` says of every artifact."""
        for artifact in self.read_artifacts():
            yield artifact.meta

    def discard_artifacts(self, node: Node) -> None:
        """Remove a node's artifacts at all depths; used when their inputs turn out to have changed."""
        for folder, _ in self._find_folders(node.address):
            self.discard(folder)

    def open_memo(self, space: Mapping[str, Any], row_type: np.dtype[Any]) -> SegmentedMemo:
        """Return the memo of one space, for rows of one type."""
        from nirank.store.memo import SegmentedMemo, describe_type

        folder = self.root / "memos" / digest({"space": space, "row": describe_type(row_type)})
        if folder not in self._memos:
            self._memos[folder] = SegmentedMemo(
                folder, space, row_type, lambda: reserve_path(self.root), self._to_store_error
            )
        return self._memos[folder]

    def open_all_memos(self) -> Iterator[tuple[Path, SegmentedMemo]]:
        """Yield the memo of every space that is stored, with its folder."""
        from nirank.store.memo import parse_type

        for path in sorted(self.root.glob("memos/*/memo.json")):
            try:
                description = json.loads(path.read_text(encoding="utf-8"))
                memo = self.open_memo(description["space"], parse_type(description["row"]))
            except _UNREADABLE as error:
                log.warning("%s is damaged (%s); it is written again when the memo is next filled", path, error)
                with suppress(OSError):
                    path.unlink()
                continue
            yield path.parent, memo

    @contextmanager
    def lock(self, node: Node, waiting: Callable[[str], None]) -> Iterator[None]:
        """Lock a node against other processes; `waiting` is told, once, which process holds the lock."""
        from nirank.store.locks import hold_lock

        with ExitStack() as stack:
            with self._convert_errors():
                stack.enter_context(hold_lock(self._get_lock_path(node.address), node.label, waiting))
            yield

    def _sweep_leftovers(self) -> None:
        """Remove what killed processes left; only once."""
        if not self._swept:
            self._swept = True
            sweep_leftovers(self.root)
            for path in self.root.glob("locks/*.lock"):
                self.is_in_progress(path.stem)

    def is_in_progress(self, address: str) -> bool:
        """Tell whether a process is computing the node of an address."""
        from nirank.store.locks import is_held

        return is_held(self._get_lock_path(address))

    def _get_lock_path(self, address: str) -> Path:
        return self.root / "locks" / address

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        """Turn errors of the store's own files into StoreError."""
        try:
            yield
        except OSError as error:
            raise self._to_store_error(error) from error

    def _to_store_error(self, error: OSError) -> StoreError:
        """Return an error of the store's own files as a StoreError that says what to do."""
        if isinstance(error, StoreError):
            return error
        room = "make room, or " if error.errno in _FULL else ""
        return StoreError(
            f"store {self.root}: cannot write ({error.strerror or error}); {room}{_ADVICE};"
            " what was stored before is intact"
        )

    def _concerns_store(self, error: OSError, folder: Path) -> bool:
        """Tell whether an error while an artifact was written comes from the store's disk, and not from the stage.

        An error names its file. If it does not, a few bytes are written to `folder`: the store's disk may be full.
        """
        if error.errno not in _DISK_ERRORS or isinstance(error, StoreError):
            return False
        if error.filename is not None:
            path = Path(os.fsdecode(error.filename)).absolute()
            return path.is_relative_to(self.root.absolute()) or path.resolve().is_relative_to(self.root.resolve())
        try:
            (folder / "probe").write_bytes(bytes(_PROBE_BYTES))
            sync_file(folder / "probe")
        except OSError:
            return True
        return False

    def _get_bucket(self, address: str) -> Path:
        """Return the folder of all artifacts whose addresses have the same two first digits."""
        return self.root / "artifacts" / address[:2]


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `artifact.json` says.

    Raises one of `_UNREADABLE` unless it and the files' sizes are right, StoreError if a newer nirank wrote it.
    """
    meta: dict[str, Any] = json.loads((folder / "artifact.json").read_bytes())
    if meta.get("format", FORMAT) > FORMAT:
        raise StoreError(
            f"{folder} was written by a newer nirank (format {meta['format']}, this one reads {FORMAT});"
            f" update nirank, or {_ADVICE}"
        )
    expected = meta.pop("description", None)
    if expected is not None and expected != _digest_description(meta):
        raise ValueError("artifact.json does not match its checksum")
    for name, file in meta["files"].items():
        if (folder / name).stat().st_size != file["bytes"]:
            raise ValueError(f"{name} has another size than recorded")
    return meta


def check_files(folder: Path, meta: Mapping[str, Any]) -> None:
    """Read all files; raise ValueError for the first that differs from its checksum."""
    for name, file in meta["files"].items():
        with (folder / name).open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file["sha256"]:
                raise ValueError(f"{name} does not match its checksum")


def has_earlier_addressing(meta: Mapping[str, Any]) -> bool:
    """Tell whether an artifact was stored under earlier rules of addresses: nothing is taken from it."""
    return bool(meta.get("addressing", 1) != ADDRESSING)


def _digest_description(description: Mapping[str, Any]) -> str:
    """Return a digest of a description, as it is when read back."""
    text = json.dumps(json.loads(json.dumps(description)), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _compute_checksum(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one checksum over the names and contents of an artifact's files."""
    lines = "".join(f"{name} {file['sha256']}\n" for name, file in files.items())
    return hashlib.sha256(lines.encode()).hexdigest()
