"""Compile the leaderboard of every results folder, and one with hostile names, as LaTeX.

    python experiments/reports/compile_latex.py [FOLDER] [--engine pdflatex]

needs a TeX: apt-get install -y --no-install-recommends texlive-latex-recommended texlive-fonts-recommended
FOLDER  where to look for leaderboard.json files, experiments/ by default
Prints a line for each table file: ok, its pages and the widest overfull line; ends with 1 where one does not compile.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nirank.report.latex import format_latex
from nirank.results.leaderboard import read_leaderboard
from nirank.results.row import Row, Spread

HOSTILE = [
    r"50% & more_of {it} #1 $x^2$ ~tilde \input{/etc/passwd} \\",
    "[brackets] first",
    "*star first",
    "--- dashes '' quotes \" `` ?` !` << >> ,,",
    "emoji 🦊, kanji 検索, Hebrew חיפוש, Arabic بحث, half \ud83e",
    "Ångström, naïve, Łódź, ďábel, ọ, ñ́, ŵ, α=0.5, λ≥2, ± × …",
    "tab\tline\nbreak\u202ereversed\u200bno width",
    "a_very_long_name/" * 12,
    "x" * 120,
    "%",
]
MEASURES = ["nDCG@10", "P(rel=2)@5", "last_rel", "AP", "R@100", "Success@1", "WSS@95", "RR@10", "R@1000", "CSSR"]
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
\input{leaderboard.tex}
\end{document}
"""


def make_hostile_rows() -> list[Row]:
    """Return rows whose names hold all that LaTeX reads otherwise."""
    return [
        Row(
            name,
            name,
            split="a_b",
            measures={measure: 0.5 + at / 100 for at, measure in enumerate(MEASURES)},
            groups=dict.fromkeys(MEASURES, "abc"),
            spread=dict.fromkeys(MEASURES[::2], Spread(0.01, 0.4, 0.6)),
            alpha=0.05,
            intervals=dict.fromkeys(MEASURES, (0.1, 0.9)),
        )
        for name in HOSTILE
    ] + [Row("long", f"system {at}", measures={"AP": 0.5}) for at in range(95)]


def list_sources(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield names and LaTeX of what is compiled."""
    yield "hostile names", format_latex(make_hostile_rows(), MEASURES)
    yield "hostile names, intervals", format_latex(make_hostile_rows(), MEASURES, intervals=True)
    for path in sorted(folder.rglob("leaderboard.json")):
        measures = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))["measures"]
        yield str(path.parent), format_latex(read_leaderboard(path).rows, measures)


def compile_latex(source: str, engine: str) -> tuple[bool, str]:
    """Return whether a source compiles, and pages and the widest line in points, or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "leaderboard.tex").write_text(source, encoding="utf-8", errors="backslashreplace")
        (place / "main.tex").write_text(DOCUMENT, encoding="utf-8")
        command: Sequence[str] = (engine, "-interaction=nonstopmode", "-halt-on-error", "main.tex")
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        return False, "\n".join(re.findall(r"^!.*(?:\n.*){0,4}", done.stdout, re.MULTILINE)[:2])
    pages = re.search(r"\((\d+) pages?", done.stdout)
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    return True, f"{pages[1] if pages else '?'} pages, widest line {max(over, default=0.0):.1f} pt too wide"


def main() -> int:
    """Compile everything; return 1 where something does not."""
    parser = argparse.ArgumentParser(description="Compile leaderboards as LaTeX.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("experiments"))
    parser.add_argument("--engine", default="pdflatex")
    given = parser.parse_args()
    failed = 0
    for name, source in list_sources(given.folder):
        ok, words = compile_latex(source, given.engine)
        failed += not ok
        print(f"{'ok' if ok else 'FAILED':7} {name}: {words}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
