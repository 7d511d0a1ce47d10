"""Bibliographic records: files of databases and reviewing tools, read and written without losing a record or a field.

Records know nothing of collections; a reader of `collections` makes documents of them.
"""
