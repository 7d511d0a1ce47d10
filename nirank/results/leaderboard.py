"""leaderboard.json: its schema, and how files of this version and of version 1 are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nirank.errors import DataError
from nirank.evaluation.comparisons import Test
from nirank.results.row import Difference, Row

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 2

# Keys of a row that had another name in version 1; `fold` was always null and is gone.
_NEW_NAMES = {
    "of": "seed_of",
    "longest": "longest_list",
    "chosen": "choices",
    "unseen": "new_documents",
    "answerable": "answerable_means",
    "unreached": "unreached_queries",
    "against": "differences",
    "ledger": "stages",
    "pooled": "pooled_means",
    "by_zero_shot": "zero_shot_means",
}
_NEW_CONVENTIONS = {"skipped": "skipped_topics", "absent": "absent_topics"}
_CONVENTIONS = (
    *("ties", "mean", "gain", "min_rel", "pairs", "self_match", "time", "zero_shot", "comparisons", "seeds", "stages"),
    *("order_by", "protocol", "skipped_topics", "absent_topics"),
)
_SHOWN = 3  # mistakes in a message


@dataclass(frozen=True)
class SystemComparisons:
    """All pairs of systems of one collection and judgement set, and how they were compared.

    family            how many comparisons there are, on all measures
    queries_left_out  that not all systems were evaluated on
    """

    collection: str
    split: str | None
    qrels: str | None
    test: Test
    correction: str
    alpha: float
    resamples: int
    seed: int
    baseline: str | None
    family: int
    pairs: tuple[Difference, ...]
    queries_left_out: int = 0


@dataclass(frozen=True)
class Leaderboard:
    """What leaderboard.json holds."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # of nested records too

    version: Literal[2]
    rows: tuple[Row, ...]
    comparisons: tuple[SystemComparisons, ...]


def results_schema() -> dict[str, Any]:
    """Return the JSON schema of leaderboard.json: draft 2020-12."""
    schema = _adapter().json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "nirank leaderboard", **schema}


def read_leaderboard(path: str | Path) -> Leaderboard:
    """Read a leaderboard.json of this version or of version 1, whose keys get their new names.

    Keys that version 1 lacked have no value. Raises DataError for what is no leaderboard, for a newer version, and for
    keys that are unknown: what they mean nobody here can know.
    """
    from pydantic import ValidationError

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error})") from None
    version = content.get("version") if isinstance(content, dict) else None
    if version not in (1, VERSION) or not isinstance(content.get("rows"), list):
        raise DataError(
            f"{path}: is no leaderboard that this nirank can read (version {version!r}; expected 1 or {VERSION})"
        )
    if version == 1:
        content = {
            "version": VERSION,
            "rows": [_rename_keys(row) for row in content["rows"]],
            "comparisons": content.get("comparisons", []),
        }
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        places = [f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg'].lower()}" for mistake in error.errors()]
        more = f" (and {len(places) - _SHOWN} more)" if len(places) > _SHOWN else ""
        raise DataError(f"{path}: {'; '.join(places[:_SHOWN])}{more}") from None


@cache
def _adapter() -> TypeAdapter[Leaderboard]:
    from pydantic import TypeAdapter

    return TypeAdapter(Leaderboard)


def _rename_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of version 1 under the names of version 2."""
    renamed = {_NEW_NAMES.get(key, key): value for key, value in row.items() if key != "fold"}
    conventions = {_NEW_CONVENTIONS.get(key, key): value for key, value in row.get("conventions", {}).items()}
    renamed["conventions"] = {key: value for key, value in conventions.items() if key in _CONVENTIONS} | {
        "collection": {key: value for key, value in conventions.items() if key not in _CONVENTIONS}
    }
    renamed["stages"] = [_rename_total(stage) for stage in renamed.get("stages", ())]
    renamed["new_documents"] = _rename_total(renamed.get("new_documents") or {}) or None
    renamed["pairs"] = renamed.get("pairs") or None
    return renamed


def _rename_total(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"total" if key == "of" else key: value for key, value in record.items()}
