"""The sampler: schedules, the loop over the steps, counter-based noise (Ho 2020, Song 2021)."""
