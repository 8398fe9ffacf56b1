"""The questions of the tab that looks closer, asked without a browser, on the committed checkpoints."""

import json
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from attention.core.paths import ROOT
from attention.inference.compare import Models
from attention.inference.questions import Difference, Examiner, Randomised
from attention.maps import localisation
from attention.models import shuffling
from attention.models.variants import VARIANTS, empty_model
from attention.models.visible import visible
from attention.pictures.corruptions import CORRUPTIONS
from attention.pictures.datasets import DataError
from attention.pictures.reading import read_image
from attention.web.tabs.look_closer import api, box_and_mask, questions, questions_of_change, views
from attention.web.tabs.look_closer import tab as examine
from attention.web.texts import TEXTS, text

pytestmark = pytest.mark.full_width

DATASET = "imagenette"


@pytest.fixture(scope="module")
def upload():
    return read_image(ROOT / "samples" / "church.jpg")


@pytest.fixture(scope="module")
def examiner():
    return Examiner(Models(DATASET, "cpu"))


@pytest.fixture(scope="module")
def parts(lay_out):
    return lay_out(examine.Parts)


@pytest.fixture
def ask(parts, examiner, upload):
    """ask("off", "se-block", other=..., lang=..., **controls of the question) -> every step, as {name of output: value}."""

    def asked(question: str, model: str, explained: str = "", other="baseline", lang="en", **controls) -> list[dict]:
        panel = parts.questions[question]
        values = {control: control.value for control in panel.controls}
        values |= {getattr(panel, name): value for name, value in controls.items()}
        values |= {parts.question: question, parts.model: model, parts.explained: explained, parts.other: other}
        names = {component: name for name, component in vars(panel).items() if isinstance(component, gr.blocks.Block)}
        names |= {parts.says: "header", parts.explained: "explained"}
        steps = examine.answers(parts, {DATASET: examiner}, upload, DATASET, values, lang)
        return [{names.get(component, component): value for component, value in step.items()} for step in steps]

    return asked


def count(html: str, selector: str) -> int:
    return html.count(f'class="{selector}')


# where it looks


def test_self_attention_received_by_default_and_from_a_point_where_asked(ask):
    received = ask("attention", "self-attention-stage")[-1]
    assert received["point_area"]["visible"] and count(received["html"], "cell") == 0
    assert "γ = " in received["html"] and "How much attention" in received["html"]
    point = ask("attention", "self-attention-stage", look_from="point", across=73, down=10)[-1]
    assert 'class="cell" style="left:70.00%;top:10.00%' in point["html"]
    assert np.asarray(point["photo"]).tolist() != np.asarray(received["photo"]).tolist(), "the point is marked"


def test_what_is_drawn_for_a_point_is_its_row_of_the_matrix(ask, examiner, upload, monkeypatch):
    drawn = []
    monkeypatch.setattr(views, "heat", lambda lang, under, values, *_: drawn.append(values) or "")
    ask("attention", "self-attention-stage", look_from="point", across=73, down=10)
    chosen = examiner.look(upload.image, "self-attention-stage").attention[-1]
    assert np.array_equal(drawn[0], (chosen.pairs[1 * 10 + 7] * 100).reshape(10, 10))


def test_every_head_beside_their_mean(ask):
    html = ask("attention", "mhsa-block", look_from="point")[-1]["html"]
    assert count(html, "shot") == 1 + 5 and count(html, "cell") == 5  # the grid, the mean and four heads
    assert "mean of 4 heads" in html and "head 4" in html


@pytest.mark.parametrize(("grid", "across", "down", "cell"), [
    ((10, 10), 0, 99, (9, 0)), ((10, 10), 29, 30, (3, 2)), ((20, 20), 99, 5, (1, 19)), ((40, 40), 100, -1, (0, 39)),
])  # fmt: skip
def test_per_cents_find_their_cell(grid, across, down, cell):
    assert questions._cell(across, down, grid) == cell


