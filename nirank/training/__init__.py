"""Models that are trained as part of the plan."""
