"""ONNX files carry logits and attention maps for any batch, and appear only when they agree with the model."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from attention.cli.main import main
from attention.inference import export as exporting
from attention.inference.export import ExportError, export, outputs
from attention.models.checkpoints import load
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import VARIANTS
from attention.models.visible import visible, watch

onnxruntime = pytest.importorskip("onnxruntime", reason="the export is optional: requirements-export.txt")
IMAGES = torch.randn(3, 3, 160, 160)


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", [None, *MECHANISMS])
def test_every_mechanism_can_be_exported(mechanism, published, tmp_path):
    name = next(name for name, v in VARIANTS.items() if v.mechanism == mechanism)
    path, model = tmp_path / "model.onnx", load(name)
    names, images, difference = export(name, path, images=IMAGES)
    assert names == ["logits", *visible(model)] and images == 3 and difference < 1e-4
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.no_grad(), watch(model) as weights:
        logits = model(IMAGES[:2])
    found = session.run(None, {"images": IMAGES[:2].numpy()})
    for theirs, ours in zip(found, [logits, *(weights[p] for p in names[1:])], strict=True):
        assert theirs == pytest.approx(ours.numpy(), abs=1e-4)
    shapes = outputs(path)
    assert list(shapes) == names and all(shape[0] == "batch" for shape in shapes.values())


def test_a_file_that_disagrees_is_not_written(published, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_convert", lambda module, images, names, path: path.write_bytes(b"not run"))

    class Wrong:
        def __init__(self, *arguments, **options): ...

        def get_outputs(self):
            return [type("Output", (), {"name": "logits"})]

        def run(self, names, given):
            return [np.zeros((len(given["images"]), 10), np.float32) + 9]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Wrong)
    with pytest.raises(ExportError, match="logits differs"):
        export("baseline", tmp_path / "model.onnx", images=IMAGES)
    assert not list(tmp_path.glob("*.onnx*")) and not list(tmp_path.glob(".*.partial"))


def test_missing_packages_are_one_sentence(published, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["export", "--variant", "baseline", "-o", str(tmp_path / "model.onnx")]) == 2
    error = capsys.readouterr().err
    assert "pip install -r requirements-export.txt" in error and error.count("\n") == 1


def test_an_unknown_variant_is_one_sentence(published, tmp_path, capsys):
    assert main(["export", "--variant", "nobody", "-o", str(tmp_path / "model.onnx")]) == 2
    assert "no model 'nobody'" in capsys.readouterr().err


def test_images_are_checked_at_the_size_at_which_models_answer(monkeypatch):
    """Everyday things are stored at 64 px and answered at 112, so a file for 64 px would answer otherwise."""
    stored = torch.randint(0, 256, (5, 3, 64, 64), dtype=torch.uint8)
    monkeypatch.setattr(exporting, "load", lambda *_: SimpleNamespace(images=stored))
    assert exporting._check_images("everyday").shape == (exporting.IMAGES, 3, 112, 112)


def test_without_the_data_set_noise_is_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path))
    monkeypatch.setattr("attention.core.paths.DEFAULT_ROOT", tmp_path)
    images = exporting._check_images("imagenette")
    assert images.shape == (32, 3, 160, 160) and images.dtype == torch.float32 and images.std() > 0.5
