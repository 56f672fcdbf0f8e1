"""Colour and geometry of pixels: Lab, gamut, the working frame, rendering; it knows no file and no network."""
