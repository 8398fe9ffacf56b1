"""Keeps track of a visitor's newest request, so that the request it replaces stops computing. No gradio here."""

from collections.abc import Iterator


class Turn:
    """The newest request of one visitor, kept in a gr.State: each visitor gets a copy, which all of its events share."""

    def __init__(self):
        self.number = 0
        self.answered = None  # the last request, once its answer is complete; None until then

    def take(self) -> None:
        self.number += 1

    def follow(self, steps: Iterator) -> Iterator:
        """Yields the steps until a newer request takes the turn."""
        number = self.number
        for step in steps:
            if number != self.number:
                return
            yield step
