"""English and Chinese say the same things, and everything that is shown has words in both."""

import re
import string
import tomllib
from dataclasses import replace

import pytest

from attention.core.words import FOLDER, class_names, sentences
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import PLACEMENTS, VARIANTS, WHERE, Variant, all_models, variant
from attention.pictures.datasets import DATASETS
from attention.study import comparison
from attention.web import board
from attention.web.render import notice
from attention.web.table import COLUMNS
from attention.web.texts import KINDS_ZH, SUBJECTS, TEXTS, WHERE_ZH, class_name, language_of, text, title


def fields(sentence: str) -> set[str]:
    return {name.split("!")[0] for _, name, _, _ in string.Formatter().parse(sentence) if name}


FILES = sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem not in ("classes", "names"))


@pytest.mark.parametrize("subject", FILES)
def test_both_languages_have_each_sentence_with_the_same_fields(subject):
    """Half-width marks beside a Chinese character are of another script."""
    wrong = re.compile(r"[\u4e00-\u9fff][,;!?]|[,;!?][\u4e00-\u9fff]")
    table = tomllib.loads((FOLDER / f"{subject}.toml").read_text(encoding="utf-8"))
    for key, said in table.items():
        assert list(said) == ["en", "zh"] and all(said.values()), key
        assert fields(said["en"]) == fields(said["zh"]), key
        assert not wrong.search(said["zh"]), key


def test_no_key_of_the_page_stands_in_two_files():
    assert set(FILES) == {*SUBJECTS, "uploads", "notices", "refusals"}
    keys = [key for subject in SUBJECTS for key in sentences(subject)["en"]]
    assert len(keys) == len(set(keys)) == len(TEXTS["en"])


@pytest.mark.full_width
@pytest.mark.parametrize("language", TEXTS)
def test_no_two_variants_have_one_title(language):
    titles = [title(language, variant) for variant in all_models().values()]
    assert len(set(titles)) == len(all_models())
    assert max(map(len, titles)) <= 50, "a title is short"


@pytest.mark.full_width
@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("baseline", "Baseline", "基线"),
        ("eca-block", "Efficient Channel Attention", "ECA 高效通道注意力"),
        ("se-pre-block", "Squeeze-and-Excitation, before the branch", "SE 压缩与激励（分支之前）"),
        ("self-attention-stage2", "Self-attention, after stage 2", "自注意力（第 2 阶段之后）"),
        ("cbam-everywhere", "CBAM, everywhere", "CBAM（全部位置）"),
        ("baseline-seed1", "Baseline, seed 1", "基线（种子 1）"),
    ],
)
def test_a_title_says_where_only_if_the_mechanism_sits_elsewhere_too(name, english, chinese):
    assert (title("en", variant(name)), title("zh", variant(name))) == (english, chinese)


def test_a_block_of_some_stages_is_told_from_one_of_all():
    late = Variant("se-block-late", "se", "block", stages=(3, 4))
    assert late.title == "Squeeze-and-Excitation, in every block, stage 3, 4"
    assert title("zh", late) == "SE 压缩与激励（每个残差块，第 3, 4 阶段）"


def test_every_title_class_and_placement_has_a_chinese_name():
    assert {v.kind for v in VARIANTS.values()} <= set(KINDS_ZH)
    assert {key: fields(words) for key, words in WHERE.items()} == {k: fields(words) for k, words in WHERE_ZH.items()}
    for name, info in DATASETS.items():
        assert {w: class_name("zh", english) for w, english in info.classes.items()} == class_names("zh")[name]
    assert all(f"placement_{name}" in TEXTS["en"] for name in PLACEMENTS)
    assert all(f"family_{mechanism.family}" in TEXTS["en"] for mechanism in MECHANISMS.values())


def test_every_verdict_and_column_has_words():
    sure, none = comparison.Difference(3, 0.02, 0.001, 9, 0.0), comparison.Difference(3, 0.0, 0.001, 9, 1.0)
    unsure = comparison.Difference(3, 0.01, 0.01, 9, 0.3)
    given = {comparison.verdict(sure, 0.0), comparison.verdict(none, 1.0), comparison.verdict(unsure, 1.0)}
    given |= {comparison.verdict(replace(sure, value=-0.02), 0.0), comparison.verdict(sure, None), "reference"}
    assert len(given) == 6 and all(f"verdict_{name}" in TEXTS["en"] for name in given)
    assert all(f"col_{column}" in TEXTS["en"] for column in COLUMNS)


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


@pytest.mark.full_width
def test_the_summary_says_who_differs():
    one, two, three = Answer("baseline", "church"), Answer("se-block", "gas pump"), Answer("cbam-block", "church")
    assert board.summary("en", [one]) == "Baseline says church."
    assert board.summary("en", [one, three]) == "All 2 models say church."
    assert (
        board.summary("en", [one, two, three])
        == "The models differ: church (Baseline; CBAM, in every block), gas pump (Squeeze-and-Excitation, in every block)."
    )
    assert "基线 认为是教堂；" in board.summary("zh", [one, two])


def test_the_summary_counts_many_and_names_few():
    answers = [Answer(name, "church") for name in list(VARIANTS)[:11]] + [Answer("se-head", "gas pump")]
    says = board.summary("en", answers)
    assert says == "The models differ: church (11 models), gas pump (Squeeze-and-Excitation, in the head)."
    assert "11 个模型 认为是教堂" in board.summary("zh", answers)


def test_what_a_problem_says_is_escaped():
    assert "&lt;script&gt;" in notice("<script>")


def test_a_missing_field_is_an_error_not_a_blank():
    with pytest.raises(KeyError):
        text("en", "agree", count=2)
