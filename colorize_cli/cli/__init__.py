"""The command line: commands, what the terminal shows, interruption."""
