"""Hold what `colorize` does against what this machine can do: python -m benchmarks.limits."""
