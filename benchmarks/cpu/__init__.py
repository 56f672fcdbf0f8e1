"""The bars of the CPU, measured in one run."""
