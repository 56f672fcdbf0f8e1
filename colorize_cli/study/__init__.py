"""A two-alternative forced choice: photographs beside colourings of their grey, shown to people."""
