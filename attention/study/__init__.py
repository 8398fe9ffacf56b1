"""What the runs say: tables, statistics of the comparison, latency, scores of maps."""
