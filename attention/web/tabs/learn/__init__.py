"""Learn: a walk in five steps, and one page per mechanism."""
