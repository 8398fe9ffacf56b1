"""One picture from outside, read safely; the one preprocessing; data sets and samples."""
