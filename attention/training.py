"""One training run: a variant, a data set, a recipe and a seed -> half-precision weights and a run record.

A run can be killed at any moment: its state is renamed into place after every epoch, and each epoch draws its order and
its augmentation from a generator seeded with (seed, epoch), so a resumed run ends with the same weights to the bit. That
holds for one thread count, which is therefore part of the state.
"""

import datetime
import math
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from attention import devices
from attention.datasets import EVALUATION_PIXELS, Split, dataset, hold_out, load, normalise
from attention.evaluation import predict
from attention.files import sha256, write_by_rename, write_json
from attention.muon import Muon
from attention.network import is_attention
from attention.recipes import Recipe
from attention.runs import code_commit, read_record, run_folder
from attention.variants import build_model, variant

CURVE_IMAGES = 500  # test images that an epoch's point of the curve is measured on; a record's accuracy is on all


class TrainingError(Exception):
    """A run cannot start or resume; the message says why and what to do."""


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def random_crops(images: Tensor, pixels: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """(B, 3, H, W) normalised -> (B, 3, pixels, pixels): a random crop and flip each, in one grid_sample on the device."""
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    area = uniform(recipe.crop_area_min, 1)
    log_aspect = uniform(-math.log(recipe.crop_aspect_max), math.log(recipe.crop_aspect_max))
    width = (area * log_aspect.exp()).sqrt().clamp(max=1)  # as fractions of the image
    height = (area / log_aspect.exp()).sqrt().clamp(max=1)
    flip = torch.where(uniform(0, 1) < recipe.flip_probability, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = width * flip, height
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(theta.to(images.device), [count, 3, pixels, pixels], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def one_cycle(step: int, steps: int, warmup_fraction: float) -> float:
    """The factor on every rate at `step` of `steps`: linear from 0 to 1, then linear back to 0."""
    peak = max(1, round(steps * warmup_fraction))
    return min((step + 1) / peak, (steps - step) / max(1, steps - peak))


def build_optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """The backbone's are the same in every variant: Muon for convolutions, SGD for norms and classifier; AdamW for attention.

    AdamW bounds a parameter's step whatever its gradient, which a softmax rescaled by the number of positions needs.
    """
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        role = "attention" if is_attention(name) else "convolution" if parameter.ndim == 4 else "backbone"
        groups.setdefault(f"{role} {'vectors' if parameter.ndim <= 1 else 'matrices'}", []).append(parameter)

    def decayed(role: str, decay: float) -> list[dict]:
        both = (("matrices", decay), ("vectors", 0.0))
        return [
            {"params": groups[f"{role} {shape}"], "weight_decay": amount}
            for shape, amount in both
            if f"{role} {shape}" in groups
        ]

    optimizers = [
        Muon(groups["convolution matrices"], recipe.muon_lr, recipe.muon_momentum, recipe.muon_weight_decay),
        torch.optim.SGD(
            decayed("backbone", recipe.sgd_weight_decay), recipe.sgd_lr, recipe.sgd_momentum, nesterov=True
        ),
    ]
    attention = decayed("attention", recipe.attention_weight_decay)
    if attention:
        optimizers.append(torch.optim.AdamW(attention, recipe.attention_lr))
    return optimizers


class Run:
    """The moving parts of a run, and how they are saved and restored."""

    def __init__(self, variant_name: str, classes: int, recipe: Recipe, seed: int, device: torch.device):
        self.device, self.recipe, self.seed = device, recipe, seed
        self.model = build_model(variant_name, classes, seed).to(device, memory_format=torch.channels_last)
        self.averaged = build_model(variant_name, classes, seed).to(device, memory_format=torch.channels_last)
        self.optimizers = build_optimizers(self.model, recipe)
        self.base_lrs = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.history: list[dict] = []
        self.code_commit = code_commit()  # now: the code may move on while the run lasts

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "history": self.history,
            "threads": torch.get_num_threads(),
            "precision": precision(self.device),
            "code_commit": self.code_commit,
        }

    def restore(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["threads"] != torch.get_num_threads():
            raise TrainingError(
                f"This run began with {state['threads']} thread(s), and another count changes its weights. "
                f"Continue with --threads {state['threads']}, or remove {path.parent.name} to begin anew."
            )
        if state["precision"] != precision(self.device):
            raise TrainingError(
                f"This run began in {state['precision']}, and this device trains in {precision(self.device)}. "
                f"Continue on a device of the first kind, or remove {path.parent.name} to begin anew."
            )
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.history = state["history"]
        self.code_commit = state["code_commit"]

    def train_epoch(self, split: Split, bar: tqdm) -> tuple[float, float]:
        """One pass over the split; returns mean loss and accuracy on the augmented crops."""
        epoch = len(self.history)
        generator = epoch_generator(self.seed, epoch)
        pixels, batch_size = self.recipe.pixels_at(epoch), self.recipe.batch_size
        batches = torch.randperm(len(split), generator=generator).split(batch_size)
        batches = [b for b in batches if len(b) == batch_size] or batches  # a short last batch upsets batch norm
        dtype = devices.training_dtype(self.device)
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device)
        self.model.train()
        for index, batch in enumerate(batches):
            factor = one_cycle(
                epoch * len(batches) + index, self.recipe.epochs * len(batches), self.recipe.warmup_fraction
            )
            for optimizer, lrs in zip(self.optimizers, self.base_lrs, strict=True):
                for group, lr in zip(optimizer.param_groups, lrs, strict=True):
                    group["lr"] = lr * factor
            images = normalise(split.images[batch].to(self.device, non_blocking=True))
            labels = split.labels[batch].to(self.device, non_blocking=True)
            crops = random_crops(images, pixels, self.recipe, generator)
            crops = crops.contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
                logits = self.model(crops).float()
            loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            self._average()
            loss_sum += loss.detach()
            correct += (logits.argmax(1) == labels).sum()
            bar.update(len(batch))
        mean_loss = loss_sum.item() / len(batches)
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"The loss is {mean_loss} in epoch {epoch + 1}: the run diverged. Lower the recipe's rates."
            )
        return mean_loss, correct.item() / sum(map(len, batches))

    @torch.no_grad()
    def _average(self) -> None:
        for mean, new in zip(self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - self.recipe.average_decay)
            else:
                mean.copy_(new)  # batch norm's counters


def precision(device: torch.device) -> str:
    """What a device trains in, as records name it: "float32" or "bfloat16"."""
    return str(devices.training_dtype(device)).removeprefix("torch.")


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__}


