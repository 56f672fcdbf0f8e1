"""The machine and its files: writes, CPUs, GPU, paths as text, what is installed, figures."""
