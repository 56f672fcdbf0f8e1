"""colorize bench: what is fastest on this machine, and what it costs."""
