"""A chart for notebooks and papers: a picture that needs no network, and Altair's own where more is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.base.files import expand_path
from nirank.errors import ConfigError, suggest

if TYPE_CHECKING:
    from altair import Chart as AltairChart

_FORMATS = (".svg", ".png", ".pdf", ".html", ".json")


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart of a report. Notebooks show it as SVG: without the network, and as their files keep it.

    altair  the same as Altair's chart, to change (`.properties(width=900)`), or to show with tooltips and menus: how
            notebooks do that is Altair's choice, and by default it takes the network
    """

    altair: AltairChart = field(repr=False)

    def to_svg(self) -> str:
        """Return the picture as SVG; of a chart with a menu, what the menu shows first."""
        import vl_convert

        return str(vl_convert.vegalite_to_svg(self.altair.to_dict()))

    def save(self, path: str | Path, *, scale: float = 1.0) -> None:
        """Write a file, in the format that its name ends with, without the network.

        path   .svg, .png, .pdf; .html: a page with tooltips and menus that needs nothing else; .json: Vega-Lite
        scale  of PNG: how many pixels stand for one
        Raises ConfigError for another ending, and where the file cannot be written.
        """
        place = expand_path(path)
        if place.suffix.lower() not in _FORMATS:
            endings = f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}"
            near = suggest(place.suffix, _FORMATS)
            raise ConfigError(f"{path}: expected a name that ends in {endings}, got '{place.suffix}'{near}")
        kind = place.suffix[1:].lower()
        scripts = {"inline": True} if kind == "html" else {}
        try:
            self.altair.save(str(place), format=kind, scale_factor=scale, **scripts)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror or error})") from None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.to_svg(), "text/plain": repr(self)}
