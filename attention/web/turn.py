"""Whose turn it is: a visitor's newest request, so that one that it replaces stops computing. No gradio here."""

from collections.abc import Iterator


class Turn:
    """The newest request of one visitor, kept in a gr.State: each visitor gets a copy, which all of its events share."""

    def __init__(self):
        self.number = 0
        self.answered = None  # what was asked last, once its answer stands whole; None while there is none

    def take(self) -> None:
        self.number += 1

    def follow(self, steps: Iterator) -> Iterator:
        """The steps, until a newer request takes its turn."""
        number = self.number
        for step in steps:
            if number != self.number:
                return
            yield step
