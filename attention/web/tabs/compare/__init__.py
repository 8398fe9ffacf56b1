"""Compare: a photo in, a card a model out."""
