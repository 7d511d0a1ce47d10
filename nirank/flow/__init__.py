"""What flows between computations: ids, pairs, rankings, judgements, scopes, and their file formats."""
