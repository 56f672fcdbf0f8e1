"""From a checkpoint to a bundle that `colorize` runs (needs the `export` extra)."""
