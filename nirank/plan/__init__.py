"""From systems and collections to a graph of computations, each done once."""
