"""(b) The plain forward pass of every shipped checkpoint against ONNX Runtime, with the same number of threads.

    python -m benchmarks.onnxruntime_forward [--dataset imagenette] [--rounds 50] [--threads 2]

Batch 1, logits alone: no maps on either side. ONNX Runtime runs in float32 (its CPU provider has no bfloat16
convolutions) on the file that torch.onnx.export makes of the checkpoint, with all of its own optimisations. The sums over
the models of one call each are compared.
"""

import argparse
import warnings
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor
from tqdm import tqdm

from attention.core.paths import ROOT
from attention.inference.fast_path import Explicit, fast
from attention.models import checkpoints
from attention.pictures.preprocessing import STUDY
from benchmarks.sides import PAUSE_S, begin, in_turn, print_sides, ratio

FOLDER = ROOT / "out" / "onnx"  # kept: making a file takes longer than timing it


def session(model: torch.nn.Module, images: Tensor, file: Path) -> onnxruntime.InferenceSession:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own workings
            torch.onnx.export(
                model, (images,), file, input_names=["images"], dynamo=True, external_data=False, verbose=False
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def logits(fast_model: Explicit, images: Tensor) -> Tensor:
    features = fast_model.model.forward_features(images.to(fast_model.dtype))
    return fast_model.model.forward_head(features.float())


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    arguments = begin(parser, rounds=50)
    names = arguments.models.split(",") if arguments.models else checkpoints.available(arguments.dataset)
    images = torch.randn(1, 3, STUDY.test_pixels, STUDY.test_pixels)
    given = {"images": images.numpy()}
    images = images.contiguous(memory_format=torch.channels_last)
    published = checkpoints.read_manifest(arguments.dataset)["models"]
    total: dict[str, list[float]] = {}
    print(f"{len(names)} checkpoints of {arguments.dataset}, ONNX Runtime {onnxruntime.__version__}\n")
    print("| model | torch eager ms | ours float32 ms | ours bfloat16 ms | ONNX Runtime ms |\n|---|---|---|---|---|")
    for name in tqdm(names, disable=None):
        model = checkpoints.load(name, arguments.dataset)
        exact, half = fast(model), fast(model, torch.bfloat16)
        other = session(model, images, FOLDER / f"{name}-{published[name]['sha256'][:8]}.onnx")
        torch.testing.assert_close(
            logits(exact, images), torch.from_numpy(other.run(None, given)[0]), atol=1e-3, rtol=1e-3
        )
        times = in_turn(
            {
                "torch eager": lambda model=model: model(images),
                "ours float32": lambda exact=exact: logits(exact, images),
                "ours bfloat16": lambda half=half: logits(half, images),
                "ONNX Runtime": lambda other=other: other.run(None, given),
            },
            arguments.rounds, warm_ups=3, pause_s=PAUSE_S,
        )  # fmt: skip
        medians = [sorted(values)[len(values) // 2] for values in times.values()]
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in medians) + " |", flush=True)
        for side, values in times.items():
            total[side] = [a + b for a, b in zip(total.get(side, [0] * len(values)), values, strict=True)]
    print("\nAll of them together:\n")
    print_sides(total, ["ours float32", "ours bfloat16", "ONNX Runtime"])
    print(f"\nfloat32 takes {1 / ratio(total, 'ONNX Runtime', 'ours float32'):.2f} of ONNX Runtime's time; ", end="")
    print(f"bfloat16 is {ratio(total, 'ONNX Runtime', 'ours bfloat16'):.2f} times as fast.")


if __name__ == "__main__":
    main()
