"""Leaderboards as files and pages, made from rows."""

from nirank.report.details import make_detail_grids
from nirank.report.files import write_results
from nirank.report.manifest import make_manifest
from nirank.report.page import render_html_table
from nirank.report.table import format_text

__all__ = ["format_text", "make_detail_grids", "make_manifest", "render_html_table", "write_results"]
