"""One image through many models, and how the results are shown."""

import json
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from attention.inference import compare as inference
from attention.inference import out_of_distribution
from attention.inference.compare import Models, compare
from attention.inference.fast_path import Explicit
from attention.maps import display
from attention.maps.activation import class_activation_map
from attention.models import checkpoints
from attention.models.checkpoints import CheckpointError
from attention.models.variants import VARIANTS, UnknownVariant
from attention.pictures import datasets
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.study import foreign

PHOTO = Image.effect_noise((200, 120), 80).convert("RGB")


@pytest.fixture
def models(published, device) -> Models:
    return Models(device=device.type)


def test_compare_yields_a_result_a_name_in_order(models):
    names = ["cbam-block", "baseline", "cbam-block"]
    found = list(compare(PHOTO, names, models))
    assert [r.name for r in found] == ["cbam-block", "baseline"]
    for result in found:
        assert result.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert result.activation.shape == (10, 10) and result.latency_ms > 0
        assert result.prediction == models.dataset.class_names[result.probabilities.argmax()]


@pytest.mark.parametrize("name", VARIANTS)
def test_compare_equals_a_plain_forward_pass(models, name):
    (result,) = compare(PHOTO, [name], models)
    images = STUDY.normalise(to_tensor([STUDY.resized(PHOTO)])).to(models.device)
    with torch.no_grad():
        plain = checkpoints.load(name, device=models.device)(images).softmax(1)[0].cpu().numpy()
    assert result.probabilities == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("name", ["baseline", "cbam-block", "attention-pool-head", "multi-head-pool-head"])
def test_a_class_that_is_asked_for_is_explained_as_the_plain_model_does(models, name):
    images = STUDY.normalise(to_tensor([STUDY.resized(PHOTO)])).to(models.device)
    plain = checkpoints.load(name, device=models.device)
    with torch.no_grad():
        features = plain.forward_features(images)
    (own,) = compare(PHOTO, [name], models)
    for index in (own.ranking[-1], own.top1):
        (result,) = compare(PHOTO, [name], models, index)
        assert result.asked == result.explained == index and own.asked is None and own.explained == own.top1
        assert result.activation == pytest.approx(class_activation_map(plain, features, index), abs=1e-4)
        assert np.array_equal(result.probabilities, own.probabilities)
    assert np.array_equal(result.activation, own.activation), "its own first choice, asked for by name"


def test_nothing_is_explained_twice_where_no_class_is_asked_for(models, monkeypatch):
    monkeypatch.setattr(Explicit, "explaining", lambda *a: pytest.fail("the head ran twice"))
    assert len(list(compare(PHOTO, ["baseline", "cbam-block"], models))) == 2


@pytest.mark.parametrize("index", [-1, 10])
def test_a_class_that_does_not_exist_is_refused_before_anything_runs(models, index):
    with pytest.raises(ValueError, match=f"no class {index}: these models know 10"):
        compare(PHOTO, ["baseline"], models, index)
    with pytest.raises(ValueError, match="no class"):
        models.run("baseline", models.prepare(PHOTO), index)
    assert not models._models


def test_names_are_checked_before_anything_runs(models):
    with pytest.raises(UnknownVariant, match="no model 'nobody'"):
        compare(PHOTO, ["baseline", "nobody"], models)
    assert not models._models


def test_an_altered_checkpoint_leaves_the_others_working(published, models):
    (published / "se-block.safetensors").write_bytes(b"altered")
    models.warm_up()
    assert list(models.problems) == ["se-block"]
    with pytest.raises(CheckpointError, match="se-block"):
        compare(PHOTO, ["se-block"], models)
    assert next(compare(PHOTO, ["baseline"], models)).name == "baseline"


def test_threads_sharing_models_each_get_their_own_answer(models):
    photos = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue", "white")]
    alone = [next(compare(photo, ["cbam-block"], models)) for photo in photos]
    found: dict[int, list] = {i: [] for i in range(4)}

    def work(index: int) -> None:
        for _ in range(5):
            found[index] += compare(photos[index], ["cbam-block"], models)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for index, results in found.items():
        for result in results:
            assert result.probabilities == pytest.approx(alone[index].probabilities, abs=1e-6)
            assert len(result.maps) == len(alone[index].maps)


@pytest.fixture
def two_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def beside() -> Models:
    """Models of a machine on which side by side was faster."""
    models = Models(device="cpu")
    models.side_by_side = True
    return models


