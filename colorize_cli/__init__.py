"""Turn folders of black-and-white photographs into colour with a diffusion model."""

__version__ = "0.1.0"
