"""Traces: pictures of how samples come about, from noise to colours."""
