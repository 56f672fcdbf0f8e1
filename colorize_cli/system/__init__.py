"""The machine and its files: atomic writes, CPUs, GPU, paths as text, installed extras, figures as JSON."""
