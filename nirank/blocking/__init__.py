"""Blocking: hash families that give every record its keys, and one join that pairs records with a key in common.

Bit codes, which are near rather than equal, have a search of their own. Nothing here knows stages; a family takes
texts or vectors, the join takes keys.
"""
