"""Measure what a GPU gives, by precision, layout, batch and the place of x_t between steps."""
