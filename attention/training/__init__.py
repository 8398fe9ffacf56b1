"""Recipe, variant, data set and seed in; weights and a record out. The queue of runs."""
