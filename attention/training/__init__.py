"""Training: recipe, variant, data set and seed in, weights and a record out; and the queue of runs."""
