"""Measures and statistics: they know rankings and judgements, nothing of stages."""
