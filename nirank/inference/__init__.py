"""One place where neural models are found, loaded and run."""
