"""Where collections come from: folders, files one by one, tables of records, ir_datasets, the standard library.

`lookup` finds the source that a name means; `source` says what every source offers.
"""
