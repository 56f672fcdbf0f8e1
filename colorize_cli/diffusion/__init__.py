"""The sampler: noise schedules, the loop over the steps, counter-based noise (Ho et al. 2020; Song et al. 2021)."""
