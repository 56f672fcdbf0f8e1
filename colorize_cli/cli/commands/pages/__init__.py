"""Commands that serve or make pages for a browser."""
