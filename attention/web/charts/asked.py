"""What a visitor asks of the charts behind the accuracy, and the words in which they answer."""

from dataclasses import dataclass

from attention.models.variants import VARIANTS
from attention.pictures import datasets
from attention.web.tables import number
from attention.web.texts import class_name, text, title

VALUES = ("difference", "accuracy")


@dataclass(frozen=True)
class Asked:
    """What a visitor wants to see: data set, models, the figure in each class's cell, and `one` model's confusions."""

    lang: str
    dataset: str
    models: tuple[str, ...]
    values: str = VALUES[0]
    one: str | None = None

    def text(self, key: str, **fields) -> str:
        return text(self.lang, key, **fields)

    def title(self, name: str) -> str:
        return title(self.lang, VARIANTS[name])

    def join(self, parts: list[str]) -> str:
        return self.text("list_and").join(parts)

    def say(self, *sentences: str) -> str:
        return ("" if self.lang == "zh" else " ").join(filter(None, sentences))

    @property
    def classes(self) -> list[str]:
        return [class_name(self.lang, name) for name in datasets.dataset(self.dataset).class_names]


def percent(share: float, form: str = ".1f") -> str:
    return number(share, form, 0.01)
