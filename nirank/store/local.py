"""LocalStore: artifacts as folders on this machine, whole or not there at all, and memos beside them."""

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

from nirank.algebra.node import Node, Stored
from nirank.base.identity import ADDRESSING, digest
from nirank.base.secrets import mask_secrets
from nirank.errors import ConfigError, StoreError
from nirank.store.disk import make_folders, nearest_there, sync_file, sync_folder
from nirank.store.unfinished import place, remove_leftover, sweep

if TYPE_CHECKING:
    import numpy as np

    from nirank.store.memo import SegmentedMemo

log = logging.getLogger("nirank")

FORMAT = 1  # of artifact.json
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)  # what a disk says of itself
_UNREADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError)  # what a damaged description raises
_PROBE = 1 << 16  # bytes that a store must have room for, or nothing is begun
_NAME = re.compile(r"[0-9a-f]{32}(?:-(\d+))?")  # of an artifact's folder
_ELSEWHERE = "name another folder with `store:` or NIRANK_STORE"


def open_store(path: str | Path | None = None) -> LocalStore:
    """Open the store in `path`, in the folder that NIRANK_STORE names, or in the user's cache folder.

    Raises ConfigError where that is no folder and none can be made of that name.
    """
    if path is None:
        path = os.environ.get("NIRANK_STORE") or None
    if path is None:
        import platformdirs

        path = platformdirs.user_cache_dir("nirank", appauthor=False)
    try:
        root = Path(path).expanduser()
        above = nearest_there(root)
    except (OSError, RuntimeError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigError(f"store {path}: cannot be opened ({said}); {_ELSEWHERE}") from None
    if not above.is_dir():
        raise ConfigError(f"store {path}: {above} is a file; expected a folder; {_ELSEWHERE}")
    return LocalStore(root)


class LocalStore:
    """A folder of artifacts: `artifacts/ab/<address>[-<depth>]/`, each with data and `artifact.json`.

    An artifact is filled beside, synced to disk and renamed, so that there is one or there is
    none. A ranking that was cut carries its depth in the folder's name: one address may be there
    at several depths, and the deepest needed serves all.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.used: set[Path] = set()  # artifacts that were found or made
        self._swept = False
        self._memos: dict[Path, SegmentedMemo] = {}
        self._verified: set[tuple[Path, str]] = set()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def find(self, node: Node) -> Stored | None:
        """Return the artifact of a node at its depth or deeper; a damaged one is removed and said."""
        enough = [
            (float("inf") if depth is None else depth, folder)
            for folder, depth in self._folders(node.address)
            if depth is None or (node.depth is not None and depth >= node.depth)
        ]
        for _, folder in sorted(enough):
            found = self._read(folder)
            if found is not None and not is_earlier(found.meta):
                self.used.add(found.folder)
                return found
        return None

    def _folders(self, address: str) -> Iterator[tuple[Path, int | None]]:
        """Yield the folders of an address with their depths; what others called similarly is nobody's artifact."""
        for folder in self._shelf(address).glob(f"{address}*"):
            named = _NAME.fullmatch(folder.name)
            if named is not None:
                yield folder, int(named[1]) if named[1] else None

    def _read(self, folder: Path) -> Stored | None:
        try:
            return Stored(folder, read_description(folder))
        except StoreError:
            raise
        except _UNREADABLE as error:
            self._damaged(folder, error)
            return None

    def verify(self, stored: Stored) -> bool:
        """Tell whether an artifact's files hold what was written; a damaged one is removed, and that is said.

        Every byte is read, once a process. One that somebody has removed since it was found is not there.
        """
        seen = (stored.folder, str(stored.meta["checksum"]))
        if seen in self._verified:
            return (stored.folder / "artifact.json").exists()
        try:
            check_files(stored.folder, stored.meta)
        except (OSError, ValueError) as error:
            self._damaged(stored.folder, error)
            return False
        self._verified.add(seen)
        return True

    def _damaged(self, folder: Path, error: Exception) -> None:
        """Remove a damaged artifact. Raises StoreError where it cannot be read, which is no damage, or not removed."""
        if isinstance(error, OSError) and error.errno in _REFUSED:
            raise StoreError(f"store {self.root}: cannot read {folder} ({error.strerror}); {_ELSEWHERE}") from error
        if not folder.exists():
            return  # somebody removed it while it was read
        log.warning("%s is damaged (%s); it is removed and computed again", folder, error)
        self.discard(folder)

    def discard(self, folder: Path) -> None:
        """Remove a folder of the store: gone at once, by a rename, before its files are; none there is no mistake.

        Raises StoreError where it cannot be removed.
        """
        with self._telling(), suppress(FileNotFoundError), place(self.root) as aside:
            folder.rename(aside)

    def discard_leftover(self, folder: Path) -> bool:
        """Remove what a killed process left; False where the process is alive."""
        with self._telling():
            return remove_leftover(folder)

    def require_writable(self) -> None:
        """Raise StoreError unless the store can be written and has room."""
        with self._telling():
            self._sweep()
            with place(self.root) as beside:
                beside.write_bytes(bytes(_PROBE))
                sync_file(beside)

    @contextmanager
    def commit(self, node: Node, meta: Mapping[str, Any]) -> Iterator[Path]:
        """Give an empty folder; on leaving the block it becomes the node's artifact.

        `meta` is written at the end; `meta['whole']` true says that a ranking asked for at some
        depth was not cut, so that it serves every depth. If another process was faster, its
        artifact stays. Raises StoreError when the disk is full or the store cannot be written; what
        else goes wrong inside the block is passed on as it is.
        """
        with ExitStack() as stack:
            with self._telling():
                self._sweep()
                beside = stack.enter_context(place(self.root))
                beside.mkdir()
            try:
                yield beside
            except OSError as error:
                if self._is_own(error, beside):
                    raise self._told(error) from error
                raise
            with self._telling():
                self._finish(node, meta, beside)

    def _finish(self, node: Node, meta: Mapping[str, Any], beside: Path) -> None:
        files = {}
        for path in sorted(beside.rglob("*")):
            if path.is_file():
                files[path.relative_to(beside).as_posix()] = {"bytes": path.stat().st_size, "sha256": sync_file(path)}
            elif path.is_dir():
                sync_folder(path)
        described = {
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
            "checksum": _checksum(files),
            "files": files,
        }
        described = mask_secrets(described)  # a label or an option may hold what came from the environment
        described["description"] = _self_digest(described)
        text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
        (beside / "artifact.json").write_text(text, encoding="utf-8", errors="backslashreplace")
        sync_file(beside / "artifact.json")
        sync_folder(beside)
        depth = described["depth"]
        final = self._shelf(node.address) / (node.address if depth is None else f"{node.address}-{depth}")
        make_folders(final.parent)
        if final.exists() and (there := self._read(final)) is not None and is_earlier(there.meta):
            self.discard(final)
        try:
            beside.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        sync_folder(final.parent)
        shutil.rmtree(self.get_scratch_folder(node), ignore_errors=True)

    def get_scratch_folder(self, node: Node) -> Path:
        """Return where a node may keep what it goes on from after a crash; removed when it is committed."""
        return self.root / "scratch" / node.address

    def read_checksums(self, node: Node) -> set[str]:
        """Return the checksums of a node's artifacts, at any depth."""
        found = (self._read(folder) for folder, _ in self._folders(node.address))
        return {str(one.meta["checksum"]) for one in found if one is not None and not is_earlier(one.meta)}

    def artifacts(self) -> Iterator[Stored]:
        """Yield every artifact whose description can be read."""
        for path in sorted(self.root.glob("artifacts/*/*/artifact.json")):
            with suppress(*_UNREADABLE):
                yield Stored(path.parent, read_description(path.parent))

    def read_descriptions(self) -> Iterator[Mapping[str, Any]]:
        """Yield what `artifact.json` says of every artifact."""
        for one in self.artifacts():
            yield one.meta

    def remove(self, node: Node) -> None:
        """Remove a node's artifacts at all depths; used when their inputs turn out to have changed."""
        for folder, _ in self._folders(node.address):
            self.discard(folder)

    def open_memo(self, space: Mapping[str, Any], kind: np.dtype[Any]) -> SegmentedMemo:
        """Return the memo of one space, for rows of one type."""
        from nirank.store.memo import SegmentedMemo, described_type

        folder = self.root / "memos" / digest({"space": space, "row": described_type(kind)})
        if folder not in self._memos:
            self._memos[folder] = SegmentedMemo(folder, space, kind, lambda: place(self.root), self._told)
        return self._memos[folder]

    def all_memos(self) -> Iterator[tuple[Path, SegmentedMemo]]:
        """Yield the memo of every space that is stored, with its folder."""
        from nirank.store.memo import row_type

        for path in sorted(self.root.glob("memos/*/memo.json")):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                memo = self.open_memo(said["space"], row_type(said["row"]))
            except _UNREADABLE as error:
                log.warning("%s is damaged (%s); it is written again when the memo is next filled", path, error)
                with suppress(OSError):
                    path.unlink()
                continue
            yield path.parent, memo

    @contextmanager
    def lock(self, node: Node, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold a node against other processes; `waiting` hears, once, which process has it."""
        from nirank.store.locks import held

        with ExitStack() as stack:
            with self._telling():
                stack.enter_context(held(self._lock(node.address), node.label, waiting))
            yield

    def _sweep(self) -> None:
        """Remove, once, what killed processes left."""
        if not self._swept:
            self._swept = True
            sweep(self.root)
            for path in self.root.glob("locks/*.lock"):
                self.is_computed(path.stem)

    def is_computed(self, address: str) -> bool:
        """Tell whether a process is at work on an address."""
        from nirank.store.locks import is_held

        return is_held(self._lock(address))

    def _lock(self, address: str) -> Path:
        return self.root / "locks" / address

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell what goes wrong with the store's own files."""
        try:
            yield
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> StoreError:
        """Return an error of the store's own files in the user's words."""
        if isinstance(error, StoreError):
            return error
        room = "make room, or " if error.errno in _FULL else ""
        return StoreError(
            f"store {self.root}: cannot write ({error.strerror or error}); {room}{_ELSEWHERE};"
            " what was stored before is intact"
        )

    def _is_own(self, error: OSError, beside: Path) -> bool:
        """Tell whether what went wrong while an artifact was made is the store's, and not the stage's.

        An error says its file, or that a disk is full; then the store's is, if it takes no more.
        """
        if error.errno not in _REFUSED or isinstance(error, StoreError):
            return False
        if error.filename is not None:
            at = Path(os.fsdecode(error.filename)).absolute()
            return at.is_relative_to(self.root.absolute()) or at.resolve().is_relative_to(self.root.resolve())
        try:
            (beside / "probe").write_bytes(bytes(_PROBE))
            sync_file(beside / "probe")
        except OSError:
            return True
        return False

    def _shelf(self, address: str) -> Path:
        return self.root / "artifacts" / address[:2]


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `artifact.json` says.

    Raises one of `_UNREADABLE` unless it and the files' sizes are right, StoreError if a newer nirank wrote it.
    """
    meta: dict[str, Any] = json.loads((folder / "artifact.json").read_bytes())
    if meta.get("format", FORMAT) > FORMAT:
        raise StoreError(
            f"{folder} was written by a newer nirank (format {meta['format']}, this one reads {FORMAT});"
            f" update nirank, or {_ELSEWHERE}"
        )
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


def is_earlier(meta: Mapping[str, Any]) -> bool:
    """Tell whether an artifact was stored under earlier rules of addresses: nothing is taken from it."""
    return bool(meta.get("addressing", 1) != ADDRESSING)


def _self_digest(described: Mapping[str, Any]) -> str:
    """Return a digest of a description, as it is when read back."""
    plain = json.dumps(json.loads(json.dumps(described)), sort_keys=True)
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def _checksum(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one checksum over the names and contents of an artifact's files."""
    listed = "".join(f"{name} {file['sha256']}\n" for name, file in files.items())
    return hashlib.sha256(listed.encode()).hexdigest()
