"""One training run: a variant, a data set, a recipe and a seed -> half-precision weights and a run record.

A run can be killed at any moment: its state is saved as it goes, in one step, and each epoch draws its order and its
augmentation from a generator seeded with (seed, epoch), so a resumed run ends with the same weights. On a CPU they are
the same to the bit for one thread count, which is therefore part of the state; cuDNN's kernels do not promise that.
"""

import datetime
import io
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from attention.core import cuda_graphs, devices
from attention.core.errors import BadInput
from attention.core.files import sha256, write_bytes, write_json, write_npz
from attention.models.variants import build_model, variant
from attention.pictures.datasets import dataset
from attention.pictures.splits import Split, hold_out, load
from attention.training.augmentation import crop, draw_crops
from attention.training.optimisers import Average, Optimisers, one_cycle
from attention.training.recipes import Recipe
from attention.training.records import claim, code_commit, read_record, run_folder
from attention.training.scoring import MANY_CLASSES, compact, predict, top5_accuracy
from attention.training.strengths import learned_strengths

CURVE_IMAGES = 500  # test images for an epoch's point of the curve, at most as many as the run learns from; a
# record's accuracy is on all
SAID = 25  # about so many epochs of a long run get a line in the terminal
SAVE_EVERY_S = 10  # at most so often: an epoch takes under a second on a GPU and minutes on a CPU


class TrainingError(BadInput):
    """A run cannot start or resume; the message says why and what to do."""


