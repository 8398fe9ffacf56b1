"""English and Chinese say the same things, and everything that is shown has words in both."""

import string

import pytest

from attention.datasets import DATASETS
from attention.ui import cards
from attention.ui.texts import CLASS_NAMES_ZH, TEXTS, TITLES_ZH, language_of, text
from attention.variants import PLACEMENTS, VARIANTS


def fields(sentence: str) -> set[str]:
    return {name.split("!")[0] for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_the_two_languages_have_the_same_keys_and_fields():
    assert set(TEXTS["en"]) == set(TEXTS["zh"])
    for key, english in TEXTS["en"].items():
        assert fields(english) == fields(TEXTS["zh"][key]), key


def test_every_title_class_and_placement_has_a_chinese_name():
    assert {v.title for v in VARIANTS.values()} <= set(TITLES_ZH)
    assert set(DATASETS["imagenette"].class_names) <= set(CLASS_NAMES_ZH)
    assert all(f"placement_{name}" in TEXTS["en"] for name in PLACEMENTS)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en", "en"),
        ("fr,de", "en"),
        ("fr,zh;q=0.5", "zh"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_language_of_the_browser(header, language):
    assert language_of(header) == language


class Answer:
    def __init__(self, name, prediction):
        self.name, self.prediction = name, prediction


def test_the_summary_says_who_differs():
    one, two, three = Answer("baseline", "church"), Answer("se-block", "gas pump"), Answer("cbam-block", "church")
    assert cards.summary("en", [one]) == "Baseline says church."
    assert cards.summary("en", [one, three]) == "All 2 models say church."
    assert (
        cards.summary("en", [one, two, three])
        == "The models differ: Baseline, CBAM say church; Squeeze-and-Excitation says gas pump."
    )
    assert "认为是教堂" in cards.summary("zh", [one, two])


def test_what_a_problem_says_is_escaped():
    assert "<script>" not in cards.failed("en", "baseline", "<script>")
    assert "&lt;script&gt;" in cards.notice("<script>")


def test_a_missing_field_is_an_error_not_a_blank():
    with pytest.raises(KeyError):
        text("en", "agree", count=2)
