"""Compare: one photo in, one card per model out."""
