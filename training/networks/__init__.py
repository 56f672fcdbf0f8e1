"""The networks of the families."""
