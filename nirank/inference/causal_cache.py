"""Keys and values of the tokens that a causal language model has read, in buffers with room for those to come.

Rows of tokens end at one column; what stands before a shorter row's first token is padding. So a row's tokens stand
side by side, whatever its neighbours are, and attention within a window of columns is attention within as many tokens.
Imported by whoever runs such a model, and by nobody else: it needs torch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class BufferedLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values, (rows, heads, columns, size), as views of buffers: a new token copies no old one.

    columns  how many there is room for
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._rows = self._length = 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Put new tokens behind the others; return all."""
        if self._buffers is None:
            self.allocate(len(key_states), key_states, value_states)
        assert self._buffers is not None
        start, end = self._length, self._length + key_states.shape[-2]
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[: self._rows, :, start:end] = states
        self.show(self._rows, end)
        return self.keys, self.values

    def allocate(self, rows: int, keys: Tensor, values: Tensor) -> None:
        """Make buffers for some rows, of the sizes and types of these keys and values."""
        self._buffers = tuple(
            states.new_zeros((rows, states.shape[1], self._columns, states.shape[3])) for states in (keys, values)
        )
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.show(rows, 0)

    def show(self, rows: int, length: int) -> None:
        """Let the first rows and columns be those that are read."""
        assert self._buffers is not None
        self._rows, self._length = rows, length
        self.keys, self.values = (buffer[:rows, :, :length] for buffer in self._buffers)

    def copy_rows(self, targets: Sequence[int], sources: Sequence[int]) -> None:
        """Overwrite some rows by others."""
        for states in (self.keys, self.values):
            states[list(targets)] = states[list(sources)]


class RowCache:
    """What a model has read of some rows of tokens.

    starts  (rows,) the column of each row's first token
    length  columns that are filled
    states  what the model is given as `past_key_values`
    """

    def __init__(self, starts: Sequence[int], columns: int, device: Any) -> None:
        self.starts = torch.tensor(list(starts), device=device)
        self.columns = columns
        self.states = Cache(layer_class_to_replicate=partial(BufferedLayer, columns))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def length(self) -> int:
        return int(self.states.get_seq_length())

    def copy_prefix(self, prefix: RowCache, length: int) -> None:
        """Fill columns up to `length` with the first tokens of a cache of one row, each row from its start on."""
        for layer in prefix.states.layers:
            own = BufferedLayer(self.columns)
            own.allocate(len(self), layer.keys, layer.values)
            own.show(len(self), length)
            for row, start in enumerate(self.starts.tolist()):
                if start < length:
                    own.keys[row, :, start:] = layer.keys[0, :, : length - start]
                    own.values[row, :, start:] = layer.values[0, :, : length - start]
            self.states.layers.append(own)

    def repeat(self, rows: Sequence[int]) -> RowCache:
        """Return a cache of these rows, each as often as it is named."""
        copy = RowCache(self.starts[list(rows)].tolist(), self.columns, self.starts.device)
        for layer in self.states.layers:
            own = BufferedLayer(self.columns)
            own.allocate(len(rows), layer.keys, layer.values)
            own.show(len(rows), self.length)
            own.keys.copy_(layer.keys[list(rows)])
            own.values.copy_(layer.values[list(rows)])
            copy.states.layers.append(own)
        return copy

    def keep(self, live: Sequence[bool]) -> list[int]:
        """Let rows leave; the last ones take the places of those that left. Return which row stands where."""
        n = sum(live)
        holes = [row for row in range(n) if not live[row]]
        movers = [row for row in range(n, len(live)) if live[row]]
        order = list(range(n))
        for hole, mover in zip(holes, movers, strict=True):
            order[hole] = mover
        length = self.length
        for layer in self.states.layers:
            if holes:
                layer.copy_rows(holes, movers)
            layer.show(n, length)
        self.starts = self.starts[order]
        return order

    def show(self, rows: int, length: int) -> None:
        """Go back to the first rows and columns; what was read behind them is forgotten, rows are not."""
        for layer in self.states.layers:
            layer.show(rows, length)
