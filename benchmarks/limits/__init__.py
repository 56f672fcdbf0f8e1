"""What bounds the pieces of work that are not the network: python -m benchmarks.limits."""
