"""leaderboard.tex: its structure, what stands in its cells, and names that LaTeX would read otherwise."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.report.latex import format_latex
from nirank.report.latex_text import escape_latex
from nirank.results.row import Conventions, Difference, QueryCounts, Row, Spread

WORDS = Conventions(ties="t", mean="over judged queries", gain="g", comparisons="randomisation test, alpha 0.05")


def make_row(system: str, value: float | None, letters: str = "", **more: Any) -> Row:
    options: dict[str, Any] = {
        "split": "test", "qrels": "qrels", "queries": QueryCounts(300, 300, 300), "alpha": 0.05, "conventions": WORDS,
        "measures": {"nDCG@10": value}, "groups": {"nDCG@10": letters} if letters else {},
    }  # fmt: skip
    return Row("tiny", system, **{**options, **more})


def test_a_table_has_the_rules_of_booktabs_marks_and_a_caption_that_explains_them() -> None:
    rows = [
        make_row("BM25", 0.5, "b"),
        make_row("Tuned", 0.7, "a", spread={"nDCG@10": Spread(0.01, 0.69, 0.71)}, seeds=(1, 2)),
        make_row("Tuned (seed 1)", 0.71, seed_of="Tuned"),
        make_row("Broken", None, status="failed"),
    ]
    table = format_latex(rows, ["nDCG@10"]).partition(r"\begin{table}")[2]
    assert (
        table
        == r"""[htbp]
\centering
\caption{tiny/test, 300 queries. Means over judged queries; bold: the best; systems that share a raised letter do not differ significantly (randomisation test, alpha 0.05); $\pm$: standard deviation over the seeds.}
\label{tab:tiny-test-qrels}
\smallskip
\begin{tabular}{lr}
\toprule
System & nDCG@10 \\
\midrule
BM25 & 0.5000\textsuperscript{b} \\
Tuned & \textbf{0.7000}\,$\pm$\,0.0100\textsuperscript{a} \\
Broken & -- \\
\bottomrule
\end{tabular}
\end{table}
"""
    )


def test_with_a_baseline_arrows_say_which_side_of_it_a_system_is() -> None:
    def differ(name: str, by: float) -> dict[str, Any]:
        found = Difference("nDCG@10", "A", name, 9, by, (0, 1), 0.01, 0.01, 0.01, 1.0, 5, 3, 1, 0.1)
        return {"baseline": "A", "differences": {"nDCG@10": found}}

    rows = [make_row("A", 0.5, "b", baseline="A"), make_row("B", 0.7, "a", **differ("B", 0.2))]
    source = format_latex([*rows, make_row("C", 0.3, "c", **differ("C", -0.2))], ["nDCG@10"])
    assert r"B & \textbf{0.7000}$^\uparrow$ \\" in source
    assert r"C & 0.3000$^\downarrow$ \\" in source
    assert r"A & 0.5000 \\" in source
    assert "significantly worse than A (" in source


def test_intervals_stand_beside_values_where_they_are_asked_for() -> None:
    row = make_row("A", 0.5, intervals={"nDCG@10": (0.41, 0.59)})
    assert "0.4100" not in format_latex([row], ["nDCG@10"])
    assert r"A & 0.5000 {[}0.4100, 0.5900{]} \\" in format_latex([row], ["nDCG@10"], intervals=True)


def test_wide_tables_are_set_in_blocks_and_long_ones_continued() -> None:
    measures = [f"nDCG@{k}" for k in range(1, 13)]
    rows = [make_row(f"system {at}", 0.5, measures=dict.fromkeys(measures, at / 100)) for at in range(41)]
    source = format_latex(rows, measures)
    assert source.count(r"\begin{table}") == 2 and source.count(r"\centering\small") == 2
    assert source.count("system 7 &") == source.count("system 40 &") == 2
    assert "tiny/test, continued." in source
    assert source.count(r"\textbf{0.4000}") == 12, "the best of both parts"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"a & b % c $ d # e _ f { g } ~ ^ \ ", r"a \& b \% c \$ d \# e \_ f \{ g \} "
         r"\textasciitilde{} \textasciicircum{} \textbackslash{}"),
        ("[a] *b", "{[}a{]} {*}b"),
        ("a -- b --- c '' ,, -", "a -{}- b -{}-{}- c '{}' ,{}, -"),
        ("naïve Łódź e\u0301 α ≥", r"na\"{i}ve \L{}\'{o}d\'{z} \'{e} $\alpha$ $\geq$"),
        ("🦊 א", r"\anychar{1F98A} \anychar{05D0}"),
        ("a\nb\tc\u202ed\x00\u200b", "a b cd"),
        ("\ud83e", r"\texttt{U+D83E}"),
    ],
)  # fmt: skip
def test_text_is_escaped(text: str, latex: str) -> None:
    assert escape_latex(text) == latex


@given(st.text())
def test_whatever_a_name_holds_is_ascii_with_balanced_braces_and_known_commands(name: str) -> None:
    latex = escape_latex(name)
    assert latex.isascii() and latex.isprintable()
    bare = re.sub(r"\\[&%$#_{}]", "", latex)
    assert not set("&%#_~") & set(re.sub(r"\\~\{[A-Za-z]\}", "", bare).replace("~", ""))
    depth = 0
    for char in re.findall("[{}]", bare):
        depth += 1 if char == "{" else -1
        assert depth >= 0
    assert depth == 0 and bare.count("$") % 2 == 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_hostile_names_compile(tmp_path: Path) -> None:
    names = [r"\input{x} 50% & a_b $x^2$ {", "[a]", "*", "🦊 חיפוש ñ́ Å", "x" * 90, "-- `` ''", "\ud83e"]
    rows = [Row(name, name, split="s", measures={"P(rel=2)@5": 0.5}, alpha=0.05) for name in names]
    (tmp_path / "table.tex").write_text(format_latex(rows, ["P(rel=2)@5"]))
    packages = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table.tex}\end{document}"
    (tmp_path / "main.tex").write_text(packages)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
