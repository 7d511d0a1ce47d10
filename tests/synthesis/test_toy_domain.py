"""A ranker that is tuned on queries written for chosen documents, on a small domain with words of its own."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from written_fakes import FirstWordsGenerator

from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.inference.ngram_models import HashedNGrams
from nirank.stages.dense import Dense
from nirank.store import open_store
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.selection import Selection
from nirank.synthesis.synthetic import Synthetic
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.training.models import Train
from nirank.training.recipe import Recipe

TOPICS = 20
SEEDS = (1, 2, 3, 4, 5)
BASE = HashedNGrams(buckets=4096, width=64)
RECIPE = Recipe(steps=60, batch=20, learning_rate=0.05)


def _draw_word(random: Random) -> str:
    return "".join(random.choice("bcdfghjklmnpqrstvwxz") + random.choice("aeiou") for _ in range(4))


def make_domain() -> Collection:
    """Titles and texts name each topic by other words, and a few topics have most of the documents."""
    random = Random(7)
    names, words = ([_draw_word(random) for _ in range(TOPICS)] for _ in range(2))
    sizes = [max(40 // (topic + 1), 2) for topic in range(TOPICS)]
    docs = {
        f"d{topic}-{at}": {"title": f"{names[topic]} about", "text": f"{words[topic]} {words[topic]} x{at}"}
        for topic, size in enumerate(sizes)
        for at in range(size)
    }
    queries = {f"q{topic}": f"{names[topic]} {names[topic]}" for topic in range(TOPICS)}
    return Collection.of(docs, queries, {f"q{t}": {f"d{t}-{at}": 1 for at in range(sizes[t])} for t in range(TOPICS)})


@pytest.mark.slow
def test_t14_tuning_does_not_hurt_and_clusters_are_no_worse_than_chance(tmp_path):
    """The mean over five seeds, of what is drawn and of what is trained; a direction, not a size."""
    encoder = Dense(BASE, doc_text="text")
    systems = {"before": encoder}
    for seed in SEEDS:
        clusters = Selection(TOPICS, encoder, clusters=TOPICS, min_characters=1, seed=seed)
        for name, selection in (("clusters", clusters), ("random", replace(clusters, by="random"))):
            queries = SyntheticQueries(FirstWordsGenerator(words=1), selection, Cleaning("none"))
            model = Train(BASE, Synthetic(queries, doc_text="text"), recipe=RECIPE, seed=seed)
            systems[f"{name} {seed}"] = Dense(model, doc_text="text")
    result = Experiment(make_domain(), systems, ["nDCG@10"], store=open_store(tmp_path / "store")).run()
    assert not result.failed, [row.error for row in result.rows]
    values = {row.system: row.measures["nDCG@10"] for row in result.rows}
    clustered, random = ([values[f"{name} {seed}"] for seed in SEEDS] for name in ("clusters", "random"))
    assert np.mean(clustered) >= np.mean(random) >= values["before"], values
    for row in result.rows[1:]:
        (written,) = row.written
        if row.system.startswith("clusters"):
            assert written.covered == TOPICS > np.ceil(written.covered_at_random)
            assert written.map is not None
            assert len(written.map.queries.split()) == TOPICS
            assert sum(len(points.split()) for points in written.map.docs) == len(make_domain().docs)
        else:
            assert (written.clusters, written.map) == (0, None)
