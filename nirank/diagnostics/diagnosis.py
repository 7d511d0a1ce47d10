"""A system's diagnosis on a collection: what was asked for, what came out, and why something did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nirank.algebra.judged import Judged
from nirank.base.values import fit_fields
from nirank.diagnostics.ceiling import Ceiling
from nirank.diagnostics.contradiction import Contradiction
from nirank.diagnostics.duplicates import Duplicates
from nirank.diagnostics.query_length import LengthProfile
from nirank.diagnostics.relation_leak import RelationLeak
from nirank.diagnostics.reliance import Reliance
from nirank.diagnostics.time_profile import TimeProfile
from nirank.errors import ConfigError, suggest

NAMES = ("reliance", "contradiction", "ceiling", "duplicates", "time", "leak", "length")  # D1 to D7


@dataclass(frozen=True)
class Diagnostics:
    """What is asked for.

    of  names, all by default
    on  the judged queries whose pairs `contradiction` and `time` look at; None: those that the system was trained on,
        else the evaluated ones
    encoder  the bi-encoder by whose vectors `contradiction` compares documents; None: TF-IDF
    """

    of: tuple[str, ...] = NAMES
    on: Judged | None = None
    encoder: str | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "diagnostics")
        if not self.of:
            raise ConfigError(f"diagnostics: of: expected some of {', '.join(NAMES)}, got none")
        for name in self.of:
            if name not in NAMES:
                raise ConfigError(
                    f"diagnostics: there is no '{name}'; there are {', '.join(NAMES)}{suggest(name, NAMES)}"
                )
        if len(set(self.of)) < len(self.of):
            raise ConfigError(f"diagnostics: of: each once, got {', '.join(self.of)}")


def parse_diagnostics(given: Any) -> Diagnostics | None:
    """Return what is asked for, given as a value, as True, as a name, or as several; None and False ask for nothing."""
    if given is None or given is False:
        return None
    if isinstance(given, Diagnostics):
        return given
    if given is True:
        return Diagnostics()
    if isinstance(given, str):
        return Diagnostics((given,))
    if isinstance(given, Iterable) and not isinstance(given, Mapping):
        return Diagnostics(tuple(given))
    raise ConfigError(f"diagnostics: expected True, names, or Diagnostics(of=…, on=…), got {given!r}")


@dataclass(frozen=True)
class Diagnosis:
    """What came out for one row.

    absent  {name: why it could not be computed}
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    reliance: Reliance | None = None
    contradiction: Contradiction | None = None
    ceiling: Ceiling | None = None
    duplicates: Duplicates | None = None
    time: TimeProfile | None = None
    leak: RelationLeak | None = None
    length: LengthProfile | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
