"""What a model looked at, as arrays and pixels: its own weights, class activation maps, their scale and scores."""
