"""Measuring colourings: the protocol, the metrics, their intervals, and how they are shown."""