@pytest.mark.parametrize(
    ("alone_s", "beside_s", "chosen"), [(0.06, 0.02, True), (0.02, 0.02, False), (0.02, 0.06, False)]
)
def test_warming_up_keeps_the_faster_way_to_share_the_cores(
    published, two_cores, monkeypatch, alone_s, beside_s, chosen
):
    monkeypatch.setattr(Models, "run", lambda models, name, images, class_index=None: name)

    def results(names, images, models):
        time.sleep(beside_s if models.side_by_side else alone_s)
        return names

    monkeypatch.setattr(inference, "_results", results)
    models = Models(device="cpu")
    models.warm_up()
    assert models.side_by_side == chosen


def test_models_run_side_by_side_on_a_core_each(published, two_cores, monkeypatch):
    """Both models wait for each other: one after another would wait for ever."""
    both, seen = threading.Barrier(2, timeout=60), []

    def run(models, name, images, class_index):
        seen.append(torch.get_num_threads())
        both.wait()
        return name

    monkeypatch.setattr(Models, "run", run)
    assert sorted(compare(PHOTO, ["baseline", "se-block"], beside())) == ["baseline", "se-block"]
    assert seen == [1, 1] and torch.get_num_threads() == 2
    fresh = []
    thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert fresh == [2], "threads to come keep all cores"


def test_the_first_named_comes_first_and_the_others_as_they_are_ready(published, two_cores, monkeypatch):
    may_end = threading.Event()

    def run(models, name, images, class_index):
        assert name != "cbam-block" or may_end.wait(60)
        return name

    monkeypatch.setattr(Models, "run", run)
    found = compare(PHOTO, ["baseline", "cbam-block", "se-block"], beside())
    assert [next(found), next(found)] == ["baseline", "se-block"]
    may_end.set()
    assert list(found) == ["cbam-block"]


def test_one_failure_ends_a_comparison_and_the_next_one_runs(published, two_cores):
    models = beside()
    (published / "se-block.safetensors").write_bytes(b"altered")
    with pytest.raises(CheckpointError, match="se-block"):
        list(compare(PHOTO, ["baseline", "se-block", "cbam-block"], models))
    assert {r.name for r in compare(PHOTO, ["baseline", "cbam-block"], models)} == {"baseline", "cbam-block"}


def test_a_caller_that_stops_listening_stops_the_work(published, two_cores, monkeypatch):
    ran = []

    def run(models, name, images, class_index):
        ran.append(name)
        return name

    monkeypatch.setattr(Models, "run", run)
    found = compare(PHOTO, list(VARIANTS), beside())
    found.close()  # before the first result was asked for
    assert ran == []


def test_a_result_says_where_and_in_which_precision_it_ran(models):
    (result,) = compare(PHOTO, ["baseline"], models)
    assert (result.dtype, result.device) == (
        "float32",
        models.device.type,
    )  # untrained weights have no row of their own


def resident_megabytes() -> float:
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith("VmRSS:"))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_over_300_comparisons(published, two_cores):
    models, sizes = beside(), []
    names = ["baseline", "cbam-block", "self-attention-stage", "attention-pool-head"]
    photos = [Image.effect_noise((300 + 10 * i, 200), 80).convert("RGB") for i in range(5)]
    for index in range(300):
        assert len(list(compare(photos[index % 5], names, models))) == len(names)
        sizes.append(resident_megabytes())
    settled = sizes[100:]
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
    assert slope * 300 < 8, f"{slope * 300:.1f} MB in 300 comparisons"  # a kept result of one model would be 25 MB


