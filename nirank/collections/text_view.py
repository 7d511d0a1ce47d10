"""Text views: which text a model sees of a document or query."""

from __future__ import annotations

import string
from collections.abc import Sequence

from nirank.errors import ConfigError

View = tuple[str, ...] | str  # how an option names a text view
TITLE_AND_TEXT = ("title", "text")
MARKED = "marked"  # names the view that says which attribute is which


class TextView:
    """Which text a model sees of a document or query.

    Either names, whose texts are stripped and those that are not blank joined by one blank (BEIR's convention for title
    and text), or a template such as `"title: {title} {text}"`, or the word 'marked': `[COL] name [VAL] value` of each
    attribute that is not blank, of the columns that the default reads (Li et al., Ditto, PVLDB 14(1), 2020). A name is
    a column or a metadata key; `value_to_text` says how other values become text. Title and text together stand for
    all columns where there is neither, and of records whose columns are all text.

    Raises ConfigError for no names, and for a template that is broken or names nothing.
    """

    def __init__(self, spec: str | Sequence[str]) -> None:
        self.template = spec if isinstance(spec, str) and ("{" in spec or "}" in spec) else None
        self.marked = spec == MARKED
        if self.template is not None:
            self._parts = _split_template(self.template)
            self.columns = tuple(dict.fromkeys(name for _, name in self._parts if name is not None))
        else:
            self.columns = TITLE_AND_TEXT if self.marked else (spec,) if isinstance(spec, str) else tuple(spec)
        if not all(isinstance(name, str) and name.strip() for name in self.columns) or not self.columns:
            raise ConfigError(
                f"text view {spec!r}: names no column; expected columns, or a template such as '{{title}}'"
            )

    @property
    def is_default(self) -> bool:
        """Tell whether title and text are read, or all columns where there is neither."""
        return self.template is None and self.columns == TITLE_AND_TEXT

    def select_default_columns(self, columns: tuple[str, ...], reads_all: bool) -> tuple[str, ...]:
        """Return which of a side's columns the default view reads; `reads_all`: all, even if there is a title."""
        named = () if reads_all else tuple(name for name in self.columns if name in columns)
        return named or columns

    def join(self, columns: Sequence[Sequence[str]], names: Sequence[str] = ()) -> list[str]:
        """Join column values, each (m,), into m texts; as many columns as `find_fields` gave, in that order.

        names  of the columns, which a marked view writes
        """
        rows = ([value.strip() for value in values] for values in zip(*columns, strict=True))
        if self.marked:
            starts = [f"[COL] {name} [VAL] " for name in names]
            return [
                " ".join(start + value for start, value in zip(starts, values, strict=True) if value) for values in rows
            ]
        if self.template is None:
            return [" ".join(filter(None, values)) for values in rows]
        places = {name: number for number, name in enumerate(self.columns)}
        parts = [(before, None if name is None else places[name]) for before, name in self._parts]
        return [
            "".join(before + ("" if place is None else values[place]) for before, place in parts).strip()
            for values in rows
        ]

    def __str__(self) -> str:
        return self.template if self.template is not None else MARKED if self.marked else "+".join(self.columns)


def _split_template(template: str) -> list[tuple[str, str | None]]:
    """Split a template into (text, name behind it); the last name may be None."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"text view '{template}': is no template ({error}); names stand in braces") from None
    for _, name, form, conversion in parts:
        if name is not None and (not name.strip() or form or conversion):
            raise ConfigError(
                f"text view '{template}': expected the name of a column or metadata key alone in each pair of braces"
            )
    return [(before, name) for before, name, _, _ in parts]