class Stopped(Exception):
    """A run was asked to stop between two epochs; its state is saved."""


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def epoch_batches(count: int, recipe: Recipe, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
    """The images and crops of each batch: (steps, B) indices and (steps, B, 2, 3) maps, the same for every variant.

    A short last batch is left out, because it upsets batch norm.
    """
    generator = epoch_generator(seed, epoch)
    size = min(recipe.batch_size, count)
    steps = count // size
    order = torch.randperm(count, generator=generator)[: steps * size].view(steps, size)
    return order, draw_crops(steps * size, recipe, generator).view(steps, size, 2, 3)


class Run:
    """The state of a run, how it is saved and restored, and its training steps."""

    def __init__(self, variant_name: str, classes: int, recipe: Recipe, seed: int, device: torch.device, images: Split):
        def build() -> nn.Module:
            return build_model(variant_name, classes, seed).to(device, memory_format=torch.channels_last)

        self.device, self.recipe, self.seed = device, recipe, seed
        self.model, self.averaged = build().train(), build()
        self.optimisers = Optimisers(self.model, recipe)
        self.average = Average(self.averaged, self.model, recipe.average_decay)
        self.history: list[dict] = []
        self.code_commit = code_commit()  # read now, because the code may change during the run

        size = min(recipe.batch_size, len(images))
        self.images, self.labels = images.images.to(device), images.labels.to(device)
        self.normalise = images.preprocessing.normalise
        self.index = torch.zeros(size, dtype=torch.long, device=device)  # the current batch, always at one address,
        self.crops = torch.zeros(size, 2, 3, device=device)  # because a step in a CUDA graph reads it there
        self.loss_sum, self.correct = torch.zeros(2, device=device)
        self._step: tuple[int, Callable[[], None]] | None = None  # the crop size, and the step for it

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": self.optimisers.state_dict(),
            "history": self.history,
            "threads": torch.get_num_threads(),
            "precision": precision(self.device),
            "code_commit": self.code_commit,
            "trained_on": len(self.labels),
        }

    def restore(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["threads"] != torch.get_num_threads() and self.device.type == "cpu":
            raise TrainingError(
                f"This run began with {state['threads']} thread(s), and another count changes its weights. "
                f"Continue with --threads {state['threads']}, or remove {path.parent.name} to begin anew."
            )
        if state["precision"] != precision(self.device):
            raise TrainingError(
                f"This run began in {state['precision']}, and this device trains in {precision(self.device)}. "
                f"Continue on a device of the first kind, or remove {path.parent.name} to begin anew."
            )
        if state.get("trained_on", len(self.labels)) != len(self.labels):
            raise TrainingError(
                f"This run began with {state['trained_on']:,} photographs, and {len(self.labels):,} are here now. "
                f"Bring those back, or remove {path.parent.name} to begin anew."
            )
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimisers.load_state_dict(state["optimizers"])
        self.history = state["history"]
        self.code_commit = state["code_commit"]

    def step(self, pixels: int) -> None:
        """Learn from the batch that `index` and `crops` name: crop, forward, backward, update, average."""
        labels = self.labels[self.index]
        crops = crop(self.normalise(self.images[self.index]), self.crops, pixels)
        dtype = devices.training_dtype(self.device)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            logits = self.model(crops).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        loss.backward()
        self.optimisers.step()
        self.optimisers.zero_grad()
        self.average.update()
        self.loss_sum += loss.detach()
        self.correct += (logits.argmax(1) == labels).sum()

    def _step_at(self, pixels: int) -> Callable[[], None]:
        """The step for one crop size: as it is, or on CUDA recorded once and then replayed."""
        if self._step is None or self._step[0] != pixels:
            step = lambda: self.step(pixels)  # noqa: E731
            if self.device.type == "cuda":
                self._step = None  # frees the last recording's memory first
                step = cuda_graphs.capture(step, self._changed_by_a_step, self.device)
            self._step = pixels, step
        return self._step[1]

    def _changed_by_a_step(self) -> list[Tensor]:
        models = (self.model, self.averaged)
        weights = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
        return [*weights, *self.optimisers.tensors(), self.loss_sum, self.correct]

    def train_epoch(self, bar: tqdm) -> tuple[float, float]:
        """One pass over the images; returns mean loss and accuracy on the augmented crops."""
        epoch = len(self.history)
        batches, crops = (
            table.to(self.device) for table in epoch_batches(len(self.labels), self.recipe, self.seed, epoch)
        )
        self.model.train()
        self.index.copy_(batches[0])
        self.crops.copy_(crops[0])
        step = self._step_at(self.recipe.pixels_at(epoch))
        self.loss_sum.zero_()
        self.correct.zero_()
        for number in range(len(batches)):
            done, in_all = epoch * len(batches) + number, self.recipe.epochs * len(batches)
            self.optimisers.set_rates(one_cycle(done, in_all, self.recipe.warmup_fraction))
            self.index.copy_(batches[number])
            self.crops.copy_(crops[number])
            step()
            bar.update(len(self.index))
        mean_loss = self.loss_sum.item() / len(batches)
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"The loss is {mean_loss} in epoch {epoch + 1}: the run diverged. Lower the recipe's rates."
            )
        return mean_loss, self.correct.item() / batches.numel()


def precision(device: torch.device) -> str:
    """The dtype that a device trains in, as records name it: "float32" or "bfloat16"."""
    return devices.dtype_name(devices.training_dtype(device))


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
    stop: Callable[[], bool] = lambda: False,
) -> dict:
    """Train, or go on with a run that was interrupted, and return its record; a finished run returns at once.

    `tuning` trains on nine tenths of `train` and scores the tenth that is held out, so that val stays unseen. `splits`
    (training, evaluation) are for a caller that has decoded them already. Between two epochs `stop` is asked whether to
    stop. Raises TrainingError, DataError, UnknownVariant, records.RunTaken, WriteError, or Stopped.
    """
    chosen, info = variant(variant_name), dataset(dataset_name)
    device = device or devices.pick_device()
    folder = run_folder(variant_name, dataset_name, recipe, seed, tuning)
    if (folder / "record.json").exists():
        return read_record(folder / "record.json")
    training_split, test_split = splits or load_splits(dataset_name, tuning, quiet)
    with claim(folder):
        if (folder / "record.json").exists():  # another process ended it while this one decoded
            return read_record(folder / "record.json")
        devices.reset_peak_memory(device)
        run = Run(variant_name, len(info.classes), recipe, seed, device, training_split)
        if (folder / "state.pt").exists():
            run.restore(folder / "state.pt")
        _train_epochs(run, variant_name, test_split, folder, quiet, stop)
        return _finish(run, chosen, dataset_name, test_split, folder, tuning)


