"""Accuracy at equal compute: what is counted, what is written, and that the page's figure is in the file."""

import pandas as pd
import pytest
import torch
from torch import nn

from attention.models.variants import build_model
from attention.pictures.datasets import DATASETS
from attention.pictures.splits import load
from attention.study import leaderboard
from attention.web.tabs.benchmarks import compute


@pytest.mark.full_width
def test_multiply_adds_are_those_of_the_formula():
    convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert leaderboard.multiply_adds(convolution, 32) == 32 * 32 * 3 * 8 * 9
    assert leaderboard.multiply_adds(build_model("baseline"), 128) == pytest.approx(366e6, rel=0.001)


def test_the_file_holds_the_published_rows_and_the_baselines_scored_at_128_px(
    tiny_dataset, published, tmp_path, monkeypatch
):
    monkeypatch.setattr(leaderboard, "RESULT_FILE", tmp_path / "leaderboard.csv")
    leaderboard.measure(load("imagenette", "val"), torch.device("cpu"), progress=lambda line: None)
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert list(table["source"]) == ["published"] * len(leaderboard.PUBLISHED) + ["baseline"]
    assert set(table["pixels"]) == {128}
    ours = table.iloc[-1]
    assert ours["low"] <= ours["accuracy"] <= ours["high"]
    images = DATASETS["imagenette"].train_images
    assert ours["training_multiply_adds"] == pytest.approx(
        ours["multiply_adds_an_image"] * images * ours["epochs"], rel=1e-6
    )


def test_the_committed_file_is_of_the_committed_weights():
    table = pd.read_csv(leaderboard.RESULT_FILE).set_index("source")
    published = table.loc["published"]
    assert list(published["accuracy"]) == [accuracy for _, accuracy, _ in leaderboard.PUBLISHED]
    assert table.loc["baseline", "training_multiply_adds"] < published["training_multiply_adds"].min()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_says_what_the_file_holds(lang):
    table = pd.read_csv(leaderboard.RESULT_FILE).set_index("source")
    heading, figure, reading = compute.render(lang)
    assert "<h2>" in heading
    assert f"{table.loc['baseline', 'accuracy']:.1%}" in reading and "leaderboard.csv" in reading
    published, ours = figure["value"].data
    assert list(published.y) == [100 * accuracy for _, accuracy, _ in leaderboard.PUBLISHED]
    assert ours.y[0] == pytest.approx(100 * table.loc["baseline", "accuracy"])


def test_without_the_file_the_section_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "RESULT_FILE", tmp_path / "none.csv")
    heading, figure, reading = compute.render("en")
    assert heading == reading == "" and not figure["visible"]
