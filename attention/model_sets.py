"""The models of every data set that has checkpoints, each set loaded when it is first asked for."""

import threading

from attention.checkpoints import checkpoint_folder, published_datasets
from attention.datasets import DataError
from attention.inference import Models


class ModelSets:
    """`sets[name]` is the Models of a data set, warmed up; made at the first call, and anew when its manifest changes.

    So a data set that is trained while the page runs is offered without a restart.
    """

    def __init__(self, first: str = "imagenette", device: str = "auto"):
        """Loads the data set that is shown first. Raises CheckpointError, DataError or DeviceError."""
        self.first_name, self._wanted = first, device
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[int, Models]] = {}  # with the time of the manifest they were made from
        self.device = self.first.device

    @property
    def first(self) -> Models:
        return self._load(self.first_name)

    @property
    def study(self) -> Models:
        """Those whose figures are measured here: of the first data set, or of Imagenette where others trained that one's."""
        return self._load("imagenette") if self.first.dataset.source else self.first

    @property
    def names(self) -> list[str]:
        """Data sets that can be chosen, now."""
        return published_datasets()

    def __getitem__(self, name: str) -> Models:
        """Raises DataError for a data set that has no checkpoints, or CheckpointError."""
        if name not in self.names:
            raise DataError(f"There is no data set {name!r} with models. Known: {', '.join(self.names)}.")
        return self._load(name)

    def is_loaded(self, name: str) -> bool:
        loaded = self._loaded.get(name)
        return loaded is not None and loaded[0] == _modified(name)

    def _load(self, name: str) -> Models:
        with self._lock:
            if not self.is_loaded(name):
                modified, models = _modified(name), Models(name, self._wanted)
                models.warm_up()
                self._loaded[name] = modified, models
            return self._loaded[name][1]


def _modified(name: str) -> int:
    path = checkpoint_folder(name) / "manifest.json"
    return path.stat().st_mtime_ns if path.exists() else 0
