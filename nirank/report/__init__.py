"""Leaderboards as files and pages, made from plain rows."""

from nirank.report.files import write
from nirank.report.manifest import manifest
from nirank.report.page import html_table
from nirank.report.table import text_table

__all__ = ["html_table", "manifest", "text_table", "write"]
