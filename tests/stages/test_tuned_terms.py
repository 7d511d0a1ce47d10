"""How many terms of a long query are searched with is chosen on dev, from YAML."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from nirank.cli.main import cli

DOCS = {"wine": "red wine from oak", "oak": "oak oak oak and red red trees", "sea": "the sea is red"}
QUERIES = {
    "d1": "Zinfandel grapes. Wine, wine, wine. Oak trees, red trees, red oak.",
    "d2": "The sea, the sea and the sea. Red oak trees, oak trees and red oak.",
    "t1": "Of wine, wine and wine: oak trees, red trees, red oak.",
}
CONFIG = """
collections: [{path: data, split: test}]
systems:
  Tuned:
    tune:
      of: {rewrite: {by: {top_terms: {terms: all}}, of: bm25}}
      over: {top_terms.terms: [1, 0.5, all], top_terms.weight: [tfidf, kl]}
      on: {split: dev}
      measure: RR@10
measures: [RR@10]
"""


def test_terms_are_tuned_on_dev(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", DOCS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in texts.items()]
        (data / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    head = "query-id\tcorpus-id\tscore\n"
    (data / "qrels" / "dev.tsv").write_text(head + "d1\twine\t1\nd2\tsea\t1\n")
    (data / "qrels" / "test.tsv").write_text(head + "t1\twine\t1\n")
    (tmp_path / "c.yaml").write_text(CONFIG + f"store: {tmp_path / 'store'}\n")
    result = CliRunner().invoke(cli, ["run", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"]
    assert row["pipeline"] == "rewrite(TopTerms(1), BM25())"
    values = {candidate["pipeline"]: candidate["value"] for candidate in row["choices"][0]["candidates"]}
    assert len(values) == 6
    assert values["rewrite(TopTerms('all'), BM25())"] == 0.75
    assert row["measures"] == {"RR@10": 1.0}
