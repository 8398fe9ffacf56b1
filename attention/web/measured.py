"""The committed figures of each model, as its card shows them. No gradio here."""

from functools import lru_cache

from attention.core.files import version
from attention.models.checkpoints import checkpoint_folder, known_manifest
from attention.models.variants import REPLICATES, all_models
from attention.pictures import datasets
from attention.study import lookup
from attention.web.cards import Measured


def measured(dataset_name: str, device_type: str) -> dict[str, Measured]:
    """The figures of each model, cached until a file changes, because every comparison asks for them."""
    files = (lookup.ACCURACY_FILE, lookup.LATENCY_FILE, checkpoint_folder(dataset_name) / "manifest.json")
    return _read(dataset_name, device_type, tuple((path, version(path)) for path in files))


@lru_cache(maxsize=32)
def _read(dataset_name: str, device_type: str, files: tuple) -> dict[str, Measured]:  # noqa: ARG001 (what it was read from)
    """Accuracy and p50 of each model, from the committed tables; a replicate's accuracy is that of its own run.

    A folder of one's own and models that others trained are in no table: their accuracies come from the manifest.
    """
    info = datasets.dataset(dataset_name)
    if info.source is not None:
        published = known_manifest(dataset_name)["models"].items()
        return dict.fromkeys(all_models(), Measured()) | {
            name: Measured(entry["accuracy"], published=entry["published_as"]) for name, entry in published
        }
    if info.is_own:
        published = known_manifest(dataset_name)["models"].items()
        of_own = {name: Measured(entry["accuracy"], images=entry["images"]) for name, entry in published}
        return dict.fromkeys(all_models(), Measured()) | of_own
    table = lookup.summary(dataset_name, device_type)
    found = {name: Measured() for name in all_models()}
    for row in table.to_dict("records"):
        p50 = row.get("p50_ms")
        found[row["variant"]] = Measured(row["accuracy"], p50 if p50 == p50 else None)  # NaN does not equal itself
    published = known_manifest(dataset_name)["models"]
    for name, replicate in REPLICATES.items():
        accuracy = published.get(name, {}).get("accuracy")
        found[name] = Measured(accuracy, found[replicate.replicate_of].p50_ms)
    return found
