"""Readers of text files, one module a format: a file in, a `Record` for each document or query out.

`formats` tells which reader a file needs.
"""
