"""Layers are computed with the number of threads that is the fastest for now, and with the same bits."""

from __future__ import annotations

from typing import Any

import pytest

from nirank.inference import packed_layers
from nirank.inference.linear import PlainLinear
from nirank.inference.packed_layers import pack_encoders
from nirank.inference.threads import ThreadChoice, list_thread_numbers, use_threads

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

QUIET = {1: 8.0, 2: 4.0, 4: 2.0}  # seconds of a call, by threads, on a machine with nothing else to do
BUSY = {1: 9.0, 2: 20.0, 4: 90.0}  # the same with another job on all cores but one
SIZES: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 300, "initializer_range": 0.3,
}  # fmt: skip


def run_calls(choice: ThreadChoice, seconds: dict[int, float], calls: int, tokens: int = 4096) -> list[int]:
    """Return how many threads each of some calls used, on a machine that takes so many seconds."""
    used = []
    for _ in range(calls):
        used.append(choice.choose())
        choice.record(used[-1], tokens, seconds[used[-1]])
    return used


def test_numbers_that_are_tried() -> None:
    numbers = {limit: list_thread_numbers(limit) for limit in (1, 2, 3, 8, 12)}
    assert numbers == {1: [1], 2: [1, 2], 3: [1, 2, 3], 8: [1, 2, 4, 8], 12: [1, 2, 4, 8, 12]}


@pytest.mark.parametrize(
    ("seconds", "tried", "fastest"),
    [
        (QUIET, [1, 2, 4, 1, 2, 4], 4),
        ({1: 5.0, 2: 3.0, 4: 3.1}, [1, 2, 4, 1, 2, 4], 2),
        (BUSY, [1, 2, 1], 1),  # two are hopeless, so four are too
        ({1: 9.0, 2: 12.0, 4: 90.0}, [1, 2, 4, 1, 2], 1),
        ({1: 9.0, 2: 20.0, 4: 2.0}, [1, 2, 1], 1),  # never seen on a machine: four are not tried behind two
    ],
)
def test_the_fastest_is_kept(seconds: dict[int, float], tried: list[int], fastest: int) -> None:
    assert run_calls(ThreadChoice(4), seconds, len(tried) + 9) == tried + [fastest] * 9


@pytest.mark.parametrize(("second", "fastest"), [(0.5, 2), (2.0, 1)])  # 9.0 and that, against 5.0 twice
def test_the_mean_of_the_tries_counts(second: float, fastest: int) -> None:
    choice = ThreadChoice(2)
    used = run_calls(choice, {1: 5.0, 2: 9.0}, 2) + run_calls(choice, {1: 5.0, 2: second}, 3)
    assert used == [1, 2, 1, 2, fastest]


def test_numbers_are_tried_again_soon_when_another_job_comes() -> None:
    choice = ThreadChoice(4)
    assert run_calls(choice, QUIET, 6) == [1, 2, 4] * 2  # 28 seconds, so 560 seconds of calls until the next trials
    assert run_calls(choice, BUSY, 20) == [4] * 7 + [1, 2, 1] + [1] * 10


def test_numbers_are_tried_again_in_time_when_another_job_ends() -> None:
    choice = ThreadChoice(4)
    run_calls(choice, BUSY, 3)  # 38 seconds
    used = run_calls(choice, {**BUSY, 2: 4.0, 4: 2.0}, 85 + 6 + 1)
    assert used == [1] * 85 + [1, 2, 4] * 2 + [4]


def test_trying_costs_a_twentieth() -> None:
    seconds = {1: 1.0, 2: 1.9, 4: 3.0}
    used = run_calls(ThreadChoice(4), seconds, 10_000)
    others = sum(seconds[number] for number in used if number != 1)
    assert 0.01 < others / sum(seconds[number] for number in used) < 1 / 20


def test_short_calls_and_calls_of_other_threads_tell_nothing() -> None:
    choice = ThreadChoice(4)
    assert run_calls(choice, BUSY, 20, tokens=511) == [1] * 20
    choice.record(2, 4096, 0.1)
    assert run_calls(choice, QUIET, 7) == [1, 2, 4, 1, 2, 4, 4]


def test_nothing_is_chosen_from_one() -> None:
    choice = ThreadChoice(1)
    assert run_calls(choice, {1: 1.0}, 5) + run_calls(choice, {1: 9.0}, 99) == [1] * 104


@pytest.fixture
def four_threads() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def build_model() -> Any:
    torch.manual_seed(0)
    return transformers.BertModel(transformers.BertConfig(**SIZES)).eval()


def find_layers(model: Any) -> Any:
    return model.encoder.forward


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_layers_have_the_same_bits_with_every_number(precision: str, four_threads: None) -> None:
    model = build_model()
    assert pack_encoders(model, precision) == 1
    model.to(getattr(torch, precision))
    ids = torch.randint(0, 40, (3, 300), generator=torch.Generator().manual_seed(1))
    layers = find_layers(model)
    assert layers.choice is not None
    states, used = [], []
    with torch.inference_mode():
        for _ in range(4):
            used.append(layers.choice.choose())
            states.append(model(input_ids=ids).last_hidden_state)
            assert torch.get_num_threads() == 4
        with use_threads(1):
            states.append(model(input_ids=ids).last_hidden_state)
    assert used[0] == 1 and 2 in used
    assert all(torch.equal(state, states[0]) for state in states)


class ThreadedLinear(PlainLinear):
    """Products whose last bits depend on the number of threads."""

    def project(self, tokens: Any) -> Any:
        return super().project(tokens) * (1 + 1e-6 * torch.get_num_threads())


def test_layers_whose_bits_depend_on_threads_keep_those_of_torch(
    four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_layers, "LINEAR_KINDS", (ThreadedLinear,))
    model = build_model()
    assert pack_encoders(model, "float32") == 1
    assert find_layers(model).choice is None


def test_a_single_thread_chooses_nothing() -> None:
    with use_threads(1):
        model = build_model()
        assert pack_encoders(model, "float32") == 1
    assert find_layers(model).choice is None


def test_threads_are_torchs_again_after_an_error(four_threads: None) -> None:
    choice = ThreadChoice(4)
    with pytest.raises(ValueError, match="broken"), choice.measure(4096):
        assert torch.get_num_threads() == 1
        raise ValueError("broken")
    assert torch.get_num_threads() == 4 and choice.choose() == 1
