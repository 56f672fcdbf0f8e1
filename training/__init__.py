"""Networks, data, losses and the training loop of `colorize` (needs the `train` extra)."""
