"""Configurations: YAML into collections, systems, models and measures, and the JSON schema of that."""
