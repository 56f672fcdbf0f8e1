"""Finds out before a run what it takes: memory, operations, time."""
