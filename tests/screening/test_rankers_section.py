"""The configurations of docs/screening.md, section 'Rankers', can be read; what it says of criteria holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nirank import BM25, BooleanTerms, Collection, Complete, Experiment, LanguageModel, TopTerms, rewrite
from nirank.config.reader import load_config
from nirank.store import LocalStore

SECTION = (Path(__file__).parents[2] / "docs/screening.md").read_text().split("\n## Rankers\n")[1]
CONFIGURATIONS = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configurations_can_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert load_config(path).systems


def test_configurations_are_those_values(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("".join(CONFIGURATIONS[:1]))
    systems = load_config(path).systems
    assert len(CONFIGURATIONS) == 4
    assert systems["Dirichlet"] == LanguageModel("dirichlet", mu=2000) >> Complete()
    path.write_text(CONFIGURATIONS[1])
    headings = rewrite(BooleanTerms("boolean", keep=("mesh",)), BM25()) >> Complete()
    assert load_config(path).systems["Headings"] == headings


def test_criteria_are_asked_by_their_rare_words(tmp_path: Path) -> None:
    docs = {f"d{at}": "a randomised trial of adults was done and is reported" for at in range(20)}
    docs |= {"wanted": "warfarin was given to adults", "other": "criteria and trial and adults"}
    criteria = "Randomised trial of adults that was reported, if warfarin was given"
    collection = Collection.of(docs, {"review": criteria}, {"review": {"wanted": 1}})
    systems = {"Whole": BM25(), "Rare": rewrite(TopTerms(2), BM25())}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert list(result.ranking("Rare").to_dict()["review"]) == ["wanted"]
    assert len(result.ranking("Whole").to_dict()["review"]) == len(docs)
