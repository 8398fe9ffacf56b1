"""Mechanisms, the network with its slots, the table of variants, verified checkpoints."""
