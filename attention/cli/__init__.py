"""The command line: python -m attention."""
