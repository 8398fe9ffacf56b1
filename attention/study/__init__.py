"""Evaluates the runs: tables, statistics of the comparison, latency, scores of maps."""
