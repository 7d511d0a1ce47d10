"""A language model behind a server, which is at times busy, slow or talks nonsense, writes what it writes here."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from model_server import ModelServer, Reply

from nirank.algebra.context import Context
from nirank.inference import chat as requests_to_chat
from nirank.synthesis.causal_generator import CausalGenerator
from nirank.synthesis.endpoint_generator import EndpointGenerator
from nirank.synthesis.few_shot import FewShot

DOCS = [" ".join(f"w{(3 * i + j) % 60}" for j in range(5 + i)) for i in range(10)]
NONSENSE = DOCS[6]


class ServedModel:
    """Completes prompts by transformers' own generation, in turns."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.lock = threading.Lock()
        self.times: Counter[str] = Counter()

    def answer(self, body: dict[str, Any]) -> Reply:
        prompt = body["prompt"]
        doc = prompt.removesuffix("\nRelevant Query:").rpartition("Document: ")[2]
        with self.lock:
            self.times[doc] += 1
            if doc == NONSENSE:
                return Reply(b"<html>")
            if DOCS.index(doc) % 3 == 0 and self.times[doc] < 3:
                return Reply(status=[429, 500][self.times[doc] - 1], headers={"Retry-After": "0"})
            text, logprobs = self.complete(prompt, body["max_tokens"], body["stop"])
        choice = {"text": text, "logprobs": {"token_logprobs": logprobs}, "finish_reason": "stop"}
        return Reply({"choices": [choice]}, after_s=0.2 if DOCS.index(doc) == 1 else 0)

    def complete(self, prompt: str, max_tokens: int, stops: list[str]) -> tuple[str, list[float]]:
        inputs = self.tokenizer([prompt], return_tensors="pt")
        output = self.model.generate(
            **inputs, do_sample=False, max_new_tokens=max_tokens, output_logits=True, return_dict_in_generate=True
        )
        tokens = output.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        logprobs = [
            float(logits[0].log_softmax(-1)[token]) for logits, token in zip(output.logits, tokens, strict=True)
        ]
        if tokens[-1] == self.tokenizer.eos_token_id:
            tokens, logprobs = tokens[:-1], logprobs[:-1]
        text = self.tokenizer.decode(tokens)
        ends = [text.find(stop) for stop in stops if stop in text]
        return text[: min(ends)] if ends else text, logprobs


@pytest.mark.slow
def test_a_served_model_writes_what_it_writes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_to_chat, "_PAUSE_S", 0.001)
    folder = tiny_models.make_causal(tmp_path)
    served = ServedModel(folder)
    server = ModelServer(served.answer)
    examples = FewShot(pairs=(("w1 w2", "w3"), ("w4 w5 w6", "w7 w8")))
    try:
        ctx = Context()
        remote = EndpointGenerator(
            server.url, "tiny", prompt="plain", examples=examples, words=20, max_tokens=8, logprobs=True, retries=3
        )
        written = list(remote.write_queries(DOCS, {}, ctx))
    finally:
        server.close()
    local = CausalGenerator(str(folder), examples, words=20, max_new_tokens=8, stop_at_line=False)
    expected = list(local.write_queries(DOCS, {}, Context(device="cpu")))
    for doc, (there,), (here,) in zip(DOCS, written, expected, strict=True):
        if doc == NONSENSE:
            assert there.reason == "malformed answer"
        else:
            assert there.text.strip() == here.text
            assert there.logprob == pytest.approx(here.logprob, abs=1e-4)
    assert ctx.counts["malformed_answers"] == 1
    assert [served.times[doc] for doc in DOCS] == [3, 1, 1, 3, 1, 1, 4, 1, 1, 3]
