"""Ask a chat model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nirank.errors import ConfigError, StageError

_RETRIED = {408, 409, 429, 500, 502, 503, 504}
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers, and as whom one asks.

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
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"url '{url}': expected an address such as http://localhost:8000/v1")


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
            with urllib.request.urlopen(request, timeout=endpoint.timeout_s) as response:
                return _content(json.loads(response.read()))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            error.close()
            if error.code not in _RETRIED:
                break
        except (OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
    raise StageError(f"{endpoint.url}: model '{endpoint.model}' cannot be asked ({reason}); is the server running?")


def _content(answer: Any) -> str:
    try:
        return str(answer["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        raise ValueError("the answer has no choices[0].message.content") from None
