"""Diffusion: noise schedules, samplers and counter-based noise (Ho 2020, Song 2021)."""
