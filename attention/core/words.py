"""What things are called, out of attention/words/*.toml."""

import tomllib
from functools import lru_cache

from attention.core.paths import PACKAGE

FOLDER = PACKAGE / "words"


@lru_cache
def class_names(language: str) -> dict[str, dict[str, str]]:
    """{data set: {WordNet number: name}} in one language ("en" or "zh"), in label order: classes.toml."""
    tables = tomllib.loads((FOLDER / "classes.toml").read_text(encoding="utf-8"))
    return {name: {wnid: names[language] for wnid, names in table.items()} for name, table in tables.items()}
