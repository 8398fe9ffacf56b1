"""What the page says, in English and Simplified Chinese: sentences by key, and the names of models, data sets and classes."""

from functools import lru_cache

from attention.core.words import FOLDER, LANGUAGES, chinese_names, class_names, sentences
from attention.models.variants import Variant

SUBJECTS = ("page", "busy", "compare", "look_closer", "many", "learn", "benchmarks", "published", "report")
TEXTS = {
    language: {key: said for subject in SUBJECTS for key, said in sentences(subject)[language].items()}
    for language in LANGUAGES
}
KINDS_ZH, WHERE_ZH, SUMMARIES_ZH = (chinese_names()[of] for of in ("kinds", "where", "summaries"))


def text(language: str, key: str, **fields) -> str:
    """One sentence, with its fields filled in."""
    return TEXTS[language][key].format(**fields)


def class_name(language: str, name: str) -> str:
    return name if language != "zh" else _chinese_names().get(name) or imagenet_names().get(name, name)


def dataset_title(lang: str, english: str) -> str:
    """A data set's title: the name of a published set stays as it is, an everyday word is translated."""
    return chinese_names()["datasets"].get(english, english) if lang == "zh" else english


@lru_cache
def _chinese_names() -> dict[str, str]:
    """Chinese names of the study's classes, by their English names, which mean the same in every data set."""
    english, chinese = class_names("en"), class_names("zh")
    return {english[data][wnid]: name for data, names in chinese.items() for wnid, name in names.items()}


@lru_cache
def imagenet_names() -> dict[str, str]:
    """Chinese names of ImageNet's other classes, by the English ones; translated for this page."""
    lines = (FOLDER / "imagenet_zh.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def kind(language: str, english: str) -> str:
    """What a variant or mechanism is, from its English title; one without a Chinese name keeps its English one."""
    return KINDS_ZH.get(english, english) if language == "zh" else english


def place(language: str, variant: Variant) -> str:
    """Where a variant sits in the network; "" for a control and for a mechanism with only this variant."""
    return variant.place(WHERE_ZH) if language == "zh" else variant.place()


@lru_cache
def title(language: str, variant: Variant) -> str:
    """A variant's name, which no other variant has. Made once, because it takes a search of the table of variants."""
    if language != "zh":
        return variant.title
    name, where = kind(language, variant.kind), place(language, variant)
    return f"{name}（{where}）" if where else name


def language_of(accept_language: str | None) -> str:
    """The page's language from a browser's Accept-Language header: the first of en and zh that it names, else English."""
    for part in (accept_language or "").lower().split(","):
        code = part.strip().split(";")[0].split("-")[0]
        if code in TEXTS:
            return code
    return "en"
