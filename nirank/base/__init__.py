"""What everything stands on: values, files, identity, amounts, memory, work in shards.

Nothing here knows retrieval.
"""
