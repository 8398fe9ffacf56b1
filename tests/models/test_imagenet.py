"""Models that others trained: timm's ResNet-33 of ImageNet, with random weights in local files, through everything ours go through."""

import importlib.util
import json
import shutil

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from captum.attr import LayerGradCam
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import create_transform, resolve_model_data_config

from attention.cli.main import main
from attention.core.paths import ROOT
from attention.inference.batch import label_of
from attention.inference.compare import Models, compare
from attention.inference.fast_path import fast
from attention.inference.model_sets import ModelSets
from attention.inference.questions import Examiner
from attention.maps.activation import activation_maps, class_activation_map
from attention.models import checkpoints, imagenet
from attention.models.checkpoints import CheckpointError
from attention.models.imagenet import NAME, PREPROCESSING, PUBLISHED, Files
from attention.models.variants import variant
from attention.models.visible import visible, watch
from attention.pictures import datasets, samples, splits
from attention.pictures.datasets import DATASETS, SWEPT, DataError
from attention.pictures.preprocessing import STUDY
from attention.pictures.reading import read_image
from attention.web import cards, report
from attention.web import published as published_ui
from attention.web.measured import measured
from attention.web.tabs.look_closer.api import class_index, look_as_json
from attention.web.texts import class_name, imagenet_names

PHOTO = Image.effect_noise((517, 300), 80).convert("RGB").resize((900, 611), Image.Resampling.BILINEAR)
GATES = {"baseline": None, "se-block": "gate", "eca-block": "gate", "gc-block": "attn"}


def timms(name: str, folder) -> torch.nn.Module:
    """The model as timm builds and runs it."""
    network = timm.create_model(PUBLISHED[name].name)
    network.load_state_dict(load_file(folder / f"{PUBLISHED[name].name}.safetensors"))
    return network.eval()


