"""Soups: one model whose weights are the mean of several that were trained from the same start.

Wortsman et al., ICML 2022, arXiv 2203.05482. Means are of models, 1/n each, taken in float32; integer buffers are the
first model's. A model may be given as a function that loads it: no more than three are in memory then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from nirank.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

State = Mapping[str, "Tensor"]
Source = State | Callable[[], State]


class GreedyTrial(NamedTuple):
    """What became of one model: its own score, and that of the soup with it, None for the first."""

    model: int
    alone: float
    together: float | None
    taken: bool


class GreedySoup(NamedTuple):
    """A greedy soup: its weights, the numbers of its models in the order in which they came, and every step."""

    state: dict[str, Tensor]
    ingredients: tuple[int, ...]
    log: tuple[GreedyTrial, ...]


def average_uniformly(states: Sequence[Source]) -> dict[str, Tensor]:
    """Return the mean of all models."""
    _check_states(states)
    state = _load_state(states[0])
    first, mean = _drop_weights(state), _copy_weights(state)
    for n, source in enumerate(states[1:], 1):
        state = _load_state(source)
        check_tensors(first, state, n)
        mean = _update_mean(mean, state, n)
    return _complete_state(mean, first)


def average_greedily(
    states: Sequence[Source],
    measure: Callable[[State], float],
    tie: Literal["accept", "reject"] = "accept",
    tolerance: float = 1e-9,
) -> GreedySoup:
    """Take models from the best on, each if the soup does not become worse with it.

    measure    of one state, on held-out queries, larger is better; called k times for the models and k - 1 times for
               soups. NaN is worse than every number
    tie        'accept': a soup as good as before is taken (the paper's recipe 1); 'reject': it must be better (its
               authors' code). Models of the same score are tried in the order given
    tolerance  scores no further apart than this are a tie

    The soup's score is never below the best model's (less the tolerance).
    """
    _check_states(states)
    first = _drop_weights(_load_state(states[0]))
    alone = [_measure_model(source, first, n, measure) for n, source in enumerate(states)]
    best, *rest = sorted(range(len(states)), key=lambda n: -alone[n])
    if alone[best] == -math.inf:
        raise ConfigError(f"soup: the measure of all {len(states)} models is NaN")
    mean, score = _copy_weights(_load_state(states[best])), alone[best]
    ingredients, log = [best], [GreedyTrial(best, score, None, True)]
    for n in rest:
        candidate = _update_mean(mean, _load_state(states[n]), len(ingredients))
        together = _replace_nan(measure(_complete_state(candidate, first)))
        is_taken = together >= score - tolerance if tie == "accept" else together > score + tolerance
        log.append(GreedyTrial(n, alone[n], together, is_taken))
        if is_taken:
            mean, score = candidate, max(score, together)  # a chain of ties cannot drift downward
            ingredients.append(n)
    return GreedySoup(_complete_state(mean, first), tuple(ingredients), tuple(log))


def interpolate_states(start: Source, tuned: Source, alpha: float = 0.5) -> dict[str, Tensor]:
    """Return (1 - alpha) · start + alpha · tuned: what training gave, in part, and what was known before.

    alpha  in [0, 1]; integer buffers are the start's

    Wortsman et al., CVPR 2022, arXiv 2109.01903 (WiSE-FT).
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"soup: alpha must lie in [0, 1], got {alpha}")
    before, after = _load_state(start), _load_state(tuned)
    check_tensors(before, after, 1)
    mixed = {
        name: (1 - alpha) * weights + alpha * after[name].to(weights.dtype)
        for name, weights in _copy_weights(before).items()
    }
    return _complete_state(mixed, before)


def check_tensors(first: State, other: State, number: int) -> None:
    """Raise ConfigError, one sentence, where a model's tensors are not those of the first, by name, shape and kind."""
    where = f"soup: model {number + 1}"
    for state, reference, difference in ((first, other, "lacks"), (other, first, "has, unlike model 1,")):
        missing = [name for name in state if name not in reference]
        if missing:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise ConfigError(f"{where} {difference} the tensor '{missing[0]}'{more}; a soup needs models of one start")
    for name, tensor in first.items():
        other_tensor = other[name]
        if other_tensor.shape != tensor.shape or other_tensor.is_floating_point() != tensor.is_floating_point():
            shapes = [
                f"{tuple(each.shape)} {str(each.dtype).removeprefix('torch.')}" for each in (other_tensor, tensor)
            ]
            raise ConfigError(f"{where}'s tensor '{name}' is {shapes[0]}, that of model 1 is {shapes[1]}")


def _check_states(states: Sequence[Source]) -> None:
    if not states:
        raise ConfigError("soup: one model at least is needed, got none")


def _load_state(source: Source) -> State:
    return source if isinstance(source, Mapping) else source()


def _measure_model(source: Source, first: State, n: int, measure: Callable[[State], float]) -> float:
    state = _load_state(source)
    check_tensors(first, state, n)
    return _replace_nan(measure(state))


def _drop_weights(state: State) -> State:
    """Return a state without its weights: shapes, types, and the integer buffers."""
    return {name: tensor.to("meta") if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _copy_weights(state: State) -> dict[str, Tensor]:
    """Return what is averaged: copies of the floating-point tensors, in float32 or wider."""
    import torch

    return {
        name: tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32), copy=True)
        for name, tensor in state.items()
        if tensor.is_floating_point()
    }


def _update_mean(mean: Mapping[str, Tensor], state: State, n: int) -> dict[str, Tensor]:
    """Return the mean of n models and one more."""
    return {
        name: weights + (state[name].detach().to(weights.dtype) - weights) / (n + 1) for name, weights in mean.items()
    }


def _complete_state(mean: Mapping[str, Tensor], first: State) -> dict[str, Tensor]:
    """Return a whole state: the first one's names in order, types and integer buffers."""
    return {name: mean[name].to(tensor.dtype) if name in mean else tensor.clone() for name, tensor in first.items()}


def _replace_nan(score: float) -> float:
    return -math.inf if math.isnan(score) else float(score)
