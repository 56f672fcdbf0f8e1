"""What is seen of a run while it goes on: samples, figures of them, and what is wrong."""
