"""What a run trains on: the processes that share its work, and how precisely they compute."""
