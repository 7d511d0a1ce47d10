"""Tables as text for terminals: no line is longer than the terminal is assumed wide, however many columns there are."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from nirank.report.grid import Grid

WIDTH = 100  # characters of a line
_LABEL = 40  # of a first column
_LABELS = 60  # of several columns of names together
_GAP = "  "


def align_grid(grid: Grid, width: int = WIDTH) -> str:
    """Return a table as text: title, lead, head, lines, notes.

    Columns that do not fit beside each other follow in blocks below, each with the names of its lines. Long names lose
    their middle.
    """
    columns = [[head, *(line[at].text for line in grid.body)] for at, head in enumerate(grid.head)]
    n_labels = _count_labels(grid)
    widths = _share_room([max(map(len, column)) for column in columns[:n_labels]])
    labels = [_pad(shorten_names(columns[at], longest), right=False) for at, longest in enumerate(widths)]
    room = width - sum(len(column[0]) + len(_GAP) for column in labels)
    values = [_pad(shorten_names(column, room), right=True) for column in columns[n_labels:]]
    split = split_columns([len(column[0]) + len(_GAP) for column in values], room + len(_GAP))
    blocks = [_draw_block([*labels, *(values[at] for at in block)]) for block in split]
    notes = [wrap_note(note, width, bullet="  - ") for note in grid.notes]
    lead = [wrap_note(grid.lead, width)] if grid.lead else []
    return "\n".join([wrap_note(grid.title, width), *lead, "\n\n".join(blocks), *notes])


def wrap_note(text: str, width: int = WIDTH, bullet: str = "") -> str:
    """Return a text in lines of a width; those after the first are indented."""
    indent = " " * len(bullet)
    return textwrap.fill(text, width, initial_indent=bullet, subsequent_indent=indent, break_on_hyphens=False)


def shorten_names(names: Sequence[str], longest: int) -> list[str]:
    """Return names of at most so many characters: longer ones lose their middle, and stay different where they were."""
    plain = [" ".join(name.split()) for name in names]
    short = [_shorten(name, longest) for name in plain]
    shared = Counter(dict(zip(plain, short, strict=True)).values())
    places = {name: at for at, name in enumerate(dict.fromkeys(plain), 1)}
    return [
        _shorten(name, longest, f"~{places[name]}") if len(name) > longest and shared[text] > 1 else text
        for name, text in zip(plain, short, strict=True)
    ]


def _shorten(name: str, longest: int, ending: str = "") -> str:
    if len(name) <= longest:
        return name
    kept = longest - 1 - len(ending)
    tail = kept // 2
    return f"{name[: kept - tail]}…{name[len(name) - tail :]}{ending}"


def _share_room(widths: Sequence[int]) -> list[int]:
    """Return how wide each column of names may be: narrow ones as they are, the others share what these leave."""
    left, shares = _LABEL if len(widths) == 1 else _LABELS, list(widths)
    for rank, at in enumerate(sorted(range(len(widths)), key=widths.__getitem__)):
        shares[at] = min(widths[at], left // (len(widths) - rank))
        left -= shares[at]
    return shares


def _count_labels(grid: Grid) -> int:
    """Return how many of the first columns hold names; one at the least."""
    first = grid.body[0] if grid.body else ()
    n_texts = next((at for at, cell in enumerate(first) if cell.number), len(grid.head))
    return max(1, min(n_texts, len(grid.head) - 1))


def _pad(column: Sequence[str], *, right: bool) -> list[str]:
    width = max(map(len, column))
    return [text.rjust(width) if right else text.ljust(width) for text in column]


def split_columns(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return columns, by number, in blocks that fit into a room; one that is wider has a block of its own.

    widths  of the columns, with the gaps before them
    """
    blocks: list[list[int]] = [[]]
    used = 0
    for at, width in enumerate(widths):
        if blocks[-1] and used + width > room:
            blocks.append([])
            used = 0
        blocks[-1].append(at)
        used += width
    return blocks


def _draw_block(columns: Sequence[Sequence[str]]) -> str:
    head, *lines = (_GAP.join(cells) for cells in zip(*columns, strict=True))
    return "\n".join(line.rstrip() for line in (head, "-" * len(head), *lines))
