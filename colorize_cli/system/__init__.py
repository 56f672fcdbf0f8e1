"""What the machine offers: files, CPUs, a GPU, paths as text, installed packages, figures."""
