"""What is known of runs from their folders: their state and their curves; no PyTorch."""
