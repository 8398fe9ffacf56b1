"""The models of every data set that has checkpoints, each set loaded when it is first asked for."""

import threading

from attention.core import deadlines
from attention.core.files import version
from attention.inference.compare import Models
from attention.models.checkpoints import CheckpointError, checkpoint_folder, published_datasets, read_manifest
from attention.pictures.datasets import DATASETS, FIRST, DataError, own_names


class ModelSets:
    """`sets[name]` is the warmed-up Models of a data set, loaded at the first call and again when its manifest changes.

    So a data set that is trained while the page runs is offered without a restart. If a manifest is damaged or gone,
    its models stay in memory, and `problems` says so until it is whole again.
    """

    def __init__(self, first: str = "imagenette", device: str = "auto"):
        """Loads the data set that is shown first. Raises CheckpointError, DataError or DeviceError."""
        self.first_name, self._wanted = first, device
        self._damaged: dict[str, str] = {}  # data set -> why its manifest is not used; replaced, never changed
        self._locks: dict[str, threading.Lock] = {}  # one per data set: loading one does not hold up the others
        self._loaded: dict[str, tuple[tuple | None, dict, Models]] = {}  # version and content of the manifest, models
        self.device = self.first.device

    @property
    def first(self) -> Models:
        return self._load(self.first_name)

    @property
    def default_name(self) -> str:
        """The data set for calls that name none: Imagenette, or the one that the page was told to show first."""
        return "imagenette" if self.first_name == FIRST else self.first_name

    @property
    def study(self) -> Models:
        """The models whose figures are measured here: of `default_name`, or of Imagenette if others trained those."""
        return self._load("imagenette" if self.first.dataset.source else self.default_name)

    @property
    def names(self) -> list[str]:
        """The data sets that can be chosen now: those with a manifest, and those in memory that are still known."""
        there = published_datasets()
        known = {*DATASETS, *own_names()}
        return [*there, *(name for name in list(self._loaded) if name in known and name not in there)]

    @property
    def problems(self) -> dict[str, str]:
        """What is unreadable of the data sets in memory: "<data set>" is its manifest, "<data set>/<model>" a model."""
        return self._damaged | {
            f"{name}/{model}": sentence
            for name, (_, _, models) in list(self._loaded.items())
            for model, sentence in models.problems.items()
        }

    def __getitem__(self, name: str) -> Models:
        """Raises DataError for a data set that has no checkpoints, or CheckpointError."""
        if name not in self.names:
            raise DataError(f"There is no data set {name!r} with models. Known: {', '.join(self.names)}.")
        return self._load(name)

    def is_loaded(self, name: str) -> bool:
        loaded = self._loaded.get(name)
        return loaded is not None and loaded[0] == _version(name)

    def _load(self, name: str) -> Models:
        with self._locks.setdefault(name, threading.Lock()), deadlines.within(None):  # others wait for it too
            if not self.is_loaded(name):
                try:
                    self._loaded[name] = self._read(name)
                except (CheckpointError, DataError) as error:
                    if name not in self._loaded:
                        raise
                    # not tried again before the manifest changes
                    self._loaded[name] = (_version(name), *self._loaded[name][1:])
                    self._damaged = self._damaged | {name: str(error)}
                else:
                    self._damaged = {other: said for other, said in self._damaged.items() if other != name}
            models = self._loaded[name][2]
            models.look_again()
            return models

    def _read(self, name: str) -> tuple[tuple | None, dict, Models]:
        now, manifest = _version(name), read_manifest(name)
        _, before, models = self._loaded.get(name, (None, None, None))
        if models is None or manifest != before:  # a file that was merely touched changes nothing
            models = Models(name, self._wanted)
            models.warm_up()
        return now, manifest, models


def _version(name: str) -> tuple | None:
    return version(checkpoint_folder(name) / "manifest.json")
