"""Leaderboards as files and pages, made from plain rows."""

from nirank.report.details import detail_grids
from nirank.report.files import write
from nirank.report.manifest import manifest
from nirank.report.page import html_table
from nirank.report.table import text_table

__all__ = ["detail_grids", "html_table", "manifest", "text_table", "write"]
