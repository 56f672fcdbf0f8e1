"""Looks at the graphs of bundles, which may be a stranger's, before any runtime opens them."""
