"""A pipeline that is written by itself, in a file or on the command line, instead of in a configuration."""

from __future__ import annotations

from pathlib import Path

from nirank.algebra.pipeline import Pipeline
from nirank.config.mistakes import Mistakes
from nirank.config.open_file import OpenFile
from nirank.config.reader import FORMS
from nirank.config.yaml_parser import parse_yaml, read_yaml_text


def read_pipeline(text: str, name: str) -> Pipeline:
    """Read a pipeline from YAML, such as `[minhash, {cut: 5}]`, or from the YAML file that the text names.

    name  of the text in messages
    Raises ConfigError with all mistakes, each at its place.
    """
    path, folder = Path(text), Path()
    if path.suffix.lower() in (".yaml", ".yml"):
        name, text, folder = str(path), read_yaml_text(path), path.parent
    mistakes = Mistakes(name, text)
    tree = parse_yaml(text, name, mistakes)
    pipeline: Pipeline | None = OpenFile(folder, mistakes, {}, FORMS).read("pipeline", tree)
    mistakes.raise_if_any()
    assert pipeline is not None, "what is refused was noted"
    return pipeline
