"""The page on models that take their time where a file says so: python tests/browser/slow.py FOLDER PORT.

While FOLDER/slow is there each model takes PAUSE_S, while FOLDER/hold is there none ends, and every picture is taken for a
foreign one while FOLDER/foreign is; every model that runs is a line of FOLDER/ran.
"""

import sys
import time
from pathlib import Path

import torch

from attention.inference.compare import Models

PAUSE_S = 0.6


def main(folder: Path, port: str) -> None:
    torch.set_num_threads(1)  # one model after another
    run = Models.run

    def slowly(models: Models, name: str, *arguments):
        if (folder / "slow").exists():
            time.sleep(PAUSE_S)
        while (folder / "hold").exists():
            time.sleep(0.02)
        with open(folder / "ran", "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return run(models, name, *arguments)

    judge = Models.looks_foreign
    Models.run = slowly
    Models.looks_foreign = lambda *arguments: judge(*arguments) or (folder / "foreign").exists()
    import app

    app.main(["--device", "cpu", "--dataset", "imagenette", "--port", port])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
