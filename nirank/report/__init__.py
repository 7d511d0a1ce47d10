"""Leaderboards as files and pages, made from plain rows."""
