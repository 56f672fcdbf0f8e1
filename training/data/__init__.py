"""Photographs to batches: files, random crops in memory, then all else on the device."""
