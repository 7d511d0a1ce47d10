"""Filters of synthetic queries: values that say which queries are kept, and measure why."""
