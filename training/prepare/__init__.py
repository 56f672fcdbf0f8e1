"""`colorize prepare`: photographs of any origin become checked shards and their statistics."""
