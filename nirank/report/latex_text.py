"""Any text as LaTeX: it compiles with pdfLaTeX, LuaLaTeX and XeLaTeX, whatever people call their systems."""

from __future__ import annotations

import re
import unicodedata

# \anychar{1F600} sets a character that is in no standard font of pdfLaTeX; there it stands as U+1F600.
DEFINITION = (
    r"\providecommand{\anychar}[1]{\ifdefined\directlua\char"
    r'"#1 \else\ifdefined\XeTeXrevision\char"#1 \else\texttt{U+#1}\fi\fi}'
)

_SPECIAL = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "`": r"\textasciigrave{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "[": "{[}", "]": "{]}", "*": "{*}",  # behind \\ they would be its arguments
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "Œ": r"\OE{}",
    "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "§": r"\S{}", "–": "--", "—": "---", "…": r"\ldots{}",
    "‘": "`{}", "’": "'{}", "“": "``{}", "”": "''{}",
    "×": r"$\times$", "±": r"$\pm$", "µ": r"$\mu$", "°": r"$^\circ$", "·": r"$\cdot$", "−": "$-$",
    "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$", "∘": r"$\circ$", "∞": r"$\infty$",
    "→": r"$\rightarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "ς": r"$\varsigma$", "ο": "$o$", "λ": r"$\lambda$",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c",
}  # fmt: skip
_LIGATURES = re.compile("([-',])(?=\\1)")  # two of them would be another sign
_GREEK = range(0x03B1, 0x03CA)  # alpha to omega


def escape_latex(text: str) -> str:
    """Return a text as LaTeX; blanks of any kind are one blank, signs without a shape are left out."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(map(_escape_character, _LIGATURES.sub("\\1\N{WORD JOINER}", plain)))


def _escape_character(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if " " <= char <= "~":
        return char
    if char == "\N{WORD JOINER}":
        return "{}"
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Mn", "Me"):
        return "" if category[0] == "C" else _name_code(char)
    if category == "Cs":  # half a character is none for any font
        return rf"\texttt{{U+{ord(char):04X}}}"
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    if ord(char) in _GREEK:
        return f"$\\{unicodedata.name(char).rpartition(' ')[2].lower()}$"
    return _name_code(char)


def _name_code(char: str) -> str:
    return rf"\anychar{{{ord(char):04X}}}"
