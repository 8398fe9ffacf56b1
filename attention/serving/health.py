"""The health check at /healthz: 200 if the next model in turn gives valid probabilities and uploads can be saved."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = "attention-lab-uploads"  # a name that no checkout has, because old files in it are deleted
FRESH_SECONDS = 10  # a result is reused for this long, because checks may come often and models have other work


def upload_folder() -> Path:
    """This page's own folder for uploads and for files made for visitors; cli/serve.py tells Gradio to use it.

    Everything in it counts towards the disk limit and is deleted when it is too old. Other Gradio programs keep their
    files in the folder above.
    """
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio")
    return folder if folder.name == FOLDER else folder / FOLDER


class Health:
    """`Health(models)()` -> (healthy, the JSON of the answer). `models()` gives the Models that are shown first.

    `problems()` gives what cannot be read and why; `uploads` is the folder of visitors' files.
    """

    def __init__(
        self, models: Callable, clock: Callable[[], float] = time.monotonic,
        problems: Callable[[], dict[str, str]] = dict, uploads: Path | None = None,
    ):  # fmt: skip
        self._models, self._clock, self._problems, self._uploads = models, clock, problems, uploads
        self._lock, self._turn = threading.Lock(), 0
        self._said: tuple[bool, dict] = (False, {"status": "starting"})
        self._until = -1.0

    def __call__(self) -> tuple[bool, dict]:
        with self._lock:
            if self._clock() >= self._until:
                self._said = self._check()
                self._until = self._clock() + FRESH_SECONDS
            return self._said

    def _check(self) -> tuple[bool, dict]:
        try:
            models = self._models()
            able = [name for name in models.names if name not in models.problems]
            said = {"models": len(able), "unavailable": sorted(models.problems)}
            if problems := self._problems():
                said["problems"] = problems
            if not able:
                return False, {"status": "no model can answer", **said}
            self._turn += 1
            name = able[self._turn % len(able)]
            if not answers(models, name):
                return False, {"status": f"{name} does not answer as a model does", **said}
            try:
                check_writable(self._uploads)
            except OSError as error:
                return False, {"status": f"no place for uploads: {error.strerror}", **said}
        except Exception as error:  # any error means unhealthy; outsiders see its type and not its message
            return False, {"status": type(error).__name__}
        if models.problems:
            return True, {"status": "some models are unavailable", **said}
        return True, {"status": "ok" if not problems else "some files cannot be read", **said}


def check_writable(folder: Path | None) -> None:
    """Raises OSError if nothing can be written into a folder, so that it is noticed before a request fails."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(65_536))  # not empty, because an empty file fits on a full disk too


def answers(models, name: str) -> bool:
    """Whether a model's probabilities for a grey ramp are finite and sum to 1."""
    ramp = Image.linear_gradient("L").convert("RGB")
    probabilities = models.run(name, models.prepare(ramp)).probabilities
    return bool(np.isfinite(probabilities).all() and abs(float(probabilities.sum()) - 1) < 1e-3)
