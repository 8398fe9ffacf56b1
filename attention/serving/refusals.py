"""How the door refuses a request: a status, a word for the metrics, and a sentence in the visitor's language."""

from attention.core.words import sentences

MESSAGES = sentences("refusals")


class Refused(Exception):
    """A request that is not let through. `why` is a key of MESSAGES; `wait` the seconds after which to try again."""

    def __init__(self, status: int, why: str, wait: float = 0, **fields):
        super().__init__(why)
        self.status, self.why, self.wait, self.fields = status, why, wait, fields

    def sentence(self, language: str = "en") -> str:
        return MESSAGES[language][self.why].format(wait=self.wait, **self.fields)
