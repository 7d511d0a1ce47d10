"""What a stage, a pipeline, a node and a model are: frozen values, and how they compose.

Nothing here computes.
"""
