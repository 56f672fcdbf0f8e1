"""Time candidate denoisers with random weights."""
