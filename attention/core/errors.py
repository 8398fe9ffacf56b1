"""The base of errors whose message is a sentence for people: the command line prints it and ends with exit code 2."""


class BadInput(Exception):
    """What was asked for cannot be done as given; the message says why, and what to do."""
