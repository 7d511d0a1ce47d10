"""The leaderboard for a paper: leaderboard.tex, a booktabs table for each collection and judgement set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nirank.report.columns import find_best, format_mark, round_as_printed, warn_of_test_data
from nirank.report.grid import format_value
from nirank.report.latex_text import DEFINITION, escape_latex
from nirank.report.names import name_files
from nirank.report.text import split_columns
from nirank.results.groups import group_rows, title_groups
from nirank.results.row import Row

_HEADER = f"""% A leaderboard of nirank. In the preamble: \\usepackage{{booktabs}}. Where names hold letters of other
% scripts, compile with LuaLaTeX or XeLaTeX and a font that has them.
{DEFINITION}
"""
_WIDTH = 64  # characters of a table that fits the text of an article at its own size
_SMALL = 70  # at \small
_GAP = 3  # between columns
_LABEL = 34  # of a system's name on one line
_LINES = 40  # systems that fit one page
_ARROWS = {"▲": r"$^\uparrow$", "▼": r"$^\downarrow$"}
_PARTS = re.compile(r"[^\W_]{,20}[\W_]*")  # of a long name, behind which its line may end


@dataclass(frozen=True)
class _Cell:
    """LaTeX, and how many characters wide it is about."""

    latex: str
    width: int


def format_latex(rows: Sequence[Row], measures: Sequence[str], *, intervals: bool = False) -> str:
    """Return a LaTeX file to be read by `\\input`: systems down, measures across.

    intervals  set each mean's interval beside it

    Of several seeds the mean and standard deviation stand there. What is too wide for a page is set smaller, then in
    blocks below each other; what is too long continues in another table.
    """
    tables = group_rows(row for row in rows if row.seed_of is None)
    labels = name_files({key: "-".join(part for part in key if part) for key in tables})
    titles = {key: _escape_title(title) for key, title in title_groups(tables).items()}
    return "\n".join(
        [
            _HEADER,
            *(
                _format_table(titles[key], table, measures, labels[key], intervals, at)
                for key, table in tables.items()
                for at in range(0, len(table), _LINES)
            ),
        ]
    )


def _format_table(
    title: str,
    rows: Sequence[Row],
    measures: Sequence[str],
    label: str,
    intervals: bool,
    begin: int,
) -> str:
    """Return the table of some of the rows, from `begin` on; the best is the best of all."""
    shown = [measure for measure in measures if any(measure in row.measures for row in rows)]
    best = find_best(rows, shown)
    part = rows[begin : begin + _LINES]
    names = [_format_name(row) for row in part]
    columns = [
        [
            _Cell(escape_latex(measure), len(measure)),
            *(_format_cell(row, measure, best.get((measure, row.zero_shot)), intervals) for row in part),
        ]
        for measure in shown
    ]
    widths = [max(cell.width for cell in column) + _GAP for column in columns]
    label_width = max((name.width for name in names), default=0)
    small = label_width + sum(widths) > _WIDTH
    blocks = split_columns(widths, (_SMALL if small else _WIDTH) - label_width)
    tabulars = [_format_tabular(names, [columns[at] for at in block]) for block in blocks]
    caption = _describe_table(title, rows, shown, intervals) if not begin else f"{title}, continued."
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            rf"\centering{chr(92) + 'small' if small else ''}",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}{f'-{begin // _LINES + 1}' if begin else ''}}}",
            r"\smallskip",
            "\n\n\\medskip\n".join(tabulars),
            r"\end{table}",
            "",
        ]
    )


def _format_tabular(names: Sequence[_Cell], columns: Sequence[Sequence[_Cell]]) -> str:
    head = " & ".join(["System", *(column[0].latex for column in columns)])
    lines = [
        " & ".join([name.latex, *(column[at].latex for column in columns)]) + r" \\" for at, name in enumerate(names, 1)
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _format_name(row: Row) -> _Cell:
    """Return a system's name; a long one in several lines."""
    name = " ".join(row.system.split()) + warn_of_test_data(row)
    if len(name) <= _LABEL:
        return _Cell(escape_latex(name), len(name))
    return _Cell(rf"\parbox[t]{{{_LABEL / 2:.0f}em}}{{\raggedright {_escape_breakable(name)}\strut}}", _LABEL)


def _escape_title(title: str) -> str:
    return _escape_breakable(title) if len(title) > _LABEL else escape_latex(title)


def _escape_breakable(name: str) -> str:
    """Return a name as LaTeX that may end its line anywhere between words, and in words that are very long."""
    words = ([escape_latex(part) for part in _PARTS.findall(word) if part] for word in name.split())
    return " ".join(map(r"\allowbreak{}".join, words))


def _format_cell(row: Row, measure: str, best: float | None, intervals: bool) -> _Cell:
    value = row.measures.get(measure)
    if value is None:
        return _Cell("--", 2)
    text = format_value(measure, value)
    latex, width = (rf"\textbf{{{text}}}" if round_as_printed(row, measure) == best else text), len(text)
    spread = row.spread.get(measure)
    if spread is not None:
        text = format_value(measure, spread.sd)
        latex, width = rf"{latex}\,$\pm$\,{text}", width + len(text) + 2
    if intervals and measure in row.intervals:
        low, high = (format_value(measure, bound) for bound in row.intervals[measure])
        latex, width = rf"{latex} {{[}}{low}, {high}{{]}}", width + len(low) + len(high) + 5
    mark, mark_width = _format_mark(row, measure)
    return _Cell(latex + mark, width + mark_width)


def _format_mark(row: Row, measure: str) -> tuple[str, int]:
    """Return what tests say of a value, raised, and its width."""
    mark = format_mark(row, measure, 2).strip()
    if mark in _ARROWS:
        return _ARROWS[mark], 1
    return (rf"\textsuperscript{{{mark}}}" if mark else ""), len(mark)


def _describe_table(title: str, rows: Sequence[Row], shown: Sequence[str], intervals: bool) -> str:
    """Return the caption: what is measured on how much, and what the marks mean, in a sentence each."""
    first = rows[0]
    unit = "records" if first.unit == "pair" else "queries"
    counts = sorted(
        {row.queries.declared if row.unit == "pair" else row.queries.judged for row in rows if row.status == "ok"}
    )
    if counts:
        title += f", {' to '.join(f'{n:,}' for n in dict.fromkeys((counts[0], counts[-1])))} {unit}"
    words = []
    mean = next((row.conventions.mean for row in rows if row.conventions.mean), None)
    if mean is not None:
        words.append(f"means {mean}")
    if len(rows) > 1:
        answers = {row.zero_shot for row in rows}
        words.append("bold: the best" + (" among systems that are as zero-shot" if len(answers) > 1 else ""))
    tested = next((row.conventions.comparisons for row in rows if row.conventions.comparisons), None)
    if tested and len(rows) > 1:
        words.append(f"{_explain_marks(rows, shown)} ({tested})")
    if any(row.spread for row in rows):
        words.append("±: standard deviation over the seeds")
    if intervals and any(row.intervals for row in rows):
        words.append(f"in brackets: {1 - (first.alpha or 0.0):.0%} bootstrap intervals of the means")
    sentence = "; ".join(words)
    return f"{title}. {escape_latex(f'{sentence[0].upper()}{sentence[1:]}.')}" if words else f"{title}."


def _explain_marks(rows: Sequence[Row], shown: Sequence[str]) -> str:
    baseline = rows[0].baseline
    if baseline:
        return f"↑ significantly better, ↓ significantly worse than {baseline}"
    marked = any(row.groups.get(measure) for row in rows for measure in shown)
    return "systems that share a raised letter do not differ significantly" if marked else "differences"
