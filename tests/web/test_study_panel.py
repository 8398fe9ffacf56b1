"""What lies behind the accuracies: every figure is that of the files, counted again here in another way."""

import json
from html import escape

import numpy as np
import pandas as pd
import pytest
import scipy.stats as st
from sklearn.metrics import confusion_matrix

from attention.core import intervals, paths
from attention.models.variants import REFERENCE, VARIANTS
from attention.study import committed, comparison, lookup, predictions, tables, test_sizes
from attention.training import trainer
from attention.web.charts import classes, study
from attention.web.charts.asked import VALUES, Asked
from attention.web.tabs.benchmarks import study as study_panel
from attention.web.texts import TEXTS, text

DATASETS = ("imagenette", "imagewoof")


@pytest.fixture
def sizes(tmp_path, monkeypatch):
    """Both data sets scored at two sizes: CBAM answers as the baseline at one, and at the other a fifth of it is lost."""
    monkeypatch.setattr(test_sizes, "RESULT_FILE", tmp_path / "test_sizes.csv")
    right = np.arange(1000) % 10 < 6
    for name in DATASETS:
        for pixels in (96, 144):
            test_sizes.record(name, "baseline", pixels, "made up", right, right)
            test_sizes.record(name, "se-block", pixels, "made up", right, right)
            worse = right & (np.arange(1000) % 5 > 0) if pixels == 144 else right
            test_sizes.record(name, "cbam-block", pixels, "made up", worse, right)


def asked(lang="en", dataset="imagenette", models=None, **more):
    return Asked(lang, dataset, tuple(models or predictions.available(dataset)), **more)


def raw(dataset, variant) -> list[np.ndarray]:
    """The probabilities of a variant's runs, read without the code under test."""
    paths = sorted((committed.PREDICTIONS / dataset / "cpu").glob(f"{variant}-seed*.npz"))
    return [np.load(path)["probabilities"] for path in paths]


@pytest.fixture(scope="module")
def labels():
    return {name: np.load(committed.LABELS / f"{name}.npz")["labels"].astype(int) for name in DATASETS}


def test_what_is_available_are_the_committed_runs():
    for name in DATASETS:
        table = lookup.read(tables.RUNS_FILE)
        runs = table[table["dataset"] == name].groupby("variant")["seed"].apply(list)
        expected = {v: len(runs[v]) for v in VARIANTS if v in runs.index}
        assert predictions.available(name) == expected and list(predictions.available(name)) == list(expected)
        assert {v: list(predictions.by_seed(name, v)) for v in runs.index} == {v: sorted(k) for v, k in runs.items()}
    assert predictions.available("flowers") == {}


@pytest.mark.parametrize("dataset", DATASETS)
def test_confusions_are_scikit_learns_and_those_of_per_class(dataset, labels):
    table = lookup.read(tables.PER_CLASS_FILE)
    for variant in predictions.available(dataset):
        counts = predictions.confusion(dataset, variant)
        expected = sum(confusion_matrix(labels[dataset], run.argmax(1)) for run in raw(dataset, variant))
        assert counts.tolist() == expected.tolist()
        rows = table[(table["dataset"] == dataset) & (table["variant"] == variant)]
        assert counts.tolist() == [list(map(int, row.split())) for row in rows["predicted"]]


def test_the_chart_of_confusions_holds_their_shares(labels):
    figure, _ = study.draw("confusion", asked(models=["baseline", "se-block"], one="se-block"))
    counts = np.zeros((10, 10))
    for run in raw("imagenette", "se-block"):
        for label, said in zip(labels["imagenette"], run.argmax(1), strict=True):
            counts[label, said] += 1
    shares = 100 * counts / counts.sum(1, keepdims=True)
    drawn = np.array(figure.data[0].z, float)
    off = ~np.eye(10, dtype=bool)
    assert drawn[off] == pytest.approx(shares[off]) and np.isnan(drawn[~off]).all(), "only mistakes are tinted"
    diagonal = [float(a.text.strip("</b>")) for a in figure.layout.annotations]
    assert diagonal == [round(share) for share in np.diag(shares)]
    worst = np.unravel_index(np.where(off, shares, 0).argmax(), shares.shape)
    names = Asked("en", "imagenette", ()).classes
    said = classes._confusion_says(asked(), "se-block", counts.astype(int))
    assert f"takes {names[worst[0]]} for {names[worst[1]]}: {shares[worst]:.1f} %" in said


