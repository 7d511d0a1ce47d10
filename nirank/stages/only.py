"""A scope of listed documents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.base.files import InputFile, read_lines
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.stages._paths import check_path, find_path

_ROWS = "rows.npy"
_SHOWN = 5  # mistakes listed one by one
_SMALL = 50_000  # ids among which the nearest spelling is looked for


@stage
class Only(ScopeStage):
    """Allow listed documents only: `within(Only(("d1", "d7")), BM25())`.

    The list holds for all queries. An id that the collection lacks is refused.

    docs  document ids
    path  instead: a file with one id a line; may contain {collection} and {split}; its content
          counts, not its name
    """

    docs: tuple[str, ...] = option(default=(), help="the ids of the allowed documents")
    path: str = option(default="", identity=False, help="or a file with one id a line")

    name = "only"

    def check(self) -> None:
        if bool(self.docs) == bool(self.path):
            raise ConfigError(f"only: expected either docs or path, got {'both' if self.docs else 'neither'}")
        if isinstance(self.docs, str) or not all(isinstance(doc, str) for doc in self.docs):
            raise ConfigError(f"only: docs must be a list of ids, each a string, got {self.docs!r}")
        if self.path:
            check_path(self.name, self.path)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        if not self.path:
            return ()
        file = InputFile.of(find_path(self.name, self.path, sides))
        docs, label = (("docs", sides.docs),), f"read {file.path.name}"
        return (
            Node(
                f"{__name__}:read_id_file", 1, {"content": file.digest}, docs, from_user=True, stage=file, label=label
            ),
        )

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        self._find_listed(docs.ids)

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        rows = np.load(ctx.input_folder() / _ROWS) if self.path else self._find_listed(docs.ids)
        mask = np.zeros(len(docs), np.bool_)
        mask[rows] = True
        return Scope(queries.ids, docs.ids, mask=mask)

    def _find_listed(self, docs: Ids) -> NDArray[np.int64]:
        rows = docs.find_rows(self.docs)
        unknown = [doc for doc, row in zip(self.docs, rows.tolist(), strict=True) if row < 0]
        if unknown:
            raise ConfigError(*_describe_unknown([f"only: docs: '{doc}'" for doc in unknown], unknown, docs))
        return rows


def read_id_file(job: Job) -> None:
    """Read a file of ids into the rows of the collection's documents."""
    file: InputFile = job.stage
    path, docs = file.path, job.get_input("docs").ids
    with file.expect_unchanged():
        lines = [(number, line.rstrip("\r\n")) for number, line in read_lines(path)]
    numbered_ids = [(number, id) for number, id in lines if id]
    if not numbered_ids:
        raise DataError(f"{path}: holds no ids; expected one a line")
    rows = docs.find_rows([id for _, id in numbered_ids])
    unknown = [(number, id) for (number, id), row in zip(numbered_ids, rows.tolist(), strict=True) if row < 0]
    if unknown:
        messages = [f"{path}:{number}: '{id}'" for number, id in unknown]
        raise DataError(*_describe_unknown(messages, [id for _, id in unknown], docs))
    distinct = np.unique(rows)
    job.context.count("repeated_ids", len(rows) - len(distinct))
    np.save(job.folder / _ROWS, distinct)


def _describe_unknown(messages: list[str], ids: list[str], docs: Ids) -> list[str]:
    """Return one sentence for each unknown id, the first few, and how many more there are."""
    known = list(docs) if len(docs) <= _SMALL else []
    sentences = [
        f"{place} is not a document of the collection{suggest(id, known)}"
        for place, id in zip(messages[:_SHOWN], ids[:_SHOWN], strict=True)
    ]
    return [*sentences, f"… and {len(ids) - _SHOWN} more"] if len(ids) > _SHOWN else sentences
