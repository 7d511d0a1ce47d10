"""report.html: one page, whole in itself, made from a report alone."""

from nirank.report.page.rendering import render_page

__all__ = ["render_page"]
