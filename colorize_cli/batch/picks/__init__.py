"""Picks: which colouring of each photograph was chosen, and a folder of those."""