def hooks(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.fixture
def models(imagenet_offered) -> Models:
    return Models(NAME, "cpu")


@pytest.fixture
def photo(tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


# the same function as timm's


@pytest.mark.parametrize("name", PUBLISHED)
def test_probabilities_are_those_of_timm_with_its_own_transform(name, models, timm_files):
    network = timms(name, timm_files)
    settings = resolve_model_data_config(network)
    images = create_transform(**settings, is_training=False)(PHOTO).unsqueeze(0)
    assert torch.allclose(models.prepare(PHOTO), images, atol=1e-5)
    with torch.no_grad():
        logits = network(images)
        assert torch.allclose(checkpoints.load(name, NAME)(images), logits, atol=1e-4)
    (result,) = compare(PHOTO, [name], models)  # on the fast path: folded and packed
    assert result.probabilities == pytest.approx(logits.softmax(1)[0].numpy(), abs=1e-5)
    assert result.prediction == models.dataset.class_names[int(logits.argmax())] and result.dtype == "float32"


def test_what_is_known_of_the_models_is_what_timm_says():
    for published in PUBLISHED.values():
        network = timm.create_model(published.name)
        assert sum(p.numel() for p in network.parameters()) == published.parameters
        settings = network.pretrained_cfg
        assert settings["hf_hub_id"] == imagenet.hub_name(published.name)
        assert (settings["input_size"][1], settings["crop_pct"]) == (
            PREPROCESSING.test_pixels,
            PREPROCESSING.shape.share,
        )
        assert (settings["interpolation"], settings["mean"], settings["std"]) == (
            "bicubic",
            PREPROCESSING.mean,
            PREPROCESSING.std,
        )


@pytest.mark.parametrize("size", [(256, 256), (284, 284), (31, 700), (640, 480)])
def test_the_square_is_timms_and_the_part_shown_is_what_it_covers(size):
    image = Image.effect_noise(size, 90).convert("RGB")
    transform = create_transform((3, 256, 256), crop_pct=0.9, interpolation="bicubic", normalize=False)
    assert np.array_equal(PREPROCESSING.resized(image), transform(image).permute(1, 2, 0).numpy())
    part = PREPROCESSING.part(image)
    assert abs(part.width - part.height) <= 1 and part.width == pytest.approx(min(size) * 256 / 284, abs=1.5)
    marked = Image.new("L", size)
    marked.paste(255, ((size[0] - part.width) // 2, (size[1] - part.height) // 2, size[0] // 2, size[1] // 2))
    again = PREPROCESSING.part(marked)
    assert again.getpixel((1, 1)) == 255 and again.getpixel((again.width - 2, again.height - 2)) == 0


def test_squashing_shows_the_whole_picture():
    assert STUDY.part(PHOTO) is PHOTO and STUDY.resized(PHOTO).shape == (160, 160, 3)


# maps


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_class_activation_map_is_captums_gradcam_of_timms_network(name, imagenet_offered, timm_files):
    network, image = timms(name, timm_files), torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        likeliest = network(image)[0].topk(2).indices.tolist()  # of which there is something to see
    for target in likeliest:
        reference = LayerGradCam(network, network.final_conv).attribute(image, target, relu_attributions=True)
        model = checkpoints.load(name, NAME)
        with torch.no_grad():
            found = class_activation_map(model, model.forward_features(image), target)
        expected = reference[0, 0].detach().numpy()
        assert (
            found.shape == (8, 8) and found.any() and found == pytest.approx(expected, abs=1e-4 * float(expected.max()))
        )
        logits, at_stage = activation_maps(model, image, target)
        assert [tuple(m.shape) for m in at_stage.values()] == [(1, side, side) for side in (64, 32, 16, 8)]
        assert at_stage[4][0].numpy() == pytest.approx(expected, abs=1e-4 * float(expected.max()))
        assert hooks(model) == 0


@pytest.mark.parametrize(("name", "kind"), GATES.items())
def test_ten_blocks_of_attention_are_seen_as_ours_are(name, kind, models):
    (result,) = compare(PHOTO, [name], models)
    assert len(result.maps) == (10 if kind else 0)
    for shown in result.maps:
        assert shown.path.rpartition(".")[2] == kind and np.isfinite(shown.values).all()
        if kind == "gate":
            assert shown.over == "channels" and 0 <= shown.values.min() < shown.values.max() <= 1
        else:
            assert shown.over == "positions" and shown.values.mean() == pytest.approx(1, abs=1e-3)
    if kind == "gate":
        assert [len(shown.values) for shown in result.maps] == [64] * 2 + [128] * 3 + [384] * 5
    if kind == "attn":
        assert [shown.values.shape[0] for shown in result.maps] == [64] * 2 + [32] * 3 + [16] * 3 + [8] * 2


def test_no_hook_is_left_after_a_call_and_after_an_exception(imagenet_offered):
    model = checkpoints.load("se-block", NAME)
    quick = fast(model, pixels=256)
    quick(torch.randn(1, 3, 256, 256))
    assert hooks(quick) == 0
    with pytest.raises(RuntimeError, match="stop"), watch(model) as seen:
        model(torch.randn(1, 3, 256, 256))
        raise RuntimeError("stop")
    assert set(seen) == set(visible(model)) and hooks(model) == 0


def test_saved_and_loaded_it_is_the_same_model(imagenet_offered, tmp_path):
    model = checkpoints.load("gc-block", NAME)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, tmp_path / "m.safetensors")
    other, image = checkpoints.load("gc-block", NAME), torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        expected = model(image)
        for parameter in other.parameters():
            parameter.zero_()
        other.load_state_dict(load_file(tmp_path / "m.safetensors"))
        assert torch.equal(other(image), expected)


# a further data set


def test_it_is_a_data_set_only_where_it_was_asked_for(timm_files):
    assert NAME not in checkpoints.published_datasets()
    with pytest.raises(DataError, match="no data set 'imagenet'"):
        datasets.dataset(NAME)
    imagenet.offer(timm_files)
    try:
        assert checkpoints.published_datasets()[-1] == NAME and checkpoints.available(NAME) == list(PUBLISHED)
    finally:
        del datasets.ELSEWHERE[NAME]


def test_a_thousand_classes_each_unlike_the_others_and_the_studys_among_them(imagenet_offered):
    classes = imagenet_offered.classes
    assert len(classes) == len(set(classes.values())) == 1000 and next(iter(classes)) == "n01440764"
    for name in SWEPT:  # of everyday things some are called otherwise: a hog is a pig
        assert DATASETS[name].classes.items() <= classes.items()


def test_every_class_has_a_chinese_name_of_its_own(imagenet_offered):
    chinese = [class_name("zh", name) for name in imagenet_offered.class_names]
    assert len(set(chinese)) == 1000 and class_name("zh", "hermit crab") == "寄居蟹"
    assert [name for name in chinese if name.isascii()] == ["iPod"]
    ten = {name for dataset in SWEPT for name in DATASETS[dataset].class_names}
    assert set(imagenet_names()) | ten == set(imagenet_offered.class_names)


def test_a_folder_of_photographs_is_labelled_by_wordnet_numbers_and_by_names(imagenet_offered):
    found = [label_of(f"{folder}/1.jpg", imagenet_offered) for folder in ("n01443537", "hermit_crab", "nothing")]
    assert found == [1, imagenet_offered.class_names.index("hermit crab"), None]


def test_model_sets_load_it_beside_the_study_which_alone_is_measured(imagenet_offered, published, monkeypatch):
    monkeypatch.setattr(Models, "warm_up", lambda models: None)
    sets = ModelSets("imagenette", "cpu")
    assert sets.names[-1] == NAME and sets[NAME].names == list(PUBLISHED) and sets.study is sets.first
    first = ModelSets(NAME, "cpu")
    assert first.first.dataset.name == NAME and first.study.dataset.name == "imagenette"


def test_it_has_no_photographs_and_knows_nothing_of_foreign_pictures(models):
    assert {sample.kind for sample in samples.all_samples(NAME)} == {"rendering", "other"}
    assert samples.photographs(NAME) == [] and models.looks_foreign(compare(PHOTO, ["baseline"], models)) is None
    with pytest.raises(DataError, match="comes with models alone"):
        splits.load(NAME, "val")


# questions


def test_every_question_is_answered(models):
    examiner = Examiner(models)
    for name in PUBLISHED:
        look = examiner.look(PHOTO, name, 999)
        assert look.activation.shape == (8, 8) and look.class_index == 999 and look.gammas == {}
    parts = [step.part for step in examiner.randomised(PHOTO, "se-block")]
    assert parts == ["", "head", "stage 4", "stage 3", "stage 2", "stage 1", "stem"]
    steps = list(examiner.under_corruption(PHOTO, ["eca-block"], "noise"))
    assert [step.image.size for step in steps] == [(256, 256)] * 6
    plain = examiner.look(PHOTO, "eca-block").probabilities
    assert steps[0].looks["eca-block"].probabilities == pytest.approx(plain, abs=1e-6), "nothing is cropped twice"
    assert examiner.difference(PHOTO, "se-block", "baseline").between_seeds is None


@pytest.mark.parametrize("name", ["se-block", "eca-block", "gc-block"])
def test_attention_off_changes_what_the_model_says(name, models):
    before, after = Examiner(models).attention_off(PHOTO, name)
    assert np.abs(before.probabilities - after.probabilities).max() > 1e-4
    for shown in after.attention:
        assert np.ptp(shown.values) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_deletion_and_insertion_in_fewer_steps(models):
    found = Examiner(models).deletion_and_insertion(PHOTO, "gc-block")
    assert set(found) == {"activation", "attention", "random"}
    assert {len(curve.deletion) for curve in found.values()} == {9}


def test_a_class_that_does_not_exist_gets_a_short_sentence(models):
    with pytest.raises(ValueError, match="Known: tench, .* and 992 more"):
        class_index("nothing", models.dataset.class_names)


def test_a_look_is_plain_json(models):
    written = json.dumps(look_as_json(Examiner(models).look(PHOTO, "gc-block")))
    assert len(json.loads(written)["probabilities"]) == 1000


# shown


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_card_says_whose_accuracy_it_shows(lang, models):
    table = measured(NAME, "cpu")
    assert table["se-block"].accuracy == 0.8038 and table["cbam-block"].accuracy is None
    figures = cards.skeleton(cards.Frame(lang, PHOTO.size), "se-block", table["se-block"]).figures
    assert "seresnet33ts" in figures and "80.38%" in figures and "timm" in figures.split("seresnet33ts")[1]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_classes_are_counted_and_the_published_figures_listed(lang, imagenet_offered):
    said = published_ui.classes(lang, imagenet_offered)
    assert "1,000" in said and len(said) < 250
    table = published_ui.table(lang, imagenet_offered)
    assert table.count("<tr") == 5 and "+1.16" in table and "79.22" in table and "50,000" in table
    assert table in published_ui.section(lang) and table in published_ui.about(lang, imagenet_offered)


def test_own_models_have_no_published_figures():
    assert published_ui.section("en") == "" and published_ui.about("en", DATASETS["imagenette"]) == ""
    assert "gas pump" in published_ui.classes("en", DATASETS["imagenette"])


def test_a_report_holds_the_part_that_was_seen_and_the_hashes(models, tmp_path):
    report.write([("church", read_image(ROOT / "samples" / "church.jpg"))], models, ["se-block"], tmp_path / "r.html")
    written = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert models.dataset.source.manifest["models"]["se-block"]["sha256"] in written
    assert "Published models of ImageNet" in written and 'id="accuracy-latency"' not in written


def test_the_command_line_takes_it(photo, timm_files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ATTENTION_IMAGENET", str(timm_files))
    try:
        arguments = ["compare", str(photo), "--dataset", "imagenet", "--models", "baseline,gc-block", "--json"]
        assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert [len(model["top5"]) for model in row["models"]] == [5, 5] and row["foreign"] is None
        with Image.open(tmp_path / "out" / "photo.gc-block.attention.png") as drawn:
            assert drawn.width == drawn.height, "the middle square is what lies under the map"
    finally:
        datasets.ELSEWHERE.pop(NAME)
    assert main(["train", "--dataset", "imagenet", "--variant", "baseline"]) == 2
    assert "no data set 'imagenet'" in capsys.readouterr().err


# sentences


def test_without_timm_there_is_one_sentence(monkeypatch, timm_files):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "timm" else found(name))
    with pytest.raises(CheckpointError, match="pip install -r requirements-imagenet.txt"):
        imagenet.offer(timm_files)


def test_a_folder_of_ones_own_with_that_name_comes_first(own_root, timm_files):
    (own_root / NAME).mkdir(parents=True)
    (own_root / NAME / "dataset.json").write_text("{}")
    with pytest.raises(CheckpointError, match="A data set of your own is called imagenet"):
        imagenet.offer(timm_files)


def test_a_folder_that_is_none_or_holds_nothing(tmp_path):
    with pytest.raises(CheckpointError, match="is no folder; --imagenet takes one that holds resnet33ts.safetensors"):
        imagenet.offer(tmp_path / "nowhere")
    (tmp_path / "resnet33ts.pth").write_bytes(b"\x80\x02")
    with pytest.raises(CheckpointError, match="holds none of .*pickles, are not read"):
        imagenet.offer(tmp_path)
    assert NAME not in datasets.ELSEWHERE


def test_a_file_that_is_missing_leaves_the_others(timm_files, tmp_path):
    shutil.copy(timm_files / "eca_resnet33ts.safetensors", tmp_path)
    said = []
    try:
        imagenet.offer(tmp_path, said.append)
        assert checkpoints.available(NAME) == ["eca-block"] and "gcresnet33ts.safetensors" in said[0]
        with pytest.raises(CheckpointError, match="no se-block of ImageNet here. Available: eca-block"):
            checkpoints.load("se-block", NAME)
    finally:
        datasets.ELSEWHERE.pop(NAME)


def pickled(path) -> None:
    torch.save(timm.create_model("resnet33ts").state_dict(), path)


def of_another_shape(path) -> None:
    save_file(timm.create_model("resnet33ts", num_classes=10).state_dict(), path)


def of_another_network(path) -> None:
    save_file(timm.create_model("resnet18").state_dict(), path)


def cut_off(path) -> None:
    of_another_shape(path)
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (pickled, "is no safetensors file"),
        (cut_off, "is no safetensors file, or is cut off"),
        (of_another_shape, "are not those of timm's resnet33ts"),
        (of_another_network, "are not those of timm's resnet33ts"),
    ],
)
def test_other_files_get_a_sentence_and_nothing_in_them_is_run(write, words, tmp_path):
    path = tmp_path / "resnet33ts.safetensors"
    write(path)
    with pytest.raises(CheckpointError, match=words) as told:
        Files({"baseline": path}).load("baseline")
    assert "\n" not in str(told.value)


def test_a_file_that_changes_while_the_page_runs_is_not_used(tmp_path):
    path = tmp_path / "resnet33ts.safetensors"
    of_another_shape(path)
    source = Files({"baseline": path})
    path.write_bytes(b"altered")
    with pytest.raises(CheckpointError, match="have gone or changed since the start"):
        source.load("baseline")


# the hub


def test_what_the_hub_brought_once_is_not_asked_for_again(timm_files, monkeypatch):
    def cached(hub_name, file):
        assert file == "model.safetensors"
        return str(timm_files / f"{hub_name.removeprefix('timm/').removesuffix('.ra2_in1k')}.safetensors")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *place, **options: pytest.fail("a request"))
    monkeypatch.delenv("ATTENTION_IMAGENET", raising=False)
    said = []
    try:
        imagenet.offer(say=said.append)
        assert said == [] and checkpoints.available(NAME) == list(PUBLISHED)
    finally:
        datasets.ELSEWHERE.pop(NAME)


def test_a_download_says_how_large_it_is_and_a_failed_one_what_to_do(monkeypatch):
    def refused(hub_name, file, token):
        assert token is False, "nobody's token leaves this machine"
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *place: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refused)
    monkeypatch.delenv("ATTENTION_IMAGENET", raising=False)
    said = []
    with pytest.raises(CheckpointError, match="no route.*app.py --imagenet FOLDER") as told:
        imagenet.offer(say=said.append)
    assert "4 models" in said[0] and "316 MB" in said[0] and "\n" not in str(told.value)
    assert NAME not in datasets.ELSEWHERE


def test_the_variants_it_borrows_its_names_from_have_that_attention():
    assert {name: variant(name).placement for name in PUBLISHED} == {"baseline": "none"} | dict.fromkeys(
        ["se-block", "eca-block", "gc-block"], "block"
    )
