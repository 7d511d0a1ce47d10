"""LocalStore: artifacts as folders on this machine, whole or not there at all, and memos beside them."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.errors import StoreError
from nirank.identity import digest
from nirank.node import Node, Stored
from nirank.store.unfinished import fresh_path, sweep

if TYPE_CHECKING:
    import numpy as np

    from nirank.store.memo import SegmentedMemo

log = logging.getLogger("nirank")

FORMAT = 1  # of artifact.json
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNREADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError)  # what a damaged description raises


def open_store(path: str | Path | None = None) -> LocalStore:
    """Open the store in `path`, in the folder that NIRANK_STORE names, or in the user's cache folder."""
    if path is None:
        path = os.environ.get("NIRANK_STORE") or None
    if path is None:
        import platformdirs

        path = platformdirs.user_cache_dir("nirank", appauthor=False)
    return LocalStore(Path(path).expanduser())


class LocalStore:
    """A folder of artifacts: `artifacts/ab/<address>[-<depth>]/`, each with data and `artifact.json`.

    An artifact is filled beside, synced to disk and renamed, so that there is one or there is
    none. A ranking that was cut carries its depth in the folder's name: one address may be there
    at several depths, and the deepest needed serves all.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.used: set[Path] = set()  # artifacts that were found or made
        self._memos: dict[Path, SegmentedMemo] = {}
        self._verified: set[tuple[Path, str]] = set()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def find(self, node: Node) -> Stored | None:
        """Return the artifact of a node at its depth or deeper; a damaged one is removed and said."""
        best: tuple[float, Path] | None = None
        for folder in self._shelf(node.address).glob(f"{node.address}*"):
            depth = _depth(folder, node.address)
            enough = depth is None or (node.depth is not None and depth >= node.depth)
            size = float("inf") if depth is None else depth
            if enough and (best is None or size < best[0]):
                best = (size, folder)
        found = None if best is None else self._read(best[1])
        if found is not None:
            self.used.add(found.folder)
        return found

    def _read(self, folder: Path) -> Stored | None:
        try:
            return Stored(folder, read_description(folder))
        except _UNREADABLE as error:
            self._damaged(folder, error)
            return None

    def verify(self, stored: Stored) -> bool:
        """Tell whether an artifact's files hold what was written; a damaged one is removed, and that is said.

        Every byte is read, once a process.
        """
        seen = (stored.folder, str(stored.meta["checksum"]))
        if seen not in self._verified:
            try:
                check_files(stored.folder, stored.meta)
            except (OSError, ValueError) as error:
                self._damaged(stored.folder, error)
                return False
            self._verified.add(seen)
        return True

    def _damaged(self, folder: Path, error: Exception) -> None:
        log.warning("%s is damaged (%s); it is removed and computed again", folder, error)
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def commit(self, node: Node, meta: Mapping[str, Any]) -> Iterator[Path]:
        """Give an empty folder; on leaving the block it becomes the node's artifact.

        `meta` is written at the end; `meta['whole']` true says that a ranking asked for at some
        depth was not cut, so that it serves every depth. If another process was faster, its
        artifact stays. Raises StoreError when the disk is full or the store cannot be written.
        """
        beside = fresh_path(self.root)
        try:
            sweep(self.root)
            beside.mkdir(parents=True)
            yield beside
            self._finish(node, meta, beside)
        except OSError as error:
            raise self._told(error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _finish(self, node: Node, meta: Mapping[str, Any], beside: Path) -> None:
        files = {}
        for path in sorted(beside.rglob("*")):
            if path.is_file():
                files[path.relative_to(beside).as_posix()] = {"bytes": path.stat().st_size, "sha256": _sync(path)}
        described = {
            "format": FORMAT,
            "address": node.address,
            "label": node.label,
            "task": node.task,
            "version": node.version,
            "params": node.params,
            "kind": node.kind,
            "depth": None if meta.get("whole") else node.depth,
            **meta,
            "checksum": _checksum(files),
            "files": files,
        }
        described["description"] = _self_digest(described)
        (beside / "artifact.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
        _sync(beside / "artifact.json")
        depth = described["depth"]
        final = self._shelf(node.address) / (node.address if depth is None else f"{node.address}-{depth}")
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        _sync_folder(final.parent)
        shutil.rmtree(self.scratch(node), ignore_errors=True)

    def scratch(self, node: Node) -> Path:
        """Return where a node may keep what it goes on from after a crash; removed when it is committed."""
        return self.root / "scratch" / node.address

    def checksums(self, node: Node) -> set[str]:
        """Return the checksums of a node's artifacts, at any depth."""
        found = (self._read(folder) for folder in self._shelf(node.address).glob(f"{node.address}*"))
        return {str(one.meta["checksum"]) for one in found if one is not None}

    def artifacts(self) -> Iterator[Stored]:
        """Yield every artifact whose description can be read."""
        for path in sorted(self.root.glob("artifacts/*/*/artifact.json")):
            with suppress(*_UNREADABLE):
                yield Stored(path.parent, read_description(path.parent))

    def described(self) -> Iterator[Mapping[str, Any]]:
        """Yield what `artifact.json` says of every artifact."""
        for one in self.artifacts():
            yield one.meta

    def remove(self, node: Node) -> None:
        """Remove a node's artifacts at all depths; used when their inputs turn out to have changed."""
        for folder in self._shelf(node.address).glob(f"{node.address}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def memo(self, space: Mapping[str, Any], kind: np.dtype[Any]) -> SegmentedMemo:
        """Return the memo of one space, for rows of one type."""
        from nirank.store.memo import SegmentedMemo, described_type

        folder = self.root / "memos" / digest({"space": space, "row": described_type(kind)})
        if folder not in self._memos:
            self._memos[folder] = SegmentedMemo(folder, space, kind, self._beside, self._told)
        return self._memos[folder]

    def all_memos(self) -> Iterator[tuple[Path, SegmentedMemo]]:
        """Yield the memo of every space that is stored, with its folder."""
        from nirank.store.memo import row_type

        for path in sorted(self.root.glob("memos/*/memo.json")):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                memo = self.memo(said["space"], row_type(said["row"]))
            except _UNREADABLE as error:
                log.warning("%s is damaged (%s); it is written again when the memo is next filled", path, error)
                path.unlink(missing_ok=True)
                continue
            yield path.parent, memo

    @contextmanager
    def lock(self, node: Node, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold a node against other processes; `waiting` hears, once, which process has it."""
        from nirank.store.locks import held

        try:
            with held(self.root / "locks" / node.address, node.label, waiting):
                yield
        except OSError as error:
            raise self._told(error) from error

    def _beside(self) -> Path:
        return fresh_path(self.root)

    def _told(self, error: OSError) -> OSError:
        """Return the error in the user's words, where it is the disk's."""
        if isinstance(error, StoreError) or error.errno not in (*_FULL, errno.EACCES, errno.EROFS):
            return error
        return StoreError(
            f"store {self.root}: cannot write ({error.strerror}); make room, or name another folder with"
            " `store:` or NIRANK_STORE; what was stored before is intact"
        )

    def _shelf(self, address: str) -> Path:
        return self.root / "artifacts" / address[:2]


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `artifact.json` says.

    Raises one of `_UNREADABLE` unless it and the files' sizes are right.
    """
    meta: dict[str, Any] = json.loads((folder / "artifact.json").read_bytes())
    described = meta.pop("description", None)
    if described is not None and described != _self_digest(meta):
        raise ValueError("artifact.json does not match its checksum")
    for name, file in meta["files"].items():
        if (folder / name).stat().st_size != file["bytes"]:
            raise ValueError(f"{name} has another size than recorded")
    return meta


def check_files(folder: Path, meta: Mapping[str, Any]) -> None:
    """Read all files; raise ValueError for the first that differs from its checksum."""
    for name, file in meta["files"].items():
        with (folder / name).open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file["sha256"]:
                raise ValueError(f"{name} does not match its checksum")


def _self_digest(described: Mapping[str, Any]) -> str:
    """Return a digest of a description, as it is when read back."""
    plain = json.dumps(json.loads(json.dumps(described)), sort_keys=True)
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def _depth(folder: Path, address: str) -> int | None:
    suffix = folder.name.removeprefix(address).removeprefix("-")
    return int(suffix) if suffix else None


def _checksum(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one checksum over the names and contents of an artifact's files."""
    listed = "".join(f"{name} {file['sha256']}\n" for name, file in files.items())
    return hashlib.sha256(listed.encode()).hexdigest()


def _sync(path: Path) -> str:
    """Bring a file to disk and return its SHA-256."""
    with path.open("rb+") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return checksum


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
