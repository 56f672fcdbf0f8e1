"""What a GPU gives, by precision, layout, batch and the place where x_t lies between the steps."""
