"""Train on a GPU that is lent for 15 minutes and reached by calls that copy at most 64 MiB."""
