"""Learn: a walk in five steps, and a page a mechanism."""
