"""Products of packed layers in 8-bit integers, for as many of them as leave a model's answers what they are.

A token has a step and a zero of its own, so its numbers depend on no neighbour; an output of a weight has a step of its
own. Sums of integers' products are exact: the same bits from any number of threads. Before that, inputs' channels are
evened out, as in SmoothQuant (Xiao et al., ICML 2023, section 4), by the greatest values that a fixed sample of texts
has there, and with the strength, of three, that gives a product the least error on it.

Products stay in bfloat16, or float32 where the processor has no bfloat16, as few as make the model's answers to that
sample agree with those of float32; first those that move the answers the most for the time that they save.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from nirank.errors import ModelError
from nirank.inference.agreement import MIN_COSINE, Answers, compute_cosines, compute_min_cosine
from nirank.inference.packed_layers import (
    PackedLayer,
    choose_threads,
    find_packed_layers,
    join_weights,
    pack_encoders,
)
from nirank.inference.quantised_loops import quantise_tokens, restore_tokens
from nirank.inference.threads import use_threads

if TYPE_CHECKING:
    from torch import Tensor, nn

_STRENGTHS = (0.4, 0.5, 0.6)  # 0: only weights' channels become equal; 1: only tokens'
_LEAST = 1e-5  # greatest value of a channel that is taken into account; one without any has no scale
_MIN_SHARE = 0.5  # of products that must remain in int8; with fewer it would be hardly faster than bfloat16
_INSTEAD = "use bfloat16"


def explain_no_int8(device: str) -> str | None:
    """Return why 'int8' cannot be had on a device, in words; None where it can."""
    import torch

    if not device.startswith("cpu"):
        return f"precision int8: is for processors, and the device is {device}; {_INSTEAD}"
    if not getattr(torch.cpu, "_is_vnni_supported", lambda: False)():
        return "precision int8: this processor has no instructions for it (AVX-512 VNNI); use float32"
    return None


def has_bfloat16() -> bool:
    """Tell whether the processor has instructions for bfloat16."""
    import torch

    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def apply_precision(
    name: str,
    body: nn.Module,
    precision: str,
    device: str,
    lower: Callable[[Literal["float32", "bfloat16", "float16"]], None],
    answer: Callable[[], Answers],
) -> None:
    """Let a model that was loaded in float32 compute in another precision; its layers are packed on a processor.

    name    of the model, in messages
    body    what holds its encoders
    lower   gives what is not packed a precision
    answer  what the model says to the sample of texts, (n, d); for int8 only
    Raises ModelError where int8 cannot be had.
    """
    rest: Any = precision
    exact = None
    if precision == "int8":
        if reason := explain_no_int8(device):
            raise ModelError(f"model '{name}': {reason}")
        rest = "bfloat16" if has_bfloat16() else "float32"
        with use_threads(1):
            exact = answer()
    packed = pack_encoders(body, rest, keep_parts=precision == "int8") if device == "cpu" else 0
    if precision == "int8" and not packed:
        raise ModelError(
            f"model '{name}': precision int8: is for BERT and its kin, whose layers are known here;"
            f" this model keeps its own code; {_INSTEAD}"
        )
    lower(rest)
    if exact is not None:
        quantise_products(name, body, exact, answer)


def quantise_products(name: str, body: nn.Module, exact: Answers, answer: Callable[[], Answers]) -> None:
    """Replace products of packed layers whose parts have been kept, all but those that err too much.

    exact   the model's answers to the sample in float32
    answer  gives its answers as it is now
    Raises ModelError where fewer than half of the products can be replaced.
    """
    import torch

    packed = find_packed_layers(body)
    with torch.inference_mode(), use_threads(1):  # the same whatever number there is
        trials = [_Trial(layer, product) for layers in packed for layer in layers.layers for product in layer.products]
        answer()
        trials = [trial for trial in trials if trial.quantise()]
        answer()
        for trial in trials:
            trial.install(quantised=False)
        ordered = _order_by_harm(trials, exact, answer)
        if choose_exclusions(ordered, lambda: compute_min_cosine(exact, answer()) >= MIN_COSINE) is None:
            raise ModelError(
                f"model '{name}': precision int8: its answers differ from float32's even when half of its products are"
                f" in a higher precision; {_INSTEAD}"
            )
    for layers in packed:
        layers.release_parts()
        choose_threads(layers)


def _order_by_harm(trials: Sequence[_Trial], exact: Answers, answer: Callable[[], Answers]) -> list[_Trial]:
    """Return products by how far the answers move when each alone is in int8, by its multiplications, falling."""

    def measure() -> float:
        return 1.0 - float(compute_cosines(exact, answer()).mean())

    before = measure()
    harms = []
    for trial in trials:
        trial.install(quantised=True)
        harms.append((measure() - before) / trial.multiplications)
        trial.install(quantised=False)
    return [trials[place] for place in sorted(range(len(trials)), key=lambda place: -harms[place])]


def choose_exclusions(trials: Sequence[_Trial], agrees: Callable[[], bool]) -> int | None:
    """Let as many products as possible compute in int8, the last of a list first; return how many do not.

    agrees  tells whether the model's answers are right as it is now
    None: even half of them in int8 would be too many.
    """

    def agrees_without(n: int) -> bool:
        for place, trial in enumerate(trials):
            trial.install(quantised=place >= n)
        return agrees()

    too_few, enough = 0, int(len(trials) * (1 - _MIN_SHARE))
    if agrees_without(0):
        return 0
    if not agrees_without(enough):
        return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if agrees_without(middle) else (middle, enough)
    agrees_without(enough)
    return enough


def count_quantised(model: nn.Module) -> tuple[int, int]:
    """Return how many products of a model's packed layers are in int8, and how many there are."""
    products = [
        product
        for layers in find_packed_layers(model)
        for layer in layers.layers
        for product in layer.products.values()
    ]
    return sum(isinstance(product, QuantisedLinear) for product in products), len(products)


