"""The page of `colorize ui`: photographs are dropped on it, and their colourings taken from it."""
