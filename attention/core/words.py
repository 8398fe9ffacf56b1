"""The page's sentences and names, read from attention/words/*.toml: English and Chinese under one key."""

import tomllib
from functools import lru_cache

from attention.core.paths import PACKAGE

FOLDER = PACKAGE / "words"
LANGUAGES = ("en", "zh")


@lru_cache
def sentences(subject: str) -> dict[str, dict[str, str]]:
    """{language: {key: sentence}} of one file, in its order; a sentence may hold {fields} for `str.format`."""
    table = _read(subject)
    return {language: {key: words[language] for key, words in table.items()} for language in LANGUAGES}


@lru_cache
def class_names(language: str) -> dict[str, dict[str, str]]:
    """{data set: {WordNet number: name}} in one language, in label order: classes.toml."""
    tables = _read("classes")
    return {name: {wnid: names[language] for wnid, names in table.items()} for name, table in tables.items()}


@lru_cache
def chinese_names() -> dict[str, dict[str, str]]:
    """Chinese names, by kind, of things that the code names in English: names.toml."""
    return _read("names")


def _read(subject: str) -> dict:
    return tomllib.loads((FOLDER / f"{subject}.toml").read_text(encoding="utf-8"))
