"""Commands for whoever looks at colourings and chooses."""
