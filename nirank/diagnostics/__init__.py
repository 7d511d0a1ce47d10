"""Diagnostics: why a system orders its lists as it does, and what no re-ranker could do about it.

Each file has one, with its formula: reliance (D1), contradiction (D2), ceiling (D3), duplicates (D4), time (D5),
leak (D6) and length (D7). Chalkidis et al., EACL 2021, saw what they measure; the measures are ours.
"""
