"""Ask a model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import http.client
import json
import math
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.errors import ConfigError, StageError
from nirank.inference.pace import Pace, parse_retry_after

_RETRIED_STATUSES = {408, 409, 429, 500, 502, 503, 504}
_PAUSE_S = 1.0  # before a request is repeated; twice as long each time
_MAX_PAUSE_S = 600.0  # that a server may ask for
_MAX_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers, and with which key it is asked.

    url      up to and without /chat/completions or /completions, such as http://localhost:8000/v1
    key_env  environment variable with the key, sent only if it is set
    """

    url: str
    model: str
    key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    retries: int = 3


def check_url(url: str) -> None:
    """Raise ConfigError for what is no http address."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ConfigError(f"url '{url}': expected an address such as http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"url of {parts.hostname}: holds a user's name or password; expected the key in an environment variable,"
            " named by key_env"
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the key and the texts are for the host that was named."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    logprobs       of its tokens, where they were asked for and the server gives them
    tokens         how many it wrote, and prompt_tokens how many it read, as the server counts; 0 where it does not
    is_cut_off     whether it ended because it was long enough
    """

    text: str
    logprobs: tuple[float, ...] = ()
    tokens: int = 0
    prompt_tokens: int = 0
    is_cut_off: bool = False


class MalformedAnswer(StageError):
    """The server answers, and what it answers is none of a model's."""


class _Malformed(ValueError):
    pass


def ask(endpoint: Endpoint, messages: Sequence[dict[str, str]], max_tokens: int) -> str:
    """Return a chat model's answer, '' where it gave none; raise StageError when the endpoint cannot be asked.

    Temperature 0 and a fixed seed: as much the same answer every time as the server allows.
    """
    body = {"messages": list(messages), "temperature": 0, "seed": 0, "max_tokens": max_tokens}
    return request_answer(endpoint, body, Pace()).text


def request_answer(endpoint: Endpoint, options: Mapping[str, Any], pace: Pace) -> Answer:
    """Return what the model answers; failed requests are repeated, each after twice the pause.

    options  of the request beside the model: with `messages` a chat model is asked, with `prompt` one that completes
    pace     of all requests; a server that asks to be left alone for some time (Retry-After) stops all of them
    Raises MalformedAnswer where the last answer could not be read, StageError where there was none.
    """
    path, parse = ("completions", _parse_completion) if "prompt" in options else ("chat/completions", _parse_chat)
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(endpoint.key_env)
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body = json.dumps({"model": endpoint.model, **options}).encode()
    request = urllib.request.Request(f"{endpoint.url.rstrip('/')}/{path}", body, headers)
    reason, kind = "", StageError
    for attempt in range(endpoint.retries + 1):
        if attempt:
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))
        pace.wait()
        kind = StageError
        try:
            with _make_opener().open(request, timeout=endpoint.timeout_s) as response:
                return parse(_read_json(response, time.monotonic() + endpoint.timeout_s))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if 300 <= error.code < 400:
                reason += ", and redirects are not followed: give the address itself as url"
            asked_pause = parse_retry_after(error.headers.get("Retry-After"))
            error.close()
            if error.code not in _RETRIED_STATUSES:
                break
            if asked_pause > _MAX_PAUSE_S:
                reason += f", to be asked again in {asked_pause:.0f} s"
                break
            pace.pause(asked_pause)
        except _Malformed as error:
            reason, kind = str(error), MalformedAnswer
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    raise kind(f"{endpoint.url}: model '{endpoint.model}' cannot be asked ({reason}); is the server running?")


def _make_opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def _read(response: Any, until: float) -> bytes:
    """Return an answer's bytes. Raises ValueError where they are too many or come too slowly."""
    parts, size = [], 0
    while part := response.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > _MAX_ANSWER_BYTES:
            raise ValueError(f"the answer is longer than {_MAX_ANSWER_BYTES >> 20} MB")
        if time.monotonic() > until:
            raise ValueError("the answer did not end in time")
    return b"".join(parts)


def _read_json(response: Any, until: float) -> Any:
    data = _read(response, until)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _Malformed(str(error) or type(error).__name__) from None


def _parse_chat(answer: Any) -> Answer:
    try:
        choice = answer["choices"][0]
        text = str(choice["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        raise _Malformed("the answer has no choices[0].message.content") from None
    listed = _get(choice, "logprobs", "content")
    return _make_answer(answer, text, [_get(token, "logprob") for token in listed] if isinstance(listed, list) else [])


def _parse_completion(answer: Any) -> Answer:
    try:
        choice = answer["choices"][0]
        text = str(choice["text"] or "")
    except (KeyError, IndexError, TypeError):
        raise _Malformed("the answer has no choices[0].text") from None
    listed = _get(choice, "logprobs", "token_logprobs")
    return _make_answer(answer, text, listed if isinstance(listed, list) else [])


def _make_answer(answer: Any, text: str, logprobs: Sequence[Any]) -> Answer:
    numbers = tuple(float(value) for value in logprobs if isinstance(value, (int, float)) and math.isfinite(value))
    counts = [_get(answer, "usage", name) for name in ("completion_tokens", "prompt_tokens")]
    tokens, prompt_tokens = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
    text = text.encode("utf-8", "replace").decode()  # JSON can hold lone surrogates
    return Answer(text, numbers, tokens, prompt_tokens, _get(answer["choices"][0], "finish_reason") == "length")


def _get(value: Any, *names: str) -> Any:
    """Return what stands under some names, one inside the other; None where anything else stands there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
