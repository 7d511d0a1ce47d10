"""Texts as a model reads them: token ids, found once a text; special tokens and padding come when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ModelError

if TYPE_CHECKING:
    import torch

Ids = NDArray[np.int32]
Inputs = dict[str, "torch.Tensor"]

_BATCH = 8192  # texts whose encodings are held at a time
_PROBES = ("a", "b c")
_PASS_COST = (
    192  # tokens' worth of work that another pass through the model costs: its weights are read, their gradients added
)


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids of texts, without special ones: text i owns ids[offsets[i]:offsets[i + 1]]."""

    ids: Ids
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return how many tokens each text has, (n,)."""
        return np.diff(self.offsets)

    def get(self, at: int) -> Ids:
        """Return one text's ids."""
        return self.ids[self.offsets[at] : self.offsets[at + 1]]


@dataclass(frozen=True)
class _SpecialTokens:
    """Special tokens: pieces[0] text pieces[1], or pieces[0] query pieces[1] document pieces[2]; and all types."""

    pieces: tuple[tuple[int, ...], ...]
    piece_types: tuple[tuple[int, ...], ...]
    text_types: tuple[int, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def join_ids(self, texts: Sequence[Ids]) -> Ids:
        return self._interleave(self.pieces, texts)

    def join_types(self, texts: Sequence[Ids]) -> Ids:
        kinds = [np.full(len(text), kind, np.int32) for text, kind in zip(texts, self.text_types, strict=True)]
        return self._interleave(self.piece_types, kinds)

    @staticmethod
    def _interleave(pieces: tuple[tuple[int, ...], ...], texts: Sequence[Ids]) -> Ids:
        parts: list[Any] = [pieces[0]]
        for text, piece in zip(texts, pieces[1:], strict=True):
            parts += [text, piece]
        return np.concatenate([np.asarray(part, np.int32) for part in parts])


class TextReader(Protocol):
    """Reads texts as the first module of a model does.

    limit        tokens of a text, or of query and document together; None: texts are never cut
    text_limit   the most tokens of a text that stands alone
    query_limit  the most tokens of a query in front of a document
    """

    @property
    def limit(self) -> int | None: ...

    @property
    def text_limit(self) -> int: ...

    @property
    def query_limit(self) -> int: ...

    def read(self, texts: Sequence[str], prompt: str = "") -> Tokens: ...

    def frame_text(self, ids: Ids) -> tuple[Ids, Ids]: ...

    def frame_pair(self, query: Ids, doc: Ids) -> tuple[Ids, Ids]: ...

    def pad_rows(self, rows: Sequence[tuple[Ids, Ids]]) -> Inputs: ...

    def split_passes(self, rows: Sequence[tuple[Ids, Ids]]) -> tuple[list[Inputs], torch.Tensor]: ...


class TokenReader:
    """Reads texts with a model's tokenizer; a document is cut to fit, a query only where it leaves no room for one.

    limit  tokens of a text, or of query and document together; special ones included
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(f"training needs a fast tokenizer of transformers, got {type(tokenizer).__name__}")
        self.tokenizer = tokenizer
        self.limit = limit
        self.typed = "token_type_ids" in tokenizer.model_input_names
        self._single, self._pair = self._find_special_tokens(1), self._find_special_tokens(2)

    @property
    def query_limit(self) -> int:
        """Return the most tokens of a query in front of a document."""
        return self.limit - self._pair.size - 1

    @property
    def text_limit(self) -> int:
        """Return the most tokens of a text that stands alone."""
        return self.limit - self._single.size

    def read(self, texts: Sequence[str], prompt: str = "") -> Tokens:
        """Return the ids of texts with a prompt in front, uncut."""
        ids_of_texts: list[Ids] = []
        for first in range(0, len(texts), _BATCH):
            batch = [prompt + text for text in texts[first : first + _BATCH]]
            encoded = self.tokenizer(
                batch,
                add_special_tokens=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )
            ids_of_texts += [np.array(ids, np.int32) for ids in encoded["input_ids"]]
        offsets = np.concatenate(([0], np.cumsum([len(ids) for ids in ids_of_texts], dtype=np.int64)))
        return Tokens(np.concatenate([np.empty(0, np.int32), *ids_of_texts]), offsets)

    def frame_text(self, ids: Ids) -> tuple[Ids, Ids]:
        """Return ids and types of a text, cut."""
        cut = [self._truncate(ids, self.text_limit)]
        return self._single.join_ids(cut), self._single.join_types(cut)

    def frame_pair(self, query: Ids, doc: Ids) -> tuple[Ids, Ids]:
        """Return ids and types of a query and a document, cut."""
        query = self._truncate(query, self.query_limit)
        cut = [query, self._truncate(doc, self.limit - self._pair.size - len(query))]
        return self._pair.join_ids(cut), self._pair.join_types(cut)

    def pad_rows(self, rows: Sequence[tuple[Ids, Ids]]) -> Inputs:
        """Return the inputs of a model, (n, longest) int64 each."""
        import torch

        longest = max(len(ids) for ids, _ in rows)
        shape = (len(rows), longest)
        ids = np.full(shape, self.tokenizer.pad_token_id, np.int64)
        mask, types = np.zeros(shape, np.int64), np.full(shape, self.tokenizer.pad_token_type_id, np.int64)
        for at, (row, kinds) in enumerate(rows):
            place = slice(longest - len(row), None) if self.tokenizer.padding_side == "left" else slice(len(row))
            ids[at, place], types[at, place], mask[at, place] = row, kinds, 1
        inputs = {"input_ids": ids, "attention_mask": mask, **({"token_type_ids": types} if self.typed else {})}
        return {name: torch.from_numpy(value) for name, value in inputs.items()}

    def split_passes(self, rows: Sequence[tuple[Ids, Ids]]) -> tuple[list[Inputs], torch.Tensor]:
        """Return the inputs of one or more passes through a model, and where each row's output stands among all.

        Rows of similar length share a pass: as many passes as cost least, padding and the passes themselves counted.
        """
        import torch

        order = np.array(sorted(range(len(rows)), key=lambda row: (-len(rows[row][0]), row)), np.int64)
        cuts = _choose_cuts(np.array([len(rows[row][0]) for row in order], np.int64))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        inputs = [self.pad_rows([rows[row] for row in order[a:b]]) for a, b in pairwise(cuts)]
        return inputs, torch.from_numpy(place)

    def _truncate(self, ids: Ids, most: int) -> Ids:
        if len(ids) <= most:
            return ids
        return ids[len(ids) - most :] if self.tokenizer.truncation_side == "left" else ids[:most]

    def _find_special_tokens(self, texts: int) -> _SpecialTokens:
        """Learn from an example where special tokens stand; raise ModelError where that is no fixed pattern."""
        encoded = self.tokenizer(*([text] for text in _PROBES[:texts]), verbose=False)
        ids, owners = encoded["input_ids"][0], encoded.sequence_ids(0)
        types = encoded.get("token_type_ids", [[0] * len(ids)])[0]
        pieces: list[list[int]] = [[] for _ in range(texts + 1)]
        piece_types: list[list[int]] = [[] for _ in range(texts + 1)]
        text_types = [0] * texts
        at = 0
        for token, owner, kind in zip(ids, owners, types, strict=True):
            if owner is None:
                pieces[at].append(token)
                piece_types[at].append(kind)
            else:
                at = owner + 1
                text_types[owner] = kind
        layout = _SpecialTokens(tuple(map(tuple, pieces)), tuple(map(tuple, piece_types)), tuple(text_types))
        text_ids = [np.array(self.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in _PROBES[:texts]]
        if [*layout.join_ids(text_ids)] != [*ids] or [*layout.join_types(text_ids)] != [*types]:
            raise ModelError("training needs a tokenizer that puts its special tokens around texts, in fixed places")
        return layout


def _choose_cuts(lengths: NDArray[np.int64]) -> list[int]:
    """Return where to cut rows, longest first, into passes: the least sum of padded tokens and of passes."""
    cost, best_start = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, np.int64)
    for end in range(1, len(lengths) + 1):
        starts = np.arange(end)
        totals = cost[:end] + (end - starts) * lengths[:end] + _PASS_COST
        best_start[end] = int(totals.argmin())
        cost[end] = totals[best_start[end]]
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(int(best_start[cuts[-1]]))
    return cuts[::-1]
