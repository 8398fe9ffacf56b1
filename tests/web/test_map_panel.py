"""The scores of maps on the Benchmarks tab: every number on it is one of heatmaps.csv or heatmap_differences.csv."""

import re

import numpy as np
import pandas as pd
import pytest

from attention.study import map_scores
from attention.study.map_scores import BOXES, CONTROLS, FAITHFULNESS, MASKS, Scored
from attention.web.tabs.benchmarks import maps as map_panel
from attention.web.texts import TEXTS, text

SCORES = [score for scores in map_panel.QUESTIONS.values() for score in scores]
LEVELS = {"centre": 0.6, "random": 0.4, "edges": 0.5, "activation": 0.5, "attention": 0.7}


def made(maps, scores, random, **levels):
    """Scores around a level a map, alike from image to image, so that differences are told apart."""
    noise = random.normal(0, 0.05, 60)
    levels = LEVELS | levels
    return [
        Scored(
            m, s, np.clip(levels[m] + noise + random.normal(0, 0.02, 60), 0, 1), threshold=0.25 if s in BOXES else None
        )
        for m in maps
        for s in scores
    ]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Both files, with two models of Imagenette: a baseline, and CBAM whose attention map finds what its others do not."""
    monkeypatch.setattr(map_scores, "RESULT_FILE", tmp_path / "heatmaps.csv")
    monkeypatch.setattr(map_scores, "DIFFERENCE_FILE", tmp_path / "heatmap_differences.csv")
    random = np.random.default_rng(0)
    map_scores.write(made(CONTROLS, (*BOXES, *MASKS), random), "", "", weights_sha256="", steps=0)
    for name, maps in (("baseline", ("activation",)), ("cbam-block", ("attention", "activation"))):
        scored = made(maps, (*BOXES, *MASKS), random) + made((*maps, *CONTROLS), FAITHFULNESS, random)
        map_scores.write(scored, "imagenette", name, weights_sha256="made up", steps=16)
    return tmp_path


def numbers(words: str) -> set[str]:
    return set(re.findall(r"\d\.\d{3}", words))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("lang", TEXTS)
def test_every_number_stands_in_the_files(files, lang, score):
    table, differences = map_scores.read(), map_scores.read_differences()
    table, differences = table[table["score"] == score], differences[differences["score"] == score]
    known = {f"{abs(value):.3f}" for value in table[["value", "low", "high"]].to_numpy().ravel()}
    of_differences = {f"{abs(value):.3f}" for value in differences[["difference", "low", "high"]].to_numpy().ravel()}
    figure = map_panel.chart(lang, "imagenette", score)
    dots, labels = figure.data[::2], figure.data[1::2]
    assert len(dots) == len(table)
    for dot, label in zip(dots, labels, strict=True):
        row = table[np.isclose(table["value"], dot.x[0], atol=1e-9)].iloc[0]
        assert dot.x[0] + dot.error_x.array[0] == pytest.approx(row["high"])
        assert dot.x[0] - dot.error_x.arrayminus[0] == pytest.approx(row["low"])
        assert label.text[0].strip() == f"{row['value']:.3f}"
        assert numbers(dot.hovertemplate) and numbers(dot.hovertemplate) <= known | of_differences
    said = " ".join(map_panel.says(lang, "imagenette", score))
    assert numbers(said) and numbers(said) <= known
    assert numbers(map_panel.notes_html(lang, "imagenette", score)) <= known


@pytest.mark.full_width
def test_controls_come_first_where_no_model_is_asked_and_with_each_model_otherwise(files):
    found = map_panel.groups("en", "imagenette", "pointing")
    assert list(found) == ["Centre Gaussian", "Random map", "Edge map", "Baseline", "CBAM, in every block"]
    assert [dot.kind for dot in found["CBAM, in every block"]] == ["activation", "attention"]
    found = map_panel.groups("en", "imagenette", "deletion")
    assert list(found) == ["Baseline", "CBAM, in every block"]
    assert [dot.kind for dot in found["Baseline"]] == ["activation", *CONTROLS]


def test_what_is_said_follows_the_sign_of_the_score(files):
    said = map_panel.says("en", "imagenette", "box_overlap")
    assert said[0].startswith("1 of the 3 maps are shown to do better than a centre Gaussian")
    assert "Best: CBAM, in every block, Attention map" in said[1]
    assert "attention maps: 1 better, 0 worse" in said[2] and "class activation maps: 0 better, 2 worse" in said[2]
    lower = map_panel.says("en", "imagenette", "deletion")
    assert lower[0].startswith("2 of the 3") and "class activation maps: 2 better, 0 worse" in lower[2]
    assert "attention maps: 0 better, 1 worse" in lower[2] and "Class activation map" in lower[1]


def test_no_better_than_a_centre_prior_is_said_plainly(files):
    table = map_scores.read_differences()
    table.loc[table["against"] == "centre", ["low", "high"]] = -0.1, 0.1
    table.to_csv(map_scores.DIFFERENCE_FILE, index=False)
    assert map_panel.says("en", "imagenette", "pointing")[0] == text("en", "maps_none_better", count=3)
    assert "attention maps: 0 better, 0 worse, 1 not told apart" in map_panel.says("en", "imagenette", "pointing")[2]


@pytest.mark.parametrize("lang", TEXTS)
def test_a_data_set_without_scores_says_how_to_make_them(files, lang):
    for dataset_name in ("imagewoof", "flowers"):
        heading, *others = map_panel.render(lang, dataset_name)
        assert text(lang, "maps_missing") in heading
        assert all(not update["visible"] for update in others if isinstance(update, dict))
        assert not any(update for update in others if isinstance(update, str))
    map_scores.RESULT_FILE.unlink()
    assert text(lang, "maps_missing") in map_panel.render(lang, "imagenette")[0]


def test_another_data_set_keeps_the_chosen_scores(files):
    updates = map_panel.render("en", "imagenette", "pointing", "deletion")
    assert [update["value"] for update in (updates[3], updates[7])] == ["pointing", "deletion"]
    assert map_panel.render("en", "imagenette")[3]["value"] == map_panel.QUESTIONS["object"][0]
    assert text("en", "read_deletion") in updates[9] and len(updates) == 10


def test_the_chosen_models_alone_are_drawn_and_the_sentences_count_all(files):
    shown = map_panel.groups("en", "imagenette", "deletion", ["cbam-block"])
    assert list(shown) == ["CBAM, in every block"]
    assert len(map_panel.groups("en", "imagenette", "pointing", ["baseline"])) == 4, "the controls, and one model"
    plot, notes = map_panel.answer("en", "imagenette", "deletion", ["cbam-block"])
    assert plot["visible"] and "2 of the 3 maps" in notes
    plot, notes = map_panel.answer("en", "imagenette", "deletion", [])
    assert plot["visible"] is False and text("en", "study_none") in notes
    assert map_panel.render("en", "imagenette", shown=["cbam-block"])[1]["value"] == ["cbam-block"]
    assert map_panel.render("en", "imagenette", shown=["nobody"])[1]["value"] == ["baseline", "cbam-block"]


@pytest.mark.parametrize("lang", TEXTS)
@pytest.mark.parametrize("score", SCORES)
def test_every_score_says_reads_and_names_its_source(files, lang, score):
    html = map_panel.notes_html(lang, "imagenette", score)
    assert all(f'<p class="{kind}">' in html for kind in ("says", "read", "source"))
    assert "data/results/heatmaps.csv" in html and "<code>python -m attention score-maps</code>" in html


def test_words_in_a_chart_cannot_be_markup(files, monkeypatch):
    monkeypatch.setattr(map_panel, "title", lambda *_: "<script>")
    monkeypatch.setattr(map_panel, "all_models", lambda: {"baseline": map_scores.all_models()["baseline"]})
    dots = map_panel.groups("en", "imagenette", "pointing")["<script>"]
    assert all("<script>" not in dot.hover for dot in dots)


@pytest.mark.parametrize("score", SCORES)
def test_every_score_has_words(score):
    assert {f"score_{score}", f"read_{score}"} <= set(TEXTS["en"])
    assert set(SCORES) == {*BOXES, *MASKS, *FAITHFULNESS}


def test_read_differences_of_a_fresh_checkout_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(map_scores, "DIFFERENCE_FILE", tmp_path / "none.csv")
    assert isinstance(map_scores.read_differences(), pd.DataFrame) and map_scores.read_differences().empty
