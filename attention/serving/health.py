"""What /healthz answers: 200 when a model, in turn, still answers as a model does, and files of visitors can be kept."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = "attention-lab-uploads"  # a name that no checkout has: it is emptied
FRESH_SECONDS = 10  # an answer is good for so long: checks may come often, and models have other work


def upload_folder() -> Path:
    """Where gradio keeps what visitors send and what is made for them, once cli/serve.py has told it so: a folder of this page's alone.

    All in it is counted and, after its time, deleted; in the folder above other programs' pages keep their files.
    """
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio")
    return folder if folder.name == FOLDER else folder / FOLDER


class Health:
    """`Health(models)()` -> (healthy, what is said). `models` gives the Models that are shown first.

    `problems` gives what cannot be read and why, `uploads` is the folder of visitors' files.
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
        except Exception as error:  # whatever it is, the page is not well, and nobody outside needs its words
            return False, {"status": type(error).__name__}
        if models.problems:
            return True, {"status": "some models are unavailable", **said}
        return True, {"status": "ok" if not problems else "some files cannot be read", **said}


def check_writable(folder: Path | None) -> None:
    """Raises OSError where nothing can be written into a folder, which would else be met in mid-request."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(65_536))  # an empty file finds a place on a full disk too


def answers(models, name: str) -> bool:
    """Whether a model makes probabilities of a grey ramp: finite, and 1 in sum."""
    ramp = Image.linear_gradient("L").convert("RGB")
    probabilities = models.run(name, models.prepare(ramp)).probabilities
    return bool(np.isfinite(probabilities).all() and abs(float(probabilities.sum()) - 1) < 1e-3)
