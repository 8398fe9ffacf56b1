"""What a model looked at, as arrays and pixels: attention weights, class activation maps, their scales and scores."""