def test_result_as_json_is_plain(models):
    (result,) = compare(PHOTO, ["baseline"], models)
    row = json.loads(json.dumps(display.result_as_json(result)))
    assert row["model"] == "baseline" and len(row["top5"]) == 5
    shares = [entry["probability"] for entry in row["top5"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_layers_have_the_shape_of_the_shown_photo(models, name):
    (result,) = compare(PHOTO, [name], models)
    size = display.shown_photo(PHOTO).size
    assert size == (480, 288)
    maps = display.maps_to_draw(result)
    assert all(display.layer(*drawn, size).size == (160, 96) for drawn in maps.values()), "in its proportions"
    assert ("attention" in maps) == (display.attention_map(result) is not None)
    assert "activation" in maps or not result.activation.any()
    has_something = "attention" in maps or display.channel_maps(result)
    assert bool(has_something) == (VARIANTS[name].mechanism is not None)


def test_overlays_are_written_for_scripts(models, tmp_path):
    found = list(compare(PHOTO, ["baseline", "cbam-block"], models))
    written = display.save_overlays(PHOTO, found, tmp_path / "out", "photo")
    assert {p.name for p in written} == {
        "photo.baseline.activation.png", "photo.cbam-block.activation.png", "photo.cbam-block.attention.png",
    }  # fmt: skip
    for path in written:
        with Image.open(path) as image:
            assert image.size == (480, 288)


def test_the_detectors_threshold_lets_its_share_pass_and_auroc_is_the_textbooks():
    random = np.random.default_rng(0)
    familiar, other = random.dirichlet([0.1] * 10, (2, 4000)), random.dirichlet([1.0] * 10, (2, 500))
    rows = foreign.rows_of("imagenette", familiar, {"pets": other})
    assert {row["models"] for row in rows if row["score"] == out_of_distribution.USED} == {1, 2}
    assert {row["against"] for row in rows} == {"pets", out_of_distribution.PHOTOGRAPHS}
    assert all(abs(row["false_alarms"] - out_of_distribution.FALSE_ALARMS) < 0.015 for row in rows)
    row = next(row for row in rows if row["score"] == "largest probability")
    known, unknown = familiar.mean(0).max(1)[1::2], other.mean(0).max(1)
    assert row["auroc"] == pytest.approx((known[:, None] > unknown[None]).mean(), abs=2e-3)


def test_agreement_is_lowest_where_sure_models_differ():
    sure, other, unsure = np.eye(10)[0], np.eye(10)[1], np.full(10, 0.1)
    agreement = out_of_distribution.SCORES["agreement"]
    assert agreement(np.stack([sure, other])) == pytest.approx(-np.log(2))
    assert agreement(np.stack([sure, sure])) == agreement(np.stack([unsure, unsure])) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("dataset", ["everyday", "imagenette"])
def test_the_committed_detector_calls_the_unsure_foreign_and_no_sure_answer(dataset):
    classes = len(datasets.DATASETS[dataset].classes)
    certain, unsure = np.eye(classes)[0], np.full(classes, 1 / classes)
    for count in (1, 3, 6, 13):
        assert out_of_distribution.judge([certain] * count, dataset) is False
        assert out_of_distribution.judge([unsure] * count, dataset) is True
    assert out_of_distribution.judge([], dataset) is None
    assert 0 < out_of_distribution.noticed(dataset) < 1


def test_a_gpu_whose_memory_is_full_is_answered_for_by_the_cpu(models, monkeypatch):
    """Caused on any device: the models say that they are on a GPU, and every run of theirs finds its memory full."""
    names = ["baseline", "se-block"]
    expected = list(compare(PHOTO, names, Models(device="cpu")))
    run, freed = Models._run, []

    def full(self, *asked):
        if self is models:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(self, *asked)

    monkeypatch.setattr(Models, "_run", full)
    monkeypatch.setattr(inference.devices, "free", freed.append)
    images = Models(device="cpu").prepare(PHOTO)
    on_gpu = SimpleNamespace(device=torch.device("cuda"), cpu=lambda: images)
    models.device = torch.device("cuda")
    for number, (name, before) in enumerate(zip(names, expected, strict=True), 1):
        found = models.run(name, on_gpu)
        assert found.device == "cpu" and np.allclose(found.probabilities, before.probabilities, atol=1e-5)
        assert len(freed) == number
    models.device = torch.device("cpu")
    with pytest.raises(torch.OutOfMemoryError):  # a CPU without memory has nothing to fall back to
        models.run("baseline", images)


def test_an_image_that_does_not_fit_on_the_gpu_goes_to_the_cpu(models, monkeypatch):
    freed = []
    monkeypatch.setattr(inference.devices, "free", freed.append)
    to = torch.Tensor.to

    def full(self, *where, **options):
        if where and where[0] == torch.device("cuda"):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return to(self, *where, **options)

    monkeypatch.setattr(torch.Tensor, "to", full)
    models.device = torch.device("cuda")
    images = models.prepare(PHOTO)
    assert images.device.type == "cpu" and freed == [torch.device("cuda")]
    assert models.run("baseline", images).device == "cpu"
