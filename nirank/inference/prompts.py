"""Prompts of causal language models: what stands around a document, as tokens, and what is cut to fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nirank.errors import ModelError
from nirank.inference.causal import LanguageModel

_DOCUMENT = "\u2063document\u2063"  # stands for the document while a chat is put into the template's words


class Frame(NamedTuple):
    """What stands before and behind a document, as text; `is_chat`: a template has written special tokens."""

    before: str
    after: str
    is_chat: bool = False


class TokenizedPrompt(NamedTuple):
    """A prompt as tokens.

    tokens    those of special start, frame, document and target
    document  (from, to) of the document's tokens
    target    where the target begins, what is asked how likely it is; the end where there is none
    """

    tokens: list[int]
    document: tuple[int, int]
    target: int


def make_chat_frame(language: LanguageModel, frame: Frame, turns: Sequence[tuple[str, str]] = ()) -> Frame:
    """Return a frame in the words of the model's chat template.

    turns  (question, answer) that come before. Raises ModelError where the model has no template.
    """
    tokenizer = language.tokenizer
    if not tokenizer.chat_template:
        raise ModelError(f"model '{language.name}': has no chat template; chat: false completes plain text")
    messages = [
        {"role": role, "content": content}
        for turn in turns
        for role, content in zip(("user", "assistant"), turn, strict=True)
    ]
    messages.append({"role": "user", "content": f"{frame.before}{_DOCUMENT}{frame.after}"})
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        before, after = str(text).split(_DOCUMENT)
    except Exception as error:
        raise ModelError(f"model '{language.name}': its chat template cannot be filled ({error})") from error
    return Frame(before, after, is_chat=True)


def tokenize_prompts(
    language: LanguageModel, frame: Frame, docs: Sequence[str], targets: Sequence[str] | None = None
) -> list[TokenizedPrompt]:
    """Return the prompt of each document, tokenised as one text, with what is to follow it."""
    texts = [frame.before + doc + frame.after for doc in docs]
    wholes = texts if targets is None else [text + target for text, target in zip(texts, targets, strict=True)]
    if not texts:
        return []
    tokenized = language.tokenizer(wholes, add_special_tokens=False, return_offsets_mapping=True)
    start = [] if frame.is_chat and _begins_with_start(language, frame) else language.start
    return [
        _locate(start, ids, spans, len(frame.before), len(frame.before) + len(doc), len(text))
        for ids, spans, doc, text in zip(tokenized["input_ids"], tokenized["offset_mapping"], docs, texts, strict=True)
    ]


def cut_document(prompt: TokenizedPrompt, limit: int | None) -> tuple[TokenizedPrompt, int, int]:
    """Return the prompt with at most `limit` tokens, and how many the document and the target lost.

    The document is cut at its end, to nothing if it must be; only then the target is cut.
    """
    excess = 0 if limit is None else max(len(prompt.tokens) - limit, 0)
    first, last = prompt.document
    from_document = min(excess, last - first)
    from_target = min(excess - from_document, max(len(prompt.tokens) - prompt.target - 1, 0))
    end = len(prompt.tokens) - from_target
    tokens = prompt.tokens[: last - from_document] + prompt.tokens[last:end]
    cut = TokenizedPrompt(tokens, (first, last - from_document), prompt.target - from_document)
    return cut, from_document, from_target


def _locate(
    start: list[int], ids: list[int], spans: Sequence[Any], doc_start: int, doc_end: int, text_end: int
) -> TokenizedPrompt:
    """Return tokens with the places of what lies wholly inside the document, and from the text's end on."""
    inside = [at for at, (a, b) in enumerate(spans) if a >= doc_start and b <= doc_end and b > a]
    first, last = (inside[0], inside[-1] + 1) if inside else (0, 0)
    target = next((at for at, (a, b) in enumerate(spans) if b > text_end), len(ids))
    if not inside:
        first = last = min(target, len(ids))
    shift = len(start)
    return TokenizedPrompt(start + ids, (first + shift, last + shift), target + shift)


def _begins_with_start(language: LanguageModel, frame: Frame) -> bool:
    """Tell whether a template writes the start token itself."""
    token = language.tokenizer.bos_token
    return bool(token) and frame.before.startswith(token)