def test_several_stages_are_a_choice_and_the_deepest_is_first(ask):
    shown = ask("attention", "bam-stage")[-1]
    keys = [key for _, key in shown["layer"]["choices"]]
    assert keys == [f"stage_attention.{i}.gate" for i in range(3)] and shown["layer"]["value"] == keys[-1]
    assert "weight, 0 to 1" in shown["html"] and "Strongest" in shown["html"]
    assert ask("attention", "bam-stage", layer=keys[0])[-1]["layer"]["value"] == keys[0]
    assert ask("attention", "cbam-block", layer=keys[0])[-1]["layer"]["value"] == "stages.3.1.attention.spatial.gate"


def test_channel_weights_are_bars_and_ask_for_no_point(ask):
    shown = ask("attention", "se-block")[-1]
    assert count(shown["html"], "channels") == 8 and not shown["point_area"]["visible"]
    assert "stage 4, block 2" in shown["html"] and "the mean of class church" in shown["html"]


def test_a_model_without_attention_says_so(ask):
    assert text("en", "attention_none") in ask("attention", "baseline")[-1]["html"]


def test_a_layer_that_is_hardly_used_is_called_so():
    used, unused = ({"a.gamma": value} for value in (0.2, -0.01))
    assert text("en", "gamma_unused") not in views.gammas("en", used, "a.attn", questions.UNUSED_BELOW)
    assert text("en", "gamma_unused") in views.gammas("en", unused, "a.attn", questions.UNUSED_BELOW)
    assert views.gammas("en", used, "b.attn", questions.UNUSED_BELOW) == ""


@pytest.mark.parametrize("name", VARIANTS)
def test_every_place_in_every_model_has_a_name(name):
    paths = list(visible(empty_model(name)))
    words = [views.place("en", path) for path in paths]
    assert all(words) and (VARIANTS[name].placement != "head" or set(words) == {"head"})


# maps that must not be drawn


@pytest.mark.parametrize(("values", "why"), [
    (np.full((4, 4), np.nan), "words_not_finite"), (np.array([[0.0, np.inf]]), "words_not_finite"),
    (np.zeros((4, 4)), "nothing to draw|no difference"),
])  # fmt: skip
def test_a_map_that_says_nothing_gets_a_sentence(values, why):
    under = views.Ground("data:,", (40, 30))
    for html in (views.activation("en", under, values, "caption", "Baseline"),
                 views.difference("en", under, values, 1.0, "caption", "")):  # fmt: skip
        assert "<img" not in html and any(part in html for part in TEXTS["en"].get(why, why).split("|"))


def test_a_constant_gate_says_its_value():
    assert "(0.50)" in views.problem_of("en", np.full((4, 4), 0.5), "attention")


# why this class


def test_any_class_can_be_explained(ask, examiner, upload):
    shown = ask("activation", "baseline", explained="gas pump")
    assert "Explained here: gas pump" in shown[0]["header"]
    assert shown[0]["explained"]["value"] == "gas pump" and len(shown[0]["explained"]["choices"]) == 11
    assert count(shown[-1]["html"], "map") == 4
    photo, drawn = shown[-1]["slider"]
    assert photo.size == drawn.size and photo.tobytes() != drawn.tobytes()


@pytest.mark.parametrize(("model", "explained", "why"), [
    ("baseline", "unicorn", "no class 'unicorn'"), ("nobody", "", "no model 'nobody'"), ("se-head", "", "no checkpoint"),
])  # fmt: skip
def test_what_cannot_be_answered_gets_a_sentence_and_clears_the_last_answer(ask, model, explained, why):
    (only,) = ask("activation", model, explained)
    assert why in only["header"].replace("&#39;", "'") and only["html"] == ""


# against another model


def test_the_difference_stands_beside_that_of_two_seeds(ask):
    steps = ask("difference", "self-attention-stage")
    assert count(steps[1]["html"], "shot waiting") == 4 and count(steps[-1]["html"], "shot waiting") == 0
    assert count(steps[-1]["html"], "shot signed") == 2 and "two trainings of the baseline" in steps[-1]["html"]


