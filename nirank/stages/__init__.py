"""One small file a stage; a module put here is found by scanning."""
