"""Benchmarks: accuracy and cost of every placement."""