def brute_force_error(probabilities, labels, bins=15) -> float:
    """The definition: bin by bin, image by image."""
    total, error = len(labels), 0.0
    for number in range(bins):
        inside = [
            (float(max(row)), int(np.argmax(row)) == label)
            for row, label in zip(probabilities, labels, strict=True)
            if number / bins < float(max(row)) <= (number + 1) / bins
        ]
        if inside:
            sure, right = np.mean([c for c, _ in inside]), np.mean([r for _, r in inside])
            error += len(inside) / total * abs(sure - right)
    return error


@pytest.mark.parametrize("variant", ["baseline", "gc-block"])
def test_calibration_is_that_of_a_brute_force_loop(variant, labels):
    errors = [brute_force_error(run, labels["imagenette"]) for run in raw("imagenette", variant)]
    found = predictions.calibration("imagenette", variant)
    assert found.seeds == len(errors) and found.error == pytest.approx(np.mean(errors), abs=1e-9)
    assert found.low < found.error < found.high
    if len(errors) >= 3:
        assert (found.error, found.low, found.high) == pytest.approx(intervals.seed_interval(errors), abs=1e-9)
    every, truth = np.concatenate(raw("imagenette", variant)), np.tile(labels["imagenette"], len(errors))
    for row in found.bins.to_dict("records"):
        sure = every.max(1).astype(float)
        inside = (sure > row["bin"] / 15) & (sure <= (row["bin"] + 1) / 15)
        assert row["images"] == inside.sum() / len(errors) >= predictions.RARE
        assert row["confidence"] == pytest.approx(sure[inside].mean())
        assert row["accuracy"] == pytest.approx((every.argmax(1) == truth)[inside].mean())
        assert row["low"] < row["accuracy"] + 1e-9 and row["high"] > row["accuracy"] - 1e-9
    figure, _ = study.draw("calibration", asked(models=[variant]))
    line = figure.data[1]
    assert list(line.x) == pytest.approx(100 * found.bins["confidence"])
    assert np.array(line.y) + line.error_y.array == pytest.approx(100 * found.bins["high"])
    assert list(figure.data[0].x) == list(figure.data[0].y) == [0, 100], "the diagonal"


def test_the_bootstrap_of_one_run_is_near_the_error_and_shrinks_with_images():
    random = np.random.default_rng(0)

    def interval(images):
        sure = random.uniform(0.5, 1, images)
        said = [np.stack([sure, 1 - sure], 1)]
        right = (random.random(images) >= sure - 0.1).astype(int)  # right less often than it says, by ten points
        return predictions._bootstrap_error(said, right), comparison.calibration_error(said[0], right)

    (low, high), error = interval(4000)
    assert low < error < high
    (wide_low, wide_high), _ = interval(400)
    assert high - low < wide_high - wide_low


def test_differences_in_calibration_are_paired_by_seed_and_corrected(labels):
    table = predictions.calibration_differences("imagenette").set_index("variant")
    judged = lookup.summary().query("seeds >= 3")["variant"]
    assert set(table.index) == set(judged) - {REFERENCE}
    pairs = zip(raw("imagenette", "se-block"), raw("imagenette", "baseline"), strict=True)
    truth = labels["imagenette"]
    differences = [comparison.calibration_error(a, truth) - comparison.calibration_error(b, truth) for a, b in pairs]
    row = table.loc["se-block"]
    assert row["difference"] == pytest.approx(np.mean(differences)) and row["low"] < row["difference"] < row["high"]
    assert list(table["p_holm"]) == pytest.approx(intervals.holm(list(table["p"])))
    assert predictions.calibration_differences("imagewoof").empty, "one seed judges nothing"
    assert predictions._t_test([0.0, 0.0, 0.0]) == {"difference": 0, "low": 0, "high": 0, "p": 1}


