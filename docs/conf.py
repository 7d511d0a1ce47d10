"""How the site is made: `sphinx-build -W -n -b html docs build/docs`, without the network."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

import nirank  # noqa: E402  the checkout's own, whatever else is installed

project = "nirank"
author = "the authors of nirank"
copyright = author
release = version = nirank.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "generated_pages"]
root_doc = "index"
source_suffix = {".md": "markdown", ".ipynb": "markdown"}  # a notebook becomes Markdown when it is read
exclude_patterns = ["_ext", "images"]
nitpicky = True
suppress_warnings = ["myst.header"]  # a page of experiments may begin a section where its page does

myst_heading_anchors = 4
myst_enable_extensions = ["linkify"]
myst_linkify_fuzzy_links = False

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

html_theme = "furo"
html_title = "nirank"
html_copy_source = html_show_sourcelink = html_show_copyright = html_show_sphinx = False
html_show_search_summary = False  # a browser fetches nothing for a page that was opened from disk
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_exclude = ".linenos, .gp, .go"
