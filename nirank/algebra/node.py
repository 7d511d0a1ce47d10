"""Node: one computation, named by what it computes; and what a store of them offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from nirank.base.identity import digest
from nirank.base.memory import NeedEstimator, Sizes

if TYPE_CHECKING:
    import numpy as np

    from nirank.algebra.context import Context
    from nirank.base.memo import Memo

NodeKind = Literal["texts", "ranking", "pairs", "scope", "folder", "judgements"]

RANGE = "range"  # role of the searches of ranges that make one list


@dataclass(frozen=True)
class Node:
    """One computation of the plan; a value, equal to every other node that computes the same.

    task       "module:function", called with a `Job`
    version    raised when the task's output changes
    params     the options that the output depends on, defaults left out
    inputs     (role, node) pairs: 'queries', 'docs', 'texts', 'need', 'scope', 'list', …
    depth      how deep a ranking is wanted (None: whole). Coverage, not identity: a deeper
               ranking at the same address serves. Where a node is an input, it counts.
    kind       what comes out
    offline    paid once per collection (an index), not per query
    training   makes a model, paid once for it: its cost, and what only it needs, are counted apart
    from_user  reads what the user gave, a run file: a mistake in it is the user's and stops the run
    memory     how much main memory it needs, from the sizes of its inputs; None: blocks that fit everywhere
    max_pairs  how many pairs its result has at most, by the sizes of its inputs; None: no more than its lists together
    stage      the stage that made the node, handed to the task; its identity is in `params`
    label      for people
    ranges     of given texts that are to be searched by ranges of rows: the ranges, in order; no part of identity
    movable    a worker may run it as a whole: it needs its inputs, and neither memos nor an engine; no identity either
    """

    task: str
    version: int
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[tuple[str, Node], ...] = ()
    depth: int | None = None
    kind: NodeKind = "folder"
    offline: bool = False
    training: bool = False
    from_user: bool = False
    memory: NeedEstimator | None = field(default=None, repr=False)
    max_pairs: Callable[[Sizes], int] | None = field(default=None, repr=False)
    stage: Any = field(default=None, repr=False)
    label: str = ""
    ranges: tuple[Node, ...] = field(default=(), repr=False)
    movable: bool = field(default=False, repr=False)

    @classmethod
    def leaf(cls, kind: NodeKind, content: str, label: str, ranges: tuple[Node, ...] = ()) -> Node:
        """Return the node of given data: addressed by content digest, never computed."""
        return cls(f"leaf:{kind}", 0, {"digest": content}, kind=kind, label=label, ranges=ranges)

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels to another process: all but what only planning asks, functions that cannot."""
        return {**vars(self), "memory": None, "max_pairs": None}

    @property
    def is_leaf(self) -> bool:
        """Tell whether the node stands for given data."""
        return self.task.startswith("leaf:")

    @cached_property
    def address(self) -> str:
        """32 hexadecimal digits: task, version, parameters, inputs' addresses and their depths."""
        waiting = [node for _, node in self.inputs]
        while waiting:  # from the bottom up, however long a chain is
            missing = [below for _, below in waiting[-1].inputs if "address" not in vars(below)]
            if missing:
                waiting += missing
            else:
                _ = waiting.pop().address
        if self.is_leaf:
            return str(self.params["digest"])
        # How deep ranges are searched follows from this node's own depth.
        inputs = [[role, node.address, None if role == RANGE else node.depth] for role, node in self.inputs]
        return digest({"task": self.task, "version": self.version, "params": self.params, "inputs": inputs})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return (self.address, self.depth) == (other.address, other.depth)

    def __hash__(self) -> int:
        return hash((self.address, self.depth))

    def get_input(self, role: str) -> Node:
        """Return the one input in a role."""
        return next(node for name, node in self.inputs if name == role)

    def walk(self, through: Callable[[Node], bool] = lambda _: True, seen: set[Node] | None = None) -> Iterator[Node]:
        """Yield the nodes below, inputs first, then this one; each value once.

        through  whether what is below a node is yielded too
        seen     nodes that are left out; all that are yielded are added
        """
        seen = set() if seen is None else seen
        if self in seen:
            return
        seen.add(self)
        path = [(self, iter(self.inputs if through(self) else ()))]
        while path:
            node, rest = path[-1]
            following = next((node for _, node in rest if node not in seen), None)
            if following is None:
                path.pop()
                yield node
            else:
                seen.add(following)
                path.append((following, iter(following.inputs if through(following) else ())))


def mark_offline(node: Node) -> Node:
    """Return a computation that is paid once per collection, and so is all that it needs."""
    marked: dict[Node, Node] = {}
    for below in node.walk():
        inputs = tuple((role, marked[each]) for role, each in below.inputs)
        marked[below] = below if below.is_leaf else replace(below, inputs=inputs, offline=True)
    return marked[node]


@dataclass(frozen=True)
class Job:
    """What a task gets: opened inputs, and the folder to write into.

    inputs   {role: values in order}: `Texts`, `Ranking`, `Pairs`, `Scope`, `Qrels`, or a
             `Path` for inputs of kind 'folder'
    folder   empty, the task's to fill; it becomes the artifact
    depth    how deep a ranking is wanted
    """

    params: Mapping[str, Any]
    inputs: Mapping[str, list[Any]]
    folder: Path
    context: Context
    stage: Any = None
    depth: int | None = None

    def get_input(self, role: str) -> Any:
        """Return the only input in a role."""
        return self.inputs[role][0]


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact that was found: its folder and what `artifact.json` says."""

    folder: Path
    meta: Mapping[str, Any]


class Store(Protocol):
    """Where artifacts are kept, and memos below them."""

    def find(self, node: Node) -> StoredArtifact | None:
        """Return the artifact of a node, at its depth or deeper, or None."""
        ...

    def require_writable(self) -> None:
        """Raise StoreError unless there is room and leave to write."""
        ...

    def commit(self, node: Node, meta: Mapping[str, Any]) -> AbstractContextManager[Path]:
        """Give an empty folder to fill; on leaving the block it becomes the artifact, whole or not at all.

        `meta` is written into `artifact.json` at the end, so it may be filled inside the block.
        """
        ...

    def read_checksums(self, node: Node) -> set[str]:
        """Return the checksums of what is stored of a node, at any depth."""
        ...

    def discard_artifacts(self, node: Node) -> None:
        """Remove the artifacts of a node."""
        ...

    def read_descriptions(self) -> Iterator[Mapping[str, Any]]:
        """Yield what `artifact.json` says of every artifact."""
        ...

    def verify(self, stored: StoredArtifact) -> bool:
        """Tell whether an artifact's files hold what was written; a damaged one is removed, and that is said."""
        ...

    def lock(self, node: Node, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold a node against other processes; `waiting` hears, once, which process has it."""
        ...

    def get_scratch_folder(self, node: Node) -> Path:
        """Return where a node may keep what it goes on from after a crash; gone when it is committed."""
        ...

    def open_memo(self, space: Mapping[str, Any], row_type: np.dtype[Any]) -> Memo:
        """Return the memo of one space, for rows of one type."""
        ...
