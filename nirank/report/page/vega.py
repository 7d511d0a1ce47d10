"""Charts on the page: Vega as one script, and colours for light and dark ground at once."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

from nirank.report.charts.theme import make_config

_END = "\n/* whole */"
_UNSAFE = ("</script", "<script", "<!--")  # would end the script element, or change how it is read


@cache
def make_bundle() -> str:
    """Return a script that makes vega, vegaLite and vegaEmbed; made once, and kept in the user's cache."""
    import platformdirs

    kept = platformdirs.user_cache_path("nirank-page", appauthor=False) / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError, ValueError):
        stored = kept.read_text(encoding="utf-8")
        if stored.endswith(_END):
            return stored
    import vl_convert

    text: str = vl_convert.javascript_bundle() + _END  # type: ignore[call-arg]  # its stub asks for a snippet
    for mark in _UNSAFE:
        text = text.replace(mark, f"\\x3c{mark[1:]}")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_name(f"{kept.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(kept)
    return text


def make_page_config() -> Any:
    """Return Vega's configuration with colours that follow the page's, as CSS says it: light-dark(…, …)."""
    return _join(make_config(), make_config(dark=True))


def _join(light: Any, dark: Any) -> Any:
    if isinstance(light, dict):
        return {name: _join(value, dark[name]) for name, value in light.items()}
    return light if light == dark else f"light-dark({light}, {dark})"
