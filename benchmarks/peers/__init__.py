"""What a user might run instead, written here from descriptions, with random weights."""