def load_splits(dataset_name: str, tuning: bool = False, quiet: bool = False) -> tuple[Split, Split]:
    """(training images, images to score): `train` and `val`, or for tuning two parts of `train`."""
    training_split = load(dataset_name, "train", _bar("decode train", quiet))
    return (
        hold_out(training_split) if tuning else (training_split, load(dataset_name, "val", _bar("decode val", quiet)))
    )


def _train_epochs(run: Run, name: str, test_split: Split, folder: Path, quiet: bool, stop: Callable[[], bool]) -> None:
    curve_split = test_split.spread(min(CURVE_IMAGES, len(run.labels)))
    saved = -math.inf
    while len(run.history) < run.recipe.epochs:
        epoch = len(run.history)
        started = time.perf_counter()
        label = f"{name} seed {run.seed} epoch {epoch + 1}/{run.recipe.epochs}"
        with tqdm(total=len(run.labels), desc=label, unit="img", disable=quiet, leave=False) as bar:
            loss, accuracy = run.train_epoch(bar)
        devices.synchronise(run.device)
        seconds = time.perf_counter() - started
        probabilities = predict(run.averaged, curve_split, run.device)
        curve_accuracy = float((probabilities.argmax(1) == curve_split.labels.numpy()).mean())
        run.history.append(
            {
                "epoch": epoch + 1,
                "pixels": run.recipe.pixels_at(epoch),
                "loss": round(loss, 5),
                "train_accuracy": round(accuracy, 5),
                "test_accuracy": round(curve_accuracy, 5),
                "seconds": round(seconds, 2),
            }
        )
        stopping = stop()
        if stopping or time.monotonic() - saved > SAVE_EVERY_S:
            write_bytes(folder / "state.pt", _saved(run.state()))
            saved = time.monotonic()
        if not quiet and len(run.history) % max(1, run.recipe.epochs // SAID) == 0:
            print(
                f"{label}: loss {loss:.3f}, train {accuracy:.3f}, test subset {curve_accuracy:.3f}, {seconds:.0f} s",
                flush=True,
            )
        if stopping and len(run.history) < run.recipe.epochs:
            raise Stopped(label)


def _finish(run: Run, chosen, dataset_name: str, test_split: Split, folder: Path, tuning: bool) -> dict:
    """Score the averaged weights as they will ship, in half precision, and write weights, predictions and record."""
    weights = {
        k: v.half().contiguous() if v.is_floating_point() else v for k, v in run.averaged.cpu().state_dict().items()
    }
    run.averaged.load_state_dict(weights)
    probabilities = predict(run.averaged.to(run.device), test_split, run.device)
    write_bytes(folder / "weights.safetensors", save(weights))
    labels = test_split.labels.numpy()
    write_npz(folder / "predictions.npz", **compact(probabilities, labels))
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
        "pixels": test_split.preprocessing.test_pixels,
        "trained_on": len(run.labels),
        "accuracy": float((probabilities.argmax(1) == labels).mean()),
        **({"top5_accuracy": top5_accuracy(probabilities, labels)} if probabilities.shape[1] >= MANY_CLASSES else {}),
        "epochs": run.recipe.epochs,
        "seconds": round(sum(seconds), 1),
        "seconds_an_epoch": round(sum(seconds) / len(seconds), 2),
        "peak_memory_mb": round(devices.peak_memory_mb(run.device)),
        "strengths": learned_strengths(run.averaged, test_split.spread(100), run.device),
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


def _saved(state: dict) -> bytes:
    """The bytes that torch.save writes; given a path, it reports a full disk by a RuntimeError that does not say so."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _bar(label: str, quiet: bool):
    def wrap(items: Iterator, total: int) -> Iterator:
        return tqdm(items, total=total, desc=label, unit="img", disable=quiet, leave=False)

    return wrap
