"""The Learn tab without a browser, on the committed checkpoints: every mechanism has a page, and answers fit the figures."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pandas as pd
import pytest
from torch import nn

from attention.core.paths import ROOT
from attention.inference.compare import Models
from attention.models.mechanisms import MECHANISMS, Mechanism
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import DataError
from attention.pictures.reading import read_image
from attention.study import lookup
from attention.web.tabs.learn import mechanism as learn_mechanism
from attention.web.tabs.learn import network, questions, steps, views
from attention.web.tabs.learn import tab as learn
from attention.web.texts import SUMMARIES_ZH, TEXTS, text

pytestmark = pytest.mark.full_width

DATASET = "imagenette"
WITH_ATTENTION = [name for name, variant in VARIANTS.items() if not variant.is_control]


@pytest.fixture(scope="module")
def models():
    return Models(DATASET, "cpu")


@pytest.fixture(scope="module")
def upload():
    return read_image(ROOT / "samples" / "church.jpg")


@pytest.fixture(params=["en", "zh"])
def case(request, models, upload):
    return views.case(request.param, upload, models)


@pytest.fixture(scope="module")
def english(models, upload):
    return views.case("en", upload, models)


@pytest.fixture(scope="module")
def parts(lay_out):
    return lay_out(learn.Parts)


def pictures(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg xmlns.*?</svg>", html, re.DOTALL)]


# the photo


def test_a_sample_stands_in_for_a_missing_photo_and_the_page_says_so(models, upload):
    without = views.case("en", None, models)
    assert "a sample (" in views.lead("en", without)
    assert "a sample" not in views.lead("en", views.case("en", upload, models))
    assert "样例" in views.lead("zh", views.case("zh", None, models))


# the guess


def test_every_model_that_weighs_positions_can_be_guessed(case):
    names = views.guessable(case.names)
    assert "attention-pool-head" in names and REFERENCE not in names and "se-block" not in names
    for name in names:
        html = views.reveal(case, name, 0.5, 0.5)
        assert 'class="map"' in html and 'class="guess" style="left:50.0%;top:50.0%"' in html


def test_the_reveal_says_where_the_point_lies(english):
    worst = views.reveal(english, "attention-pool-head", 0.0, 0.0)
    best = views.reveal(english, "attention-pool-head", 0.55, 0.55)
    share = lambda html: float(re.search(r"among the ([\d.]+) %", html)[1])  # noqa: E731
    assert share(best) < 10 < share(worst) <= 100
    assert "no position" in views.reveal(english, "se-block", 0.5, 0.5)


# what attention is


def test_the_ideas_hold_formulas_and_numbers_of_this_photo(case):
    for name in views.IDEAS:
        assert views.idea(case.lang, name).count("$$") == 2
        assert re.search(r"\d", views.idea_here(case, name))


def test_ideas_without_their_models_stay_silent(models, upload):
    bare = SimpleNamespace(names=[REFERENCE], problems={}, dataset=models.dataset, device=models.device)
    case = views.case("en", upload, bare)
    assert [views.idea_here(case, name) for name in views.IDEAS] == [""] * 3


# each mechanism


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_has_a_page_in_both_languages(mechanism, case):
    page, info = learn_mechanism.open_page(case, mechanism, None), MECHANISMS[mechanism]
    head = learn_mechanism.head_html(page)
    assert (f'href="{info.paper}"' in head) == info.paper.startswith("https://")
    assert "section" in head or "第" in head or info.paper.startswith("https://")
    assert (info.summary if case.lang == "en" else SUMMARIES_ZH[mechanism]) in head.replace("&#x27;", "'")
    diagram, *_ = pictures(learn_mechanism.diagram_html(page))
    words = " ".join("".join(element.itertext()) for element in diagram)
    for step in page.anatomy.steps:
        assert learn_mechanism.shape_text(step.shape) in words
    numbers = learn_mechanism.numbers_html(page)
    assert len(pictures(numbers)) >= sum(w.values.size > 1 for w in page.anatomy.places[-1].weights)
    assert numbers.count('<th scope="row">') == len(page.anatomy.places) + len(page.anatomy.places[-1].weights)
    assert learn_mechanism.weighed_html(page)


@pytest.mark.parametrize("name", WITH_ATTENTION)
def test_every_variant_has_a_page_that_says_whether_it_is_trained(name, english):
    page = learn_mechanism.open_page(english, VARIANTS[name].mechanism, name)
    assert page.variant == name and page.is_trained == (name in english.names)
    head = learn_mechanism.head_html(page)
    assert (text("en", "learn_untrained")[:40] in head) != page.is_trained
    row = lookup.summary(DATASET).set_index("variant")["difference_points"].get(name)
    said = f"{row:+.2f}".replace("-", "−") if row is not None else "no finished run"
    assert said in head


def test_a_page_opens_on_a_trained_variant_where_there_is_one(english):
    assert learn_mechanism.open_page(english, "self-attention", None).variant == "self-attention-stage"
    assert learn_mechanism.open_page(english, "self-attention", "se-block").variant == "self-attention-stage"


class Doubling(nn.Module):
    """Doubles what comes in.

    Nothing more.
    """

    formula = r"Y = 2\,\sigma(X) \odot X"

    def __init__(self, channels: int):
        super().__init__()
        self.gate = nn.Sigmoid()

    def forward(self, x):
        return 2 * self.gate(x) * x


def test_a_new_mechanism_has_its_page_by_itself(monkeypatch, english, parts):
    monkeypatch.setitem(
        MECHANISMS, "doubling", Mechanism(Doubling, "combined", "Doubling", "https://example.org/paper")
    )
    values = {component: component.value for component in parts.chosen()}
    values |= {parts.mechanism: "doubling", parts.variant: None}
    shown = steps.mechanisms_step(parts, english, values)
    assert "Doubles what comes in." in shown[parts.head] and text("en", "learn_alone") in shown[parts.head]
    assert Doubling.formula in shown[parts.formula] and "<code>class Doubling(nn.Module):" in shown[parts.code]
    titles = [
        "".join(e.itertext()) for svg in pictures(shown[parts.diagram]) for e in svg if "step" in e.get("class", "")
    ]
    assert titles == ["X192 × 10 × 10", "Sigmoidgate · 192 × 10 × 10", "× 2192 × 10 × 10", "Multiply192 × 10 × 10",
                      "Output192 × 10 × 10"]  # fmt: skip
    assert shown[parts.compare]["visible"] is False


def test_every_mechanism_has_its_chinese_summary():
    assert SUMMARIES_ZH.keys() == MECHANISMS.keys()


# where it sits


def test_every_slot_says_what_passes_and_who_sits_there(case):
    for station in network.slots():
        html = network.slot_html(case, station.path)
        assert learn_mechanism.shape_text(station.shape) in html
        assert html.count("<li>") == len(network.occupants()[station.path]) > 0
    (diagram,) = pictures(network.diagram(case.lang, "input"))
    slots = [g.get("data-slot") for g in diagram.iter() if g.get("data-slot")]
    assert slots == [value for _, value in network.choices(case.lang)]
    assert len({label for label, _ in network.choices(case.lang)}) == len(slots)


def test_the_models_of_a_placement_come_after_the_baseline(english):
    assert network.models_of(english, "head") == ["baseline", "attention-pool-head", "multi-head-pool-head"]
    assert network.models_of(english, "everywhere") == []


# the questions


def asked(monkeypatch, **columns) -> list[questions.Question]:
    table = pd.DataFrame({"variant": ["baseline", "se-block", "cbam-block"], "seeds": 3} | columns)
    monkeypatch.setattr(lookup, "summary", lambda *_: table)
    return questions.questions("en", DATASET, "cpu")


JUDGED = {
    "difference_points": [None, 1.2, -0.5], "difference_low_points": [None, 0.4, -1.0],
    "difference_high_points": [None, 2.0, 0.1],
}  # fmt: skip


def test_the_slower_model_is_the_right_answer_and_multiply_adds_are_told_where_they_mislead(monkeypatch):
    latency, *_ = asked(monkeypatch, p50_ms=[5.0, 6.0, 9.0], multiply_adds=[100, 101, 102])
    assert latency.answers[latency.right].startswith("CBAM") and latency.variant == "cbam-block"
    assert "+80 % time for +2 % multiply-adds" in latency.because
    latency, *_ = asked(monkeypatch, p50_ms=[5.0, 6.0, 9.0], multiply_adds=[100, 101, 300])
    assert "multiply-adds" not in latency.because
    assert "Right." in latency.reply("en", 1) and "Not quite." in latency.reply("en", 0)


@pytest.mark.parametrize(
    ("verdicts", "variant", "right"),
    [
        ([None, "gain", "undecided"], "cbam-block", 1),  # the one that is not shown is asked
        ([None, "gain", "not judged yet"], "se-block", 0),
        ([None, "not judged yet", "undecided"], "cbam-block", 1),
    ],
)
def test_what_is_shown_follows_the_verdict(monkeypatch, verdicts, variant, right):
    question = asked(monkeypatch, verdict=verdicts, **JUDGED)[-1]
    assert (question.variant, question.right) == (variant, right)


def test_a_question_without_figures_is_not_asked(monkeypatch):
    assert [q.right for q in asked(monkeypatch)] == [1], "what a weight proves needs no figure"
    monkeypatch.setattr(lookup, "summary", lambda *_: pd.DataFrame())
    assert len(questions.questions("zh", DATASET, "cpu")) == 1


@pytest.mark.parametrize("lang", TEXTS)
def test_the_committed_figures_give_three_questions_whose_answers_differ(lang):
    found = questions.questions(lang, DATASET, "cpu")
    assert len(found) == learn.QUESTIONS
    assert all(len(set(q.answers)) == len(q.answers) > q.right for q in found)


# the tab


@pytest.mark.parametrize("step", range(len(views.STEPS)))
def test_every_step_fills_only_its_own_components(parts, models, upload, step):
    values = {component: component.value for component in parts.chosen()} | {parts.step: step}
    shown = steps.show_step(parts, {DATASET: models}, upload, DATASET, values, "zh")
    assert set(shown) <= set(parts.outputs()) and len(shown) > 8
    assert "五步" in shown[parts.lead]


def test_what_was_answered_stays_answered(parts, english):
    shown = steps.check_step(parts, english, {parts.answers[1]: "1", parts.answers[2]: "9"})
    assert "Right." in shown[parts.replies[1]] and shown[parts.answers[1]]["value"] == "1"
    assert shown[parts.replies[2]] == "" and shown[parts.answers[2]]["value"] is None


def test_a_data_set_that_cannot_be_loaded_gets_a_sentence(parts, upload):
    class Sets:
        def __getitem__(self, name):
            raise DataError("There is no data set here.")

    shown = steps.show_step(parts, Sets(), upload, DATASET, {parts.step: 0}, "en")
    assert shown == {parts.lead: '<p class="notice" role="status">This cannot be shown: There is no data set here.</p>'}


def test_the_ids_of_other_tabs_that_the_buttons_need_are_named_where_one_is_missing(monkeypatch):
    monkeypatch.setattr(learn.Context, "root_block", SimpleNamespace(blocks={}))
    with pytest.raises(LookupError, match="'examine-model'"):
        learn.component("examine-model")
