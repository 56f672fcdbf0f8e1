"""Judging networks by their loss on photos that are not trained on."""