@pytest.mark.parametrize("dataset", DATASETS)
def test_class_differences_are_those_of_the_predictions(dataset, labels):
    table = predictions.class_differences(dataset)
    per_class = lookup.read(tables.PER_CLASS_FILE).query("dataset == @dataset")
    names = asked(dataset=dataset).classes
    for row in table.to_dict("records"):
        of_class = labels[dataset] == row["label"]
        accuracies = [(run.argmax(1) == labels[dataset])[of_class].mean() for run in raw(dataset, row["variant"])]
        assert row["accuracy"] == pytest.approx(np.mean(accuracies)) and row["seeds"] == len(accuracies)
        known = per_class[(per_class["variant"] == row["variant"]) & (per_class["class"] == names[row["label"]])]
        assert row["accuracy"] == pytest.approx(known["accuracy"].iloc[0], abs=1e-6)
        if row["variant"] != REFERENCE:
            baseline = [(run.argmax(1) == labels[dataset])[of_class].mean() for run in raw(dataset, REFERENCE)]
            same = baseline[: len(accuracies)]  # a variant of one seed is held against the baseline's first
            assert row["difference"] == pytest.approx(100 * (np.mean(accuracies) - np.mean(same)))
            assert row["low"] <= row["difference"] <= row["high"]
            assert (row["verdict"] == "not judged yet") == (len(accuracies) < comparison.SEEDS_TO_JUDGE)
    judged = table.dropna(subset=["p_holm"])
    assert (judged["p_holm"] < 0.05).sum() == judged["verdict"].isin(["gain", "loss"]).sum()


def test_cells_are_the_differences_on_a_scale_centred_at_0():
    models = ["baseline", "cbam-block", "gc-block"]
    figure, _ = study.draw("classes", asked(models=models))
    cells, table = figure.data[0], predictions.class_differences("imagenette")
    assert cells.zmin == -cells.zmax and len(cells.y) == 2, "the baseline has no difference to itself"
    for index, name in enumerate(models[1:]):
        rows = table[table["variant"] == name].sort_values("label")
        assert list(cells.z[index]) == pytest.approx(list(rows["difference"]))
    figure, _ = study.draw("classes", asked(models=models, values="accuracy"))
    assert len(figure.data[0].y) == 3 and figure.data[0].z[0][0] == pytest.approx(
        100 * lookup.read(tables.PER_CLASS_FILE).query("dataset == 'imagenette'")["accuracy"].iloc[0], abs=1e-3
    )


def test_a_sure_difference_is_starred_and_named(monkeypatch):
    table = predictions.class_differences("imagenette")
    at = table.index[(table["variant"] == "cbam-block") & (table["label"] == 3)]
    table.loc[at, ["difference", "low", "high", "p_holm", "verdict"]] = -4.0, -5.0, -3.0, 0.001, "loss"
    monkeypatch.setattr(predictions, "class_differences", lambda _: table)
    figure, lines = study.draw("classes", asked(models=["cbam-block"]))
    assert "−4.0*" in figure.data[0].text[0] and sum("*" in cell for cell in figure.data[0].text[0]) == 1
    assert "1 stay significant: CBAM, in every block on chain saw (−4.0, −5.0 to −3.0)" in lines


