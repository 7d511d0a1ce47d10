"""Loops that turn tokens into 8-bit integers, and sums of products of integers into tokens.

A token's numbers come as the bits of float32 (uint32), or of bfloat16 (uint16), which are the upper half of float32's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop

# Added to a float32 between -2²² and 2²², it leaves the nearest integer in the lowest bits; a half becomes even.
_ROUND = np.float32(1.5 * 2**23)
_STEPS = np.float32(255)
_LEAST_STEP = np.float32(1e-30)


@compile_loop
def quantise_tokens(
    tokens: NDArray[Any],
    factors: NDArray[np.float32],
    integers: NDArray[np.uint8],
    steps: NDArray[np.float32],
    zeros: NDArray[np.float32],
) -> None:
    """Write each token, (n, d), times the channels' factors, (d,), as integers: number ≈ step · integer + zero.

    integers      (n, d) bytes of int8
    steps, zeros  (n,), of each token: its least number becomes -128, its greatest 127; both span 0
    """
    dimension = tokens.shape[1]
    shift = np.uint32(32 - 8 * tokens.itemsize)
    numbers = np.empty(dimension, np.float32)
    bits, signed = numbers.view(np.uint32), numbers.view(np.int32)
    keys = np.empty(dimension, np.int32)
    ends = np.empty(2, np.int32)
    for row in range(len(tokens)):
        for i in range(dimension):
            bits[i] = np.uint32(tokens[row, i]) << shift
        for i in range(dimension):
            numbers[i] *= factors[i]
        # Integers in the order of the floats: their extremes, unlike those of floats, are found several at a time.
        for i in range(dimension):
            keys[i] = signed[i] ^ ((signed[i] >> np.int32(31)) & np.int32(0x7FFFFFFF))
        least, greatest = np.int32(0), np.int32(0)
        for i in range(dimension):
            key = keys[i]
            least = key if key < least else least
            greatest = key if key > greatest else greatest
        ends[0], ends[1] = least ^ ((least >> np.int32(31)) & np.int32(0x7FFFFFFF)), greatest
        low, high = ends.view(np.float32)
        step = (high - low) / _STEPS
        if step < _LEAST_STEP:  # false for what is no number, which shall stay none
            step = _LEAST_STEP
        inverse = np.float32(1) / step
        offset = -low * inverse - np.float32(128)
        steps[row], zeros[row] = step, low + np.float32(128) * step
        for i in range(dimension):
            numbers[i] = (numbers[i] * inverse + offset) + _ROUND
        for i in range(dimension):
            integers[row, i] = bits[i]


@compile_loop
def restore_tokens(
    sums: NDArray[np.int32],
    steps: NDArray[np.float32],
    zeros: NDArray[np.float32],
    weight_steps: NDArray[np.float32],
    weight_sums: NDArray[np.float32],
    bias: NDArray[np.float32],
    tokens: NDArray[Any],
) -> None:
    """Write what sums of integers' products, (n, outputs), stand for, in the type of `tokens`, to the nearest.

    weight_steps, weight_sums, bias  (outputs,): of integers of a row of the weight; what the row sums to; what is added
    """
    outputs = sums.shape[1]
    shift = np.uint32(32 - 8 * tokens.itemsize)
    mask = np.uint32(0) if shift == 0 else np.uint32(0xFFFFFFFF)
    numbers = np.empty(outputs, np.float32)
    bits = numbers.view(np.uint32)
    for row in range(len(sums)):
        step, zero = steps[row], zeros[row]
        for i in range(outputs):
            numbers[i] = np.float32(sums[row, i]) * (step * weight_steps[i]) + (zero * weight_sums[i] + bias[i])
        for i in range(outputs):
            nearest = (np.uint32(0x7FFF) + ((bits[i] >> np.uint32(16)) & np.uint32(1))) & mask
            tokens[row, i] = (bits[i] + nearest) >> shift
