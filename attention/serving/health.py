"""What /healthz answers: 200 when models are loaded and one of them, in turn, still answers as a model does."""

import threading
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

FRESH_SECONDS = 10  # an answer is good for so long: checks may come often, and models have other work


class Health:
    """`Health(models)()` -> (healthy, what is said). `models` gives the Models that are shown first."""

    def __init__(self, models: Callable, clock: Callable[[], float] = time.monotonic):
        self._models, self._clock = models, clock
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
            if not able:
                return False, {"status": "no model can answer", **said}
            self._turn += 1
            name = able[self._turn % len(able)]
            if not answers(models, name):
                return False, {"status": f"{name} does not answer as a model does", **said}
        except Exception as error:  # whatever it is, the page is not well, and nobody outside needs its words
            return False, {"status": type(error).__name__}
        return True, {"status": "ok" if not models.problems else "some models are unavailable", **said}


def answers(models, name: str) -> bool:
    """Whether a model makes probabilities of a grey ramp: finite, and 1 in sum."""
    ramp = Image.linear_gradient("L").convert("RGB")
    probabilities = models.run(name, models.prepare(ramp)).probabilities
    return bool(np.isfinite(probabilities).all() and abs(float(probabilities.sum()) - 1) < 1e-3)
