"""Colour and geometry of pixels: it knows no file, no photograph and no network."""
