"""The page on checkpoints that can be altered, and uploads on a disk of its own: python tests/browser/faulty.py FOLDER FLAGS.

While FOLDER/slow is there each model takes PAUSE_S, and FOLDER/ran has a line for every one that ran. While
FOLDER/disk-fault is there, nothing can be written into FOLDER/disk: for where no disk can be mounted (tests/faults.py).
"""

import os
import sys
import time
from pathlib import Path

from attention.inference.compare import Models
from attention.models import checkpoints
from attention.serving import health

PAUSE_S = 2.0


def main(folder: Path, flags: list[str]) -> None:
    checkpoints.CHECKPOINTS = folder / "checkpoints"
    health.FRESH_SECONDS = 0
    run = Models.run

    def slowly(models: Models, name: str, *arguments):
        found = run(models, name, *arguments)
        if (folder / "slow").exists():
            time.sleep(PAUSE_S)
            with open(folder / "ran", "a", encoding="utf-8") as file:
                file.write(f"{name}\n")
        return found

    Models.run = slowly
    Models._choose_threads = lambda *_: None  # one model after another
    _spoil(folder)
    import app

    sys.exit(app.main(["--device", "cpu", "--dataset", "imagenette", *flags]))


def _spoil(folder: Path) -> None:
    """Make os.open and os.mkdir, by which temporary files and folders come to be, fail as on a disk that is full."""
    fault, disk = folder / "disk-fault", str(folder / "disk")

    def failing(make, writes):
        def made(path, *arguments, **options):
            if str(path).startswith(disk) and writes(*arguments) and fault.exists():
                number = int(fault.read_text())
                raise OSError(number, os.strerror(number))
            return make(path, *arguments, **options)

        return made

    os.open = failing(os.open, lambda flags, *_: bool(flags & (os.O_WRONLY | os.O_RDWR)))
    os.mkdir = failing(os.mkdir, lambda *_: True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
