"""Ask a chat model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nirank.errors import ConfigError, StageError

_RETRIED_STATUSES = {408, 409, 429, 500, 502, 503, 504}
_PAUSE_S = 1.0
_MAX_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers, and with which key it is asked.

    url      up to and without /chat/completions, such as http://localhost:8000/v1
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


def ask(endpoint: Endpoint, messages: Sequence[dict[str, str]], max_tokens: int) -> str:
    """Return the model's answer, '' where it gave none; raise StageError when the endpoint cannot be asked.

    Temperature 0 and a fixed seed: as much the same answer every time as the server allows.
    """
    body = {
        "model": endpoint.model,
        "messages": list(messages),
        "temperature": 0,
        "seed": 0,
        "max_tokens": max_tokens,
    }
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(endpoint.key_env)
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{endpoint.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers)
    reason = ""
    for attempt in range(endpoint.retries + 1):
        if attempt:
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))
        try:
            with _make_opener().open(request, timeout=endpoint.timeout_s) as response:
                return _parse_content(json.loads(_read(response, time.monotonic() + endpoint.timeout_s)))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if 300 <= error.code < 400:
                reason += ", and redirects are not followed: give the address itself as url"
            error.close()
            if error.code not in _RETRIED_STATUSES:
                break
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    raise StageError(f"{endpoint.url}: model '{endpoint.model}' cannot be asked ({reason}); is the server running?")


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


def _parse_content(answer: Any) -> str:
    try:
        return str(answer["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        raise ValueError("the answer has no choices[0].message.content") from None
