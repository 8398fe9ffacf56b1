"""Commands that look at models and run them on pictures: list, compare, batch, report."""

import argparse
import json
import sys
from pathlib import Path

from attention.cli.commands import DATASET, DEVICE, IMAGES, JSON, MODELS, command, flag, listed
from attention.core.errors import BadInput
from attention.models.variants import all_models
from attention.pictures import limits


@command("list", "List the models: mechanism, placement, accuracy.", DATASET, JSON)
def list_models(arguments: argparse.Namespace) -> None:
    from attention.models import checkpoints

    try:
        published = checkpoints.read_manifest(arguments.dataset)["models"]
    except checkpoints.CheckpointError as error:
        print(error, file=sys.stderr)
        published = {}
    rows = [
        {
            "name": v.name,
            "title": v.title,
            "mechanism": v.mechanism,
            "family": v.info.family if v.info else None,
            "placement": v.placement,
            "summary": v.info.summary if v.info else "The plain network, without attention.",
            "source": v.info.paper if v.info else None,
            "checkpoint": v.name in published,
            "accuracy": published.get(v.name, {}).get("accuracy"),
        }
        for v in all_models().values()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        accuracy = "not trained" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        print(f"{row['name']:32} {row['title']:50} {row['placement']:10} {accuracy}")


@command(
    "compare", "Run models on images, side by side.", DATASET, DEVICE, IMAGES, MODELS, JSON,
    flag("--out", help="folder for the pictures with their maps"),
    limits.add_flags,
)  # fmt: skip
def compare(arguments: argparse.Namespace) -> None:
    from attention.inference.compare import Models, check_names, compare
    from attention.maps.display import maps_left_out, result_as_json, save_overlays

    models = Models(arguments.dataset, arguments.device)
    names = check_names(listed(arguments.models) or models.names, models)
    output = []
    for path, upload in _read_all(arguments.image):
        results = list(compare(upload.image, names, models))
        foreign = models.looks_foreign(results)
        if arguments.out:
            save_overlays(models.part(upload.image), results, Path(arguments.out), Path(path).stem)
            for name, kinds in {result.name: maps_left_out(result) for result in results}.items():
                for kind in kinds:
                    print(f"{name}: its {kind} map is all zero or not finite, so it has no picture.", file=sys.stderr)
        if arguments.json:
            output.append(
                {"image": Path(path).name, "foreign": foreign, "notices": list(models.notices(upload)),
                 "models": [result_as_json(result) for result in results]}
            )  # fmt: skip
            continue
        print(Path(path).name + (" (probably none of the things that these models know)" if foreign else ""))
        for result in results:
            share = result.probabilities[result.top1]
            print(f"  {result.name:24} {result.prediction:18} {share:6.1%} {result.latency_ms:8.1f} ms")
    if arguments.json:
        print(json.dumps(output, indent=1, ensure_ascii=False))


def _read_all(paths: list[str]) -> list:
    """(path, Upload) of each. All are read before any model runs, so that a bad file is reported at once."""
    from attention.pictures import reading

    pictures = []
    for path in paths:
        try:
            pictures.append((path, reading.read_image(path)))
        except reading.UploadError as error:
            raise BadInput(f"{Path(path).name}: {error}") from error
    return pictures


@command(
    "batch", "Run models over many pictures: who says what, where they disagree, who is right.", DATASET, DEVICE,
    flag("path", nargs="+", help="pictures, folders, or zip files; a class sub-folder gives the label"),
    MODELS,
    flag("-o", "--out", metavar="FILE", help="the table as CSV"),
    limits.add_flags,
)  # fmt: skip
def run_batch(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from attention.core.files import write_text
    from attention.inference import batch
    from attention.inference.compare import Models

    pictures = batch.gather(arguments.path)
    models = Models(arguments.dataset, arguments.device)
    names = listed(arguments.models) or models.names
    rows = list(tqdm(batch.run(pictures, names, models), total=len(pictures), unit="picture"))
    if arguments.out:
        table = batch.table(rows, models.dataset.class_names)
        write_text(Path(arguments.out), table.to_csv(index=False, lineterminator="\n"))
    for row in rows:
        if row.problem:
            print(f"{row.name}: {row.problem}", file=sys.stderr)
    disputed, read = sum(row.is_disputed for row in rows), sum(not row.problem for row in rows)
    print(f"{read} pictures read, {len(rows) - read} not; the models disagree on {disputed}.")
    for name, found in batch.accuracies(rows).items():
        share = f"{found.right / found.of:.1%} ({found.low:.1%} to {found.high:.1%})"
        print(f"{name:32} {found.right} of {found.of} named rightly: {share}")


@command(
    "report", "Write one HTML file on images that works offline: cards, maps, tables, charts.", DATASET, DEVICE, IMAGES,
    flag("-o", "--out", required=True, metavar="FILE", help="the file to write, ending with .html"),
    MODELS,
    flag("--lang", choices=("en", "zh"), default="en", help="English or Simplified Chinese"),
    limits.add_flags,
)  # fmt: skip
def write_report(arguments: argparse.Namespace) -> None:
    from attention.inference.compare import Models
    from attention.web import report

    file = Path(arguments.out)
    if file.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"The report is an HTML file: {file.name} should end with .html.")
    pictures = [(Path(path).stem, upload) for path, upload in _read_all(arguments.image)]
    models = Models(arguments.dataset, arguments.device)
    report.write(pictures, models, listed(arguments.models) or None, file, arguments.lang, progress=print)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, opens without a network.")