@pytest.mark.full_width
def test_curves_are_the_means_of_curves_csv_with_a_band_over_seeds():
    table = pd.read_csv(tables.CURVES_FILE).query("dataset == 'imagenette'")
    figure, lines = study.draw("curves", asked(models=["baseline", "gc-block"]))
    drawn = {(trace.name, trace.yaxis): trace for trace in figure.data if trace.hoverinfo != "skip"}
    bands = [trace for trace in figure.data if trace.hoverinfo == "skip"]
    assert [band.name for band in bands] == ["Baseline", "Baseline"], "one seed has no band"
    for (name, axis), trace in drawn.items():
        variant = "baseline" if name == "Baseline" else "gc-block"
        column, per = ("test_accuracy", 100) if axis == "y" else ("loss", 1)
        of_epoch = table[table["variant"] == variant].groupby("epoch")[column]
        assert list(trace.y) == pytest.approx(list(per * of_epoch.mean()))
        assert list(trace.customdata[:, 1]) == pytest.approx(list(per * of_epoch.max()))
    last = table[(table["variant"] == "baseline") & (table["epoch"] == table["epoch"].max())]["test_accuracy"]
    assert f"between {100 * last.min():.1f} and {100 * last.max():.1f} %" in lines
    assert f"{trainer.CURVE_IMAGES} photographs" in lines and "one seed" in str([t.name for t in figure.data])


def test_the_sentence_of_curves_counts_who_reaches_into_the_range():
    def curve(*seeds):
        ends = np.array([seeds])
        return predictions.Curve(np.array([1]), ends.mean(1), ends.min(1), ends.max(1), len(seeds))

    many = {"baseline": curve(0.88, 0.9), "se-block": curve(0.89, 0.93), "cbam-block": curve(0.5, 0.6)}
    said = study._curves_say(asked(), many | {"gc-block": curve(0.1)})
    assert "between 88.0 and 90.0 % over its 2 seeds" in said and "1 of the 2 other models" in said
    assert "Those of CBAM, in every block do not." in said and "Global context" not in said
    assert "One run each" in study._curves_say(asked(), {"gc-block": curve(0.1), "se-block": curve(0.2)})


@pytest.mark.parametrize("lang", TEXTS)
@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("view", study.VIEWS)
def test_every_view_says_reads_and_names_its_source(lang, dataset, view, sizes):
    assert view in study.views_of(dataset)
    for values in VALUES:
        figure, lines = study.draw(view, asked(lang, dataset, values=values))
        assert [lines.count(f'<p class="{kind}">') for kind in ("says", "read", "source")] == [1, 1, 1]
        assert "data/results/" in lines and "<code>python -m attention " in lines and "nan" not in lines.lower()
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert "NaN" not in json.dumps(figure.to_plotly_json()["layout"], default=str)


@pytest.mark.full_width
def test_the_size_says_who_depends_on_it_most(sizes):
    table = test_sizes.read("imagenette").set_index(["variant", "pixels"])
    row = table.loc["cbam-block", 144]
    assert row["accuracy"] == 0.4 and row["difference_points"] == -20
    low, high = row["difference_low_points"], row["difference_high_points"]
    d = np.where((np.arange(1000) % 5 == 0) & (np.arange(1000) % 10 < 6), -1.0, 0.0)
    assert (low, high) == pytest.approx(st.t.interval(0.95, 999, 100 * d.mean(), 100 * st.sem(d)), abs=1e-4)
    assert np.isnan(table.loc["baseline", 96]["difference_points"])
    figure, lines = study.draw("sizes", asked(models=["baseline", "cbam-block"]))
    assert [list(trace.y) for trace in figure.data] == [[60, 60], [60, 40]] and list(figure.data[0].x) == [96, 144]
    assert f"at 144 px -20.0 points ({low:+.1f} to {high:+.1f})".replace("-", "−") in lines
    assert (
        "CBAM, in every block depends most" in lines
        and "No other model&#x27;s difference moves by more than 0.0" in lines
    )
    assert (
        f"{low:+.1f}".replace("-", "−") in figure.data[1].hovertext[1] and "points" not in figure.data[0].hovertext[0]
    )
    alone, _ = study.draw("sizes", asked(models=["baseline"]))
    assert [trace.name for trace in alone.data] == ["Baseline", "CBAM, in every block"], (
        "whom the sentence names is drawn"
    )


