"""Measure what the way from ab field to file does to a photo."""
