"""The commands, one a file: options and a call, nothing heavier than Typer at the top."""