def test_sizes_are_offered_where_there_are_several(tmp_path, monkeypatch):
    monkeypatch.setattr(test_sizes, "RESULT_FILE", tmp_path / "test_sizes.csv")
    assert "sizes" not in study.views_of("imagenette")
    test_sizes.record("imagenette", "baseline", 96, "made up", np.ones(9, bool), None)
    assert "sizes" not in study.views_of("imagenette")
    update = study_panel.render("en", "imagenette", [], "sizes")[2]
    assert update["value"] == study.VIEWS[0] and len(update["choices"]) == len(study.VIEWS) - 1
    (tmp_path / "test_sizes.csv").write_text("dataset,pixels\nimagenette,small\n")
    assert "sizes" not in study.views_of("imagenette"), "a damaged file counts as none"


def test_the_first_models_are_the_baseline_and_one_a_placement_with_several_seeds():
    seeds = predictions.available("imagenette")
    chosen = study.at_first(seeds)
    assert chosen[0] == REFERENCE and len(chosen) <= study.AT_FIRST and all(seeds[n] >= 3 for n in chosen)
    placements = [VARIANTS[name].placement for name in chosen]
    assert len(set(placements)) == len(placements)
    assert len(study.at_first(predictions.available("imagewoof"))) == 5
    assert study.at_first({}) == []


def test_the_section_is_closed_at_first_and_draws_nothing(monkeypatch):
    monkeypatch.setattr(study_panel, "draw", lambda *_: pytest.fail("nothing is drawn before it is looked at"))
    heading, section, *_, plot, lines = study_panel.render("en", "imagenette", ["se-block", "nobody"])
    assert section["open"] is False and section["visible"] and plot["visible"] is False and lines == ""
    assert study_panel.render("en", "imagenette", ["se-block", "nobody"])[3]["value"] == ["se-block"]


@pytest.mark.parametrize("lang", TEXTS)
def test_what_cannot_be_drawn_is_one_sentence(lang, monkeypatch, tmp_path):
    *_, plot, lines = study_panel.answer(lang, "imagenette", "curves", [], "difference", None)
    assert plot["visible"] is False and text(lang, "study_none") in lines
    *_, plot, lines = study_panel.answer(lang, "imagenette", "curves", ["nobody"], "difference", None)
    assert plot["visible"] is False and text(lang, "study_none") in lines
    folder = tmp_path / "predictions" / "imagenette" / "cpu"
    folder.mkdir(parents=True)
    monkeypatch.setattr(paths, "RECORDS", tmp_path / "runs")
    monkeypatch.setattr(committed, "PREDICTIONS", tmp_path / "predictions")
    for content in (b"broken", None):
        if content:
            (folder / "baseline-seed0.npz").write_bytes(content)
        else:
            np.savez(folder / "baseline-seed0.npz", probabilities=np.ones((7, 10)))
        *_, plot, lines = study_panel.answer(lang, "imagenette", "calibration", ["baseline"], "difference", None)
        assert plot["visible"] is False and "imagenette/cpu/baseline-seed0.npz" in lines and str(tmp_path) not in lines
    heading, section, *_ = study_panel.render(lang, "imagewoof")
    assert escape(text(lang, "study_missing")) in heading and section["visible"] is False


def test_models_that_are_gone_from_the_choice_give_their_place_to_the_first():
    _, one, plot, lines = study_panel.answer("en", "imagenette", "confusion", ["se-block"], "difference", "baseline")
    assert one["value"] == "se-block" and one["visible"] and "Squeeze-and-Excitation" in lines
