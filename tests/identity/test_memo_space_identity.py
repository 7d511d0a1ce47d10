"""The law of memos: what a remembered value depends on, beside its texts, is in the space that it is kept in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from varied_values import vary_options

import nirank
from nirank.algebra.context import Context
from nirank.base.identity import digest
from nirank.base.memo import Memo, hash_texts, open_null_memo
from nirank.inference import late
from nirank.inference.encoder import Encoding
from nirank.inference.late import TokenEncoding
from nirank.inference.models import ModelFiles
from nirank.inference.pair_scores import PairScoring
from nirank.inference.query_likelihoods import LikelihoodScoring
from nirank.inference.sparse import SparseEncoding

MODEL = ModelFiles(Path("a"), "a", {"files": "1"})
OTHER_MODEL = dataclasses.replace(MODEL, identity={"files": "2"})
Space = Callable[[Any], Mapping[str, Any]]


class Loaded:
    """What is asked of a loaded model for late interaction: how much it reads, and with which prompts."""

    max_seq_length = 512
    prompts: Mapping[str, str] = {"query": "query: ", "document": "document: "}

    def __init__(self, how: TokenEncoding) -> None:
        self.query_length, self.document_length = how.query_length, how.max_length

    def __getitem__(self, at: int) -> Loaded:
        return self

    def tokenizer(self, texts: list[str]) -> dict[str, list[list[int]]]:
        return {"input_ids": [[0] * len(text.split()) for text in texts]}


# By the name of the space: how values are made, the space, and the options that do not change a value.
SPACES: dict[str, tuple[Any, Space, set[str]]] = {
    "embeddings": (
        Encoding(MODEL),
        lambda how: how.to_memo_space(),
        {"storage", "batch_tokens"},
    ),  # kept before storage
    "batch difference": (Encoding(MODEL), lambda how: how.to_memo_space(), {"storage", "batch_tokens"}),
    "sparse vectors": (SparseEncoding(MODEL, "query"), lambda how: how.to_params(), {"batch_tokens"}),
    "pair scores": (PairScoring(MODEL), lambda how: how.to_memo_space(how.max_length or 512), {"batch_tokens"}),
    "query likelihoods": (LikelihoodScoring(MODEL), lambda how: how.to_memo_space(), {"batch_tokens"}),
    "maxsim": (TokenEncoding(MODEL), lambda how: how.to_memo_space(Loaded(how)), {"batch_tokens"}),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_option_is_in_the_space(name: str) -> None:
    how, space, left_out = SPACES[name]
    varied = {"model"}
    assert digest(space(dataclasses.replace(how, model=OTHER_MODEL))) != digest(space(how))
    for option, changed in vary_options(how):
        if option == "model":
            continue
        varied.add(option)
        assert (digest(space(changed)) == digest(space(how))) == (option in left_out), f"{name}: {option}"
    assert varied == {field.name for field in dataclasses.fields(how)}, "options that were not tried"


@pytest.mark.parametrize("name", SPACES)
def test_where_a_model_lies_is_nothing_to_the_space(name: str) -> None:
    how, space, _ = SPACES[name]
    elsewhere = dataclasses.replace(MODEL, path=Path("b"), name="b")
    assert space(dataclasses.replace(how, model=elsewhere)) == space(how)


def test_all_spaces_are_tried_here() -> None:
    """A memo that is new is named here, or above.

    That of written queries has the identities of generators; that of histograms the model, the bins and how many terms
    there are: the words of query and document are its keys.
    """
    text = "\n".join(path.read_text(encoding="utf-8") for path in Path(nirank.__file__).parent.rglob("*.py"))
    assert set(re.findall(r'open_memo\(\s*\{"([^"]+)"', text)) == {*SPACES, "tokens", "queries", "histograms"}


def test_tokens_are_counted_by_model_and_prompt() -> None:
    counted: list[str] = []

    def memos(space: Mapping[str, Any], kind: np.dtype[Any]) -> Memo:
        counted.append(digest(space))
        return open_null_memo(space, kind)

    texts = ["red wine"]
    for model in (MODEL, OTHER_MODEL):
        how = TokenEncoding(model)
        for side in ("query", "document"):
            late._count_read_tokens(Loaded(how), texts, hash_texts(texts), side, how, Context(open_memo=memos))  # type: ignore[arg-type]
    assert len(set(counted)) == len(counted) == 4