class QuantisedLinear:
    """A weight, (outputs, inputs), in int8, and its bias; tokens, (n, inputs), are float32 or bfloat16.

    greatest  (inputs,) of each channel of the tokens, as absolute values
    strength  of evening them out
    """

    def __init__(self, weight: Tensor, bias: Tensor, greatest: Tensor, strength: float) -> None:
        import torch

        of_weight = weight.abs().amax(0).clamp_min(_LEAST)
        smoothing = greatest.clamp_min(_LEAST) ** strength / of_weight ** (1 - strength)
        smoothed = weight * smoothing
        steps = smoothed.abs().amax(1).clamp_min(_LEAST**2) / 127
        integers = (smoothed / steps[:, None]).round().clamp(-127, 127).to(torch.int8)
        self._factors = (1 / smoothing).numpy()
        self._weight = integers.T
        self._steps, self._sums = steps.numpy(), (steps * integers.sum(1)).numpy()
        self._bias = bias.detach().float().numpy()

    def project(self, tokens: Tensor) -> Tensor:
        import torch

        n, outputs = len(tokens), len(self._steps)
        kind = torch.uint16 if tokens.dtype == torch.bfloat16 else torch.uint32
        integers = torch.empty(tokens.shape, dtype=torch.int8)
        steps, zeros = torch.empty(2, n).numpy()
        bits = tokens.contiguous().view(kind).numpy()
        quantise_tokens(bits, self._factors, integers.view(torch.uint8).numpy(), steps, zeros)
        sums = torch._int_mm(integers, self._weight).numpy()
        projected = torch.empty((n, outputs), dtype=tokens.dtype)
        restore_tokens(sums, steps, zeros, self._steps, self._sums, self._bias, projected.view(kind).numpy())
        return projected

    def project_and_add(self, tokens: Tensor, residual: Tensor) -> Tensor:
        return self.project(tokens).add_(residual)

    def project_with_gelu(self, tokens: Tensor) -> Tensor:
        from torch.nn.functional import gelu

        return gelu(self.project(tokens))


class _Trial:
    """A product that watches its inputs, then tries its quantised forms on them; installs itself in its layer.

    multiplications  for a token
    """

    def __init__(self, layer: PackedLayer, name: str) -> None:
        self._layer, self._name = layer, name
        self._exact = layer.products[name]
        self._greatest: Tensor | None = None
        self._forms: list[QuantisedLinear] = []
        self._errors = [0.0] * len(_STRENGTHS)  # squares of differences
        self.multiplications = 0
        layer.products[name] = self

    def quantise(self) -> bool:
        """Make the quantised forms, of what has been seen; where nothing was, leave the layer as it was."""
        if self._greatest is None:  # of an encoder for queries alone: the sample is read as documents
            self._layer.products[self._name] = self._exact
            return False
        assert self._layer.parts is not None, "kept until all products have been chosen"
        weight, bias = join_weights(self._layer.parts)[self._name]
        self._forms = [QuantisedLinear(weight, bias, self._greatest, strength) for strength in _STRENGTHS]
        self.multiplications = weight.numel()
        return True

    def install(self, *, quantised: bool) -> None:
        """Let the layer compute with the best quantised form, or with the product that it had."""
        best = min(range(len(self._forms)), key=self._errors.__getitem__)
        self._layer.products[self._name] = self._forms[best] if quantised else self._exact

    def project(self, tokens: Tensor) -> Tensor:
        return self._run("project", tokens)

    def project_and_add(self, tokens: Tensor, residual: Tensor) -> Tensor:
        return self._run("project_and_add", tokens, residual)

    def project_with_gelu(self, tokens: Tensor) -> Tensor:
        return self._run("project_with_gelu", tokens)

    def _run(self, method: str, tokens: Tensor, *residual: Tensor) -> Tensor:
        import torch

        result: Tensor = getattr(self._exact, method)(tokens, *residual)
        if not self._forms:
            greatest = tokens.float().abs().amax(0)
            self._greatest = greatest if self._greatest is None else torch.maximum(self._greatest, greatest)
        for place, form in enumerate(self._forms):
            other = getattr(form, method)(tokens, *residual)
            self._errors[place] += float((other.float() - result.float()).square().sum())
        return result
