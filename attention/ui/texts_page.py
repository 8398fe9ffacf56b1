"""Sentences of what stands round the tabs: the header, links and presentations."""

TEXTS = {
    "en": {
        "switch_language": "简体中文",
    },
    "zh": {
        "switch_language": "English",
    },
}
