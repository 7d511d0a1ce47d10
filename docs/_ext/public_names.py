"""The names that users import, for the page of the Python interface and for links to them."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

import pandas  # noqa: F401  types of it are written in signatures, where only checkers import it
from docstring_text import escape, write_rst
from sphinx.util.inspect import stringify_signature

import nirank
from nirank.algebra.registry import load_stages
from nirank.algebra.stage import Stage

GROUPS = {
    "Collections and runs": "load Collection Texts Qrels Ids read_run write_run Ranking Pairs",
    "Experiments": "Experiment Result Folds Judged Diagnostics open_store",
    "Evaluation of run files": "evaluate evaluate_runs",
    "Composition": "within rewrite fold rrf weighted_sum learned_sum apply tune grid rule_function",
    "Stages of your own": "stage option Retriever Scorer Combiner TextMap ScopeStage Context",
    "Training": "Train Recipe Lora TrainingSet Mixture TrainingFile Fields Copies Codes RulePairs Mined"
    " LabelledNegatives Watch WatchCodes Soup HashedNGrams TrainInteraction InteractionRecipe",
    "Synthetic queries": "Synthetic SyntheticQueries Selection sample_documents Extractive CausalGenerator"
    " Seq2SeqGenerator EndpointGenerator FewShot Cleaning RoundTrip NearDuplicates TitleCopies ScoreFilter"
    " LikelihoodRatio LogProbability",
}


def list_stage_names() -> dict[str, str]:
    """Return the name in YAML of every stage, and its full name in Python: `nirank.BM25` where that is public."""
    kinds = {getattr(nirank, name): name for name in nirank.__all__}
    return {
        name: f"nirank.{kinds[kind]}" if kind in kinds else f"{kind.__module__}.{kind.__qualname__}"
        for name, kind in load_stages().items()
    }


def write_python_page() -> str:
    """Return the Python interface as Markdown: a section a group, and what is in no group at the end."""
    grouped = {name for names in GROUPS.values() for name in names.split()}
    stages = set(list_stage_names().values())
    others = [name for name in nirank.__all__ if name not in grouped and f"nirank.{name}" not in stages]
    groups = GROUPS | ({"Others": " ".join(others)} if (others := [n for n in others if n != "__version__"]) else {})
    return "\n\n".join(
        f"## {title}\n\n```{{eval-rst}}\n" + "\n".join(_document(name) for name in names.split()) + "\n```"
        for title, names in groups.items()
    )


def _document(name: str) -> str:
    value = getattr(nirank, name)
    if inspect.isclass(value):
        return f".. autoclass:: nirank.{name}\n   :members:\n"
    return f".. autofunction:: nirank.{name}\n"


def rewrite_docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Make reStructuredText of a docstring, in place; of a stage, with its options."""
    written = write_rst("\n".join(lines))
    if inspect.isclass(value) and issubclass(value, Stage) and value.list_options():
        import dataclasses

        for option in value.list_options():
            default = "required" if option.default is dataclasses.MISSING else f"``{option.default!r}`` if not given"
            help = str(option.metadata.get("help", ""))
            written += [f"``{option.name}``", f"    {escape(help)} ({default})"]
    lines[:] = [*written, ""]


def rewrite_signature(
    app: Any, what: str, name: str, value: Any, options: Any, given: str | None, back: str | None
) -> Any:
    """Return a signature with types as they are written, where Sphinx would spell out what their names stand for."""
    if what not in ("class", "function", "method") or given is None:
        return None
    function = value.__init__ if inspect.isclass(value) else value
    signature = inspect.signature(function)
    parameters = [part for part in signature.parameters.values() if part.name != "self"]
    return stringify_signature(signature.replace(parameters=parameters), show_return_annotation=what != "class"), None


def resolve_internal(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Link a type of a signature to the public name of it; what users do not import stays a plain name.

    A name that does not exist is left to Sphinx, which warns.
    """
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py":
        return None
    names = re.findall(r"~?[A-Za-z_][\w.]*", re.sub(r"'[^']*'", "", target))  # of a part of `dict[str, X]`, all names
    values = [_find(name) for name in names]
    if any(value is None for value in values):
        return None
    value = values[0] if len(values) == 1 else None
    public = [name for name in nirank.__all__ if name != "__version__" and getattr(nirank, name) is value]
    if value is not None and public and target != f"nirank.{public[0]}":
        domain = env.get_domain("py")
        return domain.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], f"nirank.{public[0]}", node, content
        )
    return content


def _find(name: str) -> Any:
    """Return what a name in an annotation stands for, as some module of nirank has it; None: there is no such."""
    import builtins

    first, *rest = name.lstrip("~").split(".")
    modules = [builtins, *(module for path, module in list(sys.modules.items()) if path.split(".")[0] == "nirank")]
    value = next((found for module in modules if (found := vars(module).get(first)) is not None), None)
    if value is None:
        value = sys.modules.get({"np": "numpy", "pd": "pandas"}.get(first, first))
    for part in rest:
        value = getattr(value, part, None)
    return value
