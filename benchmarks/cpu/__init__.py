"""Hold the CPU against its bars: python -m benchmarks.cpu."""