def test_without_a_second_seed_that_is_said(ask, examiner, monkeypatch):
    values = np.array([[0.3, -0.3]])
    monkeypatch.setattr(examiner, "difference", lambda *_: Difference(values, None))
    html = ask("difference", "se-block")[-1]["html"]
    assert count(html, "shot signed") == 1 and "Root mean square: 0.30. This data set has no second" in html


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_what_is_larger_is_said(ask, examiner, monkeypatch, size):
    values = np.array([[0.3, -0.3]])
    monkeypatch.setattr(examiner, "difference", lambda *_: Difference(values, size * values))
    assert ("differ more" in ask("difference", "se-block")[-1]["html"]) == (size < 1)


def test_a_model_is_not_held_against_itself(ask):
    assert text("en", "difference_same") in ask("difference", "baseline")[-1]["html"]


# attention off, weights at random


def test_attention_off_says_what_changed(ask, examiner, upload):
    html = ask("off", "self-attention-stage")[-1]["html"]
    before, after = examiner.attention_off(upload.image, "self-attention-stage")
    chosen = before.class_index
    assert f"church {before.probabilities[chosen]:.1%} → {after.probabilities[chosen]:.1%}." in html
    assert html.count('<ol class="top5">') == 2


def test_a_changed_first_choice_is_named(examiner, upload):
    look = examiner.look(upload.image, "baseline")
    swapped = replace(look, probabilities=np.eye(10)[0])
    assert questions_of_change._choice_kept("en", look, swapped) == "The first choice changes from church to tench."


def test_the_baseline_has_nothing_to_switch_off(ask):
    assert text("en", "off_none") in ask("off", "baseline")[-1]["html"]


@pytest.mark.parametrize("name", ["self-attention-stage", "qk-spatial-input"])
def test_each_part_has_its_place_before_it_is_shuffled(ask, examiner, name, monkeypatch):
    parts = ["", *shuffling.parts(examiner._model(name))]
    monkeypatch.setattr(examiner, "randomised", lambda *_: (Randomised(p, np.eye(4), -0.2, 0.5) for p in parts))
    steps = ask("random", name)
    waiting = [count(step["html"], "shot waiting") for step in steps[1:]]
    assert waiting == [*range(len(parts), -1, -1), 0], "nothing is added and nothing is left"
    assert "ρ = −0.20" in steps[-1]["html"]


# deletion and insertion, damage


def test_curves_of_each_map_beside_a_random_one(ask):
    steps = ask("deletion", "attention-pool-head")
    plots = [value for value in steps[-1].values() if hasattr(value, "data")]
    assert [[line.name.rsplit(" ", 1)[0] for line in plot.data] for plot in plots] == [
        ["class activation", "attention", "random map"]
    ] * 2
    assert all(len(line.y) == 17 for plot in plots for line in plot.data)
    assert steps[-1]["says"].count("for a random map") == 2


def test_equal_areas_are_not_called_better():
    low, same, high = (SimpleNamespace(deletion_area=a, insertion_area=1 - a) for a in (0.2, 0.301, 0.3))
    said = [questions_of_change._against_chance("en", {"activation": c, "random": high}) for c in (low, same)]
    assert "in both" in said[0] and "no better" in said[1]


def test_damage_at_every_strength_for_the_model_the_baseline_and_another(ask):
    steps = ask("damage", "self-attention-stage", other="se-block", kind="blur")
    assert [count(step["html"], "shot waiting") for step in steps[1:]] == [6, 5, 4, 3, 2, 1, 0, 0]
    lines = steps[-1]["plot"].data
    assert [line.name.split(",")[0] for line in lines] == ["Self-attention", "Baseline", "Squeeze-and-Excitation"]
    assert all(len(line.y) == 6 and 0 <= min(line.y) <= max(line.y) <= 100 for line in lines)


