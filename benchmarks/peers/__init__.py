"""Networks that a user might run instead, written from descriptions, with random weights."""
