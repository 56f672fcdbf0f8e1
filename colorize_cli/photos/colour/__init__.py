"""Colour management: pixels of an ICC profile to those of sRGB."""