@pytest.mark.parametrize(("firsts", "says"), [
    (["a"] * 6, "at every strength"), (["a", "b", "a", "a", "a", "a"], "already changes"), (["a", "a", "a", "c", "c", "c"], "up to strength 2"),
])  # fmt: skip
def test_when_the_first_choice_goes_is_said(firsts, says):
    asked = SimpleNamespace(lang="en", title=lambda: "Baseline")
    assert says in questions_of_change._holds(asked, firsts)


# the box and the mask


def test_no_box_without_a_measured_threshold(ask, monkeypatch):
    monkeypatch.setattr(box_and_mask, "scores_of", lambda *_: {})
    html = ask("box", "baseline")[-1]["html"]
    assert "has not been measured yet" in html and "<img" not in html


def test_the_box_stands_beside_its_measured_score(ask, examiner, upload, monkeypatch):
    rows = {score: {"value": 0.48, "images": 367, "threshold": 0.3} for score in ("box_overlap", "mask_overlap")}
    monkeypatch.setattr(box_and_mask, "scores_of", lambda dataset, *_: rows)
    html = ask("box", "self-attention-stage", map="attention")[-1]["html"]
    values = examiner.look(upload.image, "self-attention-stage").attention[-1].values
    left, top, *_ = localisation.implied(values, 0.3, 360, 480).box
    assert f"left:{100 * left:.2f}%;top:{100 * top:.2f}%" in html and count(html, "map") == 1
    assert "367 boxed test photographs" in html and "0.48" in html
    assert text("en", "box_out_of_domain") in html and "detector" not in html


def test_a_model_without_a_map_of_its_own_gets_its_activation(ask):
    assert "class activation is drawn" in ask("box", "se-block", map="attention")[-1]["html"]


# turns, choices, the interface for scripts


def test_an_answer_stops_when_another_question_is_asked():
    turn = examine.Turn()
    steps = turn.follow(iter(range(10)))
    assert next(steps) == 0
    turn.take()
    assert list(steps) == [] and list(turn.follow(iter("ab"))) == ["a", "b"]


def test_the_examiner_is_made_anew_with_its_models(examiner):
    sets = {DATASET: examiner.models}
    examiners = examine.Examiners(sets)
    first = examiners[DATASET]
    assert examiners[DATASET] is first
    sets[DATASET] = Models(DATASET, "cpu")
    assert examiners[DATASET] is not first


def test_what_was_chosen_stays_where_it_can():
    choice = examine.model_choices
    assert choice("en", ["baseline", "se-block"], "se-block", "baseline")["value"] == "se-block"
    assert choice("en", ["baseline", "se-block"], "cbam-block", "baseline")["value"] == "baseline"
    assert choice("en", ["se-block"], None, "baseline")["value"] == "se-block"
    assert choice("en", [], None, "baseline")["value"] is None


def test_a_data_set_that_cannot_be_loaded_gets_a_sentence(parts, upload):
    class Gone:
        def __getitem__(self, name):
            raise DataError("There is no data set.")

    values = {parts.question: "activation", parts.model: "baseline", parts.explained: "", parts.other: None}
    (only,) = examine.answers(parts, Gone(), upload, "gone", values, "en")
    assert "There is no data set." in only[parts.says]


def test_a_look_as_json_is_json_even_where_a_map_is_not_finite(examiner, upload):
    look = examiner.look(upload.image, "mhsa-block")
    broken = replace(look, activations={4: np.array([[np.nan, 1.0]])})
    found = json.loads(json.dumps(api.look_as_json(broken), allow_nan=False))
    assert found["activations"] == {"4": [[None, 1.0]]} and found["class"] == "church"
    assert len(found["attention"][0]["heads"]) == 4 and found["probabilities"]["church"] > 0.5


def test_everything_that_can_be_chosen_has_words():
    needed = [f"question_{question.name}" for question in examine.QUESTIONS]
    needed += [f"damage_{kind}" for kind in CORRUPTIONS] + list(views.UNITS.values())
    assert set(needed) <= set(TEXTS["en"])
