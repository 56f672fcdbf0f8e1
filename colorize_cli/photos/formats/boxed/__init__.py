"""Formats whose files are made of boxes: JPEG 2000, HEIF and JPEG XL."""
