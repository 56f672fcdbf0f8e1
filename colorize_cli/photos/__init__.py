"""Photographs as files: bytes to pixels and metadata, and back."""
