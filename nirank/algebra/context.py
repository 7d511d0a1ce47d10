"""Context: what a running stage may see and say."""

from __future__ import annotations

import logging
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import MemoOpener, open_null_memo
from nirank.base.work import Engine
from nirank.collections.texts import Texts
from nirank.errors import StageError
from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope

log = logging.getLogger("nirank")

T = TypeVar("T")
Track = Callable[[Iterable[Any], int, str], Iterator[Any]]


def track_nothing(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """Pass items on, without showing progress."""
    del total, what
    return iter(items)


@dataclass
class Context:
    """One stage's view of the world while it runs.

    queries, docs  the two sides; for a TextMap `docs` is None
    inputs         what the stage asked for in `plan_inputs()`, opened, in that order: a `Path` for a
                   folder, `Texts` for texts
    scope          which documents each query may be given
    device         for models: 'auto', 'cpu', 'cuda', 'cuda:1', 'mps'
    counts         named counters that end on the result row (truncated, empty_queries …)
    declared       conventions that end on the result row (prompts, precision …)
    open_memo      gives the memo of a space: what was computed before for texts and pairs of texts
    engine         executes what comes in shards; None: here, in this process
    scratch        where a long computation keeps what it goes on from after a crash; None: a temporary folder
    warn           tells people something, once for all ranges of rows that a retriever searches
    memo_use       what memos spared: items found and computed, and their seconds
    models         how many parameters the models have that were used (None: nobody knows), by their content
    devices        on which they ran
    device_s       how long they computed there
    made_queries   the weighted terms that a stage made of each query, for whoever shows them
    qrels, known   what the stage may learn from, if it reads judgements: of documents to find, and of those that each
                   query has had before
    """

    queries: Texts | None = None
    docs: Texts | None = None
    inputs: tuple[Any, ...] = ()
    scope: Scope | None = None
    device: str = "auto"
    stage: str = ""
    track: Track = track_nothing
    counts: Counter[str] = field(default_factory=Counter)
    declared: dict[str, Any] = field(default_factory=dict)
    qrels: Qrels | None = None
    known: Qrels | None = None
    made_queries: Sequence[Mapping[str, float]] = ()
    open_memo: MemoOpener = open_null_memo
    warn: Callable[[str], None] = log.warning
    engine: Engine | None = None
    memo_use: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    scratch: Path | None = None
    models: dict[str, int | None] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    device_s: float = 0.0

    def count(self, name: str, n: int = 1) -> None:
        """Add to a named counter; zeros are not shown."""
        if not isinstance(n, (int, np.integer, np.bool_)):
            raise StageError(f"{self.stage}: counts '{name}' by {n!r}; expected a whole number")
        if n:
            self.counts[name] += int(n)

    def count_blank(self, texts: Iterable[str], name: str) -> Iterator[str]:
        """Pass texts on, and count the blank ones."""
        for text in texts:
            self.count(name, not text.strip())
            yield text

    def declare(self, name: str, value: Any) -> None:
        """State a convention that the numbers depend on: text, numbers, or lists and mappings of them.

        Raises StageError for what JSON cannot say.
        """
        self.declared[name] = self._to_json(name, value)

    def _to_json(self, name: str, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        elif isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, Mapping):
            return {str(key): self._to_json(name, item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._to_json(name, item) for item in value]
        if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise StageError(
            f"{self.stage}: declares '{name}' as {value!r}; expected text, finite numbers, or lists and mappings"
        )

    def record_model(self, model: str, parameters: int | None, device: str) -> None:
        """State that a model is used, for the row's parameters and devices.

        model       names its content: a model that several stages name alike counts once
        parameters  how many numbers were learned; None: nobody knows
        device      such as 'cpu' or 'cuda:0'
        """
        self.models[model] = parameters
        self.devices.add(device)

    def input_folder(self, index: int = 0) -> Path:
        """Return the folder of one of the inputs."""
        return Path(self.inputs[index])

    def open_scratch_folder(self) -> Path:
        """Return a folder that stays until the computation is finished, whatever happens to this process."""
        if self.scratch is None:
            self.scratch = Path(tempfile.mkdtemp(prefix="nirank-scratch-"))
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self.scratch

    def read_grade(self, query_row: int, doc_row: int) -> int | None:
        """Return the grade of one pair, None if it is not judged; every call is counted on the row.

        Raises StageError unless the stage declares `reads = {"judgements"}`.
        """
        qrels = self._get_judgements()
        self.count("judgements_read")
        place = int(qrels.find_positions(np.array([query_row]), np.array([doc_row]))[0])
        return None if place < 0 else int(qrels.grades[place])

    def read_labels(self, query_row: int, doc_rows: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return whether documents of a query are relevant, (n,): 1 or 0; unjudged ones are not. Counted on the row.

        Raises StageError unless the stage declares `reads = {"judgements"}`.
        """
        qrels = self._get_judgements()
        self.count("judgements_read", len(doc_rows))
        places = qrels.find_positions(np.full(len(doc_rows), query_row), doc_rows)
        grades = np.append(qrels.grades, qrels.min_rel - 1)[places]  # the last is that of unjudged ones
        labels: NDArray[np.int8] = (grades >= qrels.min_rel).astype(np.int8)
        return labels

    def _get_judgements(self) -> Qrels:
        if self.qrels is None:
            raise StageError(
                f"{self.stage}: asked for a judgement; a stage that does must declare reads = {{'judgements'}}"
            )
        return self.qrels