def train(
    variant_name: str,
    dataset_name: str,
    recipe: Recipe,
    seed: int = 0,
    *,
    device: torch.device | None = None,
    tuning: bool = False,
    splits: tuple[Split, Split] | None = None,
    quiet: bool = False,
) -> dict:
    """Train, or go on with a run that was interrupted, and return its record; a finished run returns at once.

    `tuning` trains on nine tenths of `train` and scores the tenth that is held out, so that val stays unseen. `splits`
    (training, evaluation) replaces the data set's own images. Raises TrainingError, DataError or UnknownVariant.
    """
    chosen, info = variant(variant_name), dataset(dataset_name)
    device = device or devices.pick_device()
    folder = run_folder(variant_name, dataset_name, recipe, seed, tuning)
    record_path, state_path = folder / "record.json", folder / "state.pt"
    if record_path.exists():
        return read_record(record_path)
    if splits is None:
        training_split = load(dataset_name, "train", _bar("decode train", quiet))
        splits = (
            hold_out(training_split)
            if tuning
            else (training_split, load(dataset_name, "val", _bar("decode val", quiet)))
        )
    training_split, test_split = splits

    run = Run(variant_name, len(info.classes), recipe, seed, device)
    if state_path.exists():
        run.restore(state_path)
    curve_split = test_split.subset(torch.linspace(0, len(test_split) - 1, min(CURVE_IMAGES, len(test_split))).long())
    while len(run.history) < recipe.epochs:
        epoch = len(run.history)
        started = time.perf_counter()
        label = f"{variant_name} seed {seed} epoch {epoch + 1}/{recipe.epochs}"
        with tqdm(total=len(training_split), desc=label, unit="img", disable=quiet, leave=False) as bar:
            loss, accuracy = run.train_epoch(training_split, bar)
        devices.synchronise(device)
        seconds = time.perf_counter() - started
        probabilities = predict(run.averaged, curve_split, device)
        curve_accuracy = float((probabilities.argmax(1) == curve_split.labels.numpy()).mean())
        run.history.append(
            {
                "epoch": epoch + 1,
                "pixels": recipe.pixels_at(epoch),
                "loss": round(loss, 5),
                "train_accuracy": round(accuracy, 5),
                "test_accuracy": round(curve_accuracy, 5),
                "seconds": round(seconds, 2),
            }
        )
        write_by_rename(state_path, lambda path: torch.save(run.state(), path))
        if not quiet:
            print(
                f"{label}: loss {loss:.3f}, train {accuracy:.3f}, test subset {curve_accuracy:.3f}, {seconds:.0f} s",
                flush=True,
            )
    return _finish(run, chosen, dataset_name, test_split, folder, tuning)


def _finish(run: Run, chosen, dataset_name: str, test_split: Split, folder: Path, tuning: bool) -> dict:
    """Score the averaged weights as they will ship, rounded to half precision, and write weights, predictions, record."""
    weights = {
        k: v.half().contiguous() if v.is_floating_point() else v for k, v in run.averaged.cpu().state_dict().items()
    }
    run.averaged.load_state_dict(weights)
    probabilities = predict(run.averaged.to(run.device), test_split, run.device)
    write_by_rename(folder / "weights.safetensors", lambda path: save_file(weights, path))
    write_by_rename(folder / "predictions.npz", lambda path: _save_npz(path, probabilities))
    seconds = [row["seconds"] for row in run.history]
    record = {
        "variant": chosen.name,
        "dataset": dataset_name,
        "recipe": run.recipe.name,
        "recipe_hash": run.recipe.hash,
        "recipe_figures": asdict(run.recipe),
        "seed": run.seed,
        "scored_on": "a tenth of train, held out" if tuning else "val",
        "images": len(test_split),
        "pixels": EVALUATION_PIXELS,
        "accuracy": float((probabilities.argmax(1) == test_split.labels.numpy()).mean()),
        "epochs": run.recipe.epochs,
        "seconds": round(sum(seconds), 1),
        "seconds_an_epoch": round(sum(seconds) / len(seconds), 2),
        "peak_memory_mb": round(devices.peak_memory_mb(run.device)),
        "parameters": sum(p.numel() for p in run.averaged.parameters()),
        "weights_sha256": sha256(folder / "weights.safetensors"),
        "device": devices.device_name(run.device),
        "device_type": run.device.type,
        "precision": precision(run.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "code_commit": run.code_commit,
        "ended": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "history": run.history,
    }
    write_json(folder / "record.json", record)  # last: a record says that the run is whole
    (folder / "state.pt").unlink(missing_ok=True)
    return read_record(folder / "record.json")


def _save_npz(path: Path, probabilities: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, probabilities=probabilities.astype(np.float16))


def _bar(label: str, quiet: bool):
    def wrap(items: Iterator, total: int) -> Iterator:
        return tqdm(items, total=total, desc=label, unit="img", disable=quiet, leave=False)

    return wrap
