"""The sweep over many machines: Ray schedules the runs, carries their files and restarts a run whose worker died.

The driver (the process where the command was given) holds the lock of each run that is out and writes what comes back
into its own runs/, the record last. So two drivers never share a run, and a killed driver loses none that has ended.
The package travels with the tasks, so that every worker runs the driver's code. Images do not: each worker reads its
own $ATTENTION_DATA. docs/sweep.md says how to set machines up.
"""

import math
import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from attention.core import devices, paths
from attention.core.files import WriteError, write_bytes
from attention.core.paths import DEFAULT_ROOT, PACKAGE
from attention.pictures.datasets import DataError
from attention.training import trainer
from attention.training.recipes import Recipe
from attention.training.records import RunTaken, claim, code_commit, read_record, run_folder
from attention.training.sweep import SweepError, Task, late, record_of, train

LOCAL = "local"  # the address that stands for a cluster of our own, on this machine
RETRIES = 3  # of a run whose worker died; a run that raises an error itself is not tried again
LOOK_EVERY_S = 10  # for machines that joined or left


class WorkerError(SweepError):
    """A worker cannot train any run: no data set, no such device, no disk; the message names it and what to do."""


@dataclass(frozen=True)
class Share:
    """The resources of a machine that one run uses."""

    device: str  # cpu, cuda or mps
    threads: int  # on a CPU, another count gives other weights
    gpus: float

    @property
    def cpus(self) -> int:
        return self.threads if self.device == "cpu" else 1

    def fits(self, nodes: list[dict]) -> int:
        """How many runs the machines in `nodes`, as ray.nodes() lists them, can train at the same time."""

        def times(resources: dict) -> float:
            by_gpu = resources.get("GPU", 0) / self.gpus if self.gpus else math.inf
            return min(resources.get("CPU", 0) / self.cpus, by_gpu)

        return sum(int(times(node["Resources"]) + 1e-6) for node in nodes if node["Alive"])


def sweep(
    tasks: list[Task],
    recipe: Recipe,
    *,
    address: str = LOCAL,
    device: str = "auto",
    workers: int = 1,
    limit_minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Train the missing runs on a Ray cluster: the one at `address`, or a local one with `workers` workers.

    A run uses 1/workers of torch's thread count here. On GPUs it uses 1/workers of one, or of all in a local cluster,
    but at most one GPU. Raises SweepError.
    """
    deadline = time.time() + 60 * limit_minutes if limit_minutes else None
    with _cluster(address, device, workers) as (ray, share):
        if not share.fits(ray.nodes()):
            needs = f"{share.gpus:g} of a GPU" if share.gpus else f"{share.cpus} CPU thread(s)"
            raise SweepError(f"No machine of the Ray cluster has {needs} for a run. Change --threads or --workers.")
        _Driver(ray, share, recipe, deadline, say).train(tasks)


@contextmanager
def _cluster(address: str, device: str, workers: int) -> Iterator[tuple]:
    """Yields (ray, Share) while connected; a local cluster ends with the block. Raises SweepError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read at import: Ray sends no usage statistics
    try:
        import ray
    except ImportError:
        raise SweepError("Ray is not installed. Run: python -m pip install -r requirements-ray.txt") from None
    threads = max(1, torch.get_num_threads() // workers)
    if address == LOCAL:
        kind = devices.pick_device(device).type
        gpus = torch.cuda.device_count() if kind == "cuda" else 0
        share = Share(kind, threads, min(1, gpus / workers))
        options = {"num_cpus": workers * share.cpus, "num_gpus": gpus, "include_dashboard": False}
        options["_node_ip_address"] = "127.0.0.1"  # not for other machines
    else:
        _check_answers(address)
        options = {}
    with tempfile.TemporaryDirectory(prefix="attention-code-") as code:
        options |= {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": _runtime_env(code, address)}
        try:
            _connect(address, options)
        except (ConnectionError, RuntimeError, ValueError) as error:  # no cluster there, or another version
            token = "" if address == LOCAL else " A cluster that wants its token needs RAY_AUTH_MODE=token here too."
            raise SweepError(f"Ray cannot be used at {address}: {str(error).strip().splitlines()[0]}{token}") from error
    try:
        if address != LOCAL:
            kind = device if device != "auto" else "cuda" if ray.cluster_resources().get("GPU") else "cpu"
            share = Share(kind, threads, 1 / workers if kind == "cuda" else 0)
        yield ray, share
    finally:
        ray.shutdown()


def _connect(address: str, options: dict) -> None:
    """Calls ray.init, up to three times for a remote cluster, because one that is only busy fails after seconds."""
    import ray

    for attempts_left in (2, 1, 0):
        try:
            ray.init(address, **options)
            return
        except ConnectionError:
            if not attempts_left or address == LOCAL:
                raise
            time.sleep(2)


def _check_answers(address: str) -> None:
    """Raises SweepError where nothing answers at `address`, because Ray itself would wait for ever."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError):
        raise SweepError(
            f"No Ray cluster answers at {address}: start one with ray start --head, and give its HOST:PORT."
        ) from None


def _runtime_env(folder: str, address: str) -> dict:
    """What workers get: a copy of the package as it is now, and the commit that their records name.

    Without a working directory, Ray would import a checkout of another commit that lies in the same place on a worker.
    """
    shutil.copytree(PACKAGE, Path(folder) / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    variables = {"ATTENTION_COMMIT": code_commit()}
    if address == LOCAL:
        variables["ATTENTION_DATA"] = os.environ.get("ATTENTION_DATA") or str(DEFAULT_ROOT)
    return {"working_dir": folder, "env_vars": variables}


def train_here(task: Task, recipe: Recipe, share: Share, deadline: float | None, state: bytes | None) -> dict:
    """Runs on a worker: trains one run in a temporary folder and returns its files, {name: bytes}.

    These are weights, predictions and record or, past the deadline, at most the state to go on from. `state` is such a
    state of an earlier attempt. Raises WorkerError.
    """
    torch.set_num_threads(share.threads)
    with tempfile.TemporaryDirectory(prefix="attention-run-") as scratch:
        paths.RUNS = Path(scratch)  # this process works only for Ray; the driver holds the run's lock
        folder = run_folder(task.variant, task.dataset, recipe, task.seed)
        folder.mkdir(parents=True)
        try:
            if state is not None:
                write_bytes(folder / "state.pt", state)
            if not late(deadline):
                train(task, recipe, devices.pick_device(share.device), deadline)
        except trainer.Stopped:
            pass
        except (DataError, devices.DeviceError, WriteError) as error:
            raise WorkerError(f"Worker {platform.node()}: {error}") from None
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


class _Driver:
    """Hands runs out, holds the lock of each, and writes the files that come back into runs/."""

    def __init__(self, ray, share: Share, recipe: Recipe, deadline: float | None, say: Callable[[str], None]):
        self.ray, self.share, self.recipe, self.deadline, self.say = ray, share, recipe, deadline, say
        self.remote = ray.remote(train_here).options(
            num_cpus=share.cpus, num_gpus=share.gpus, max_retries=RETRIES, name="attention run"
        )
        self.problem: WorkerError | None = None

    def train(self, tasks: list[Task]) -> None:
        queue, out = self._claimed(tasks), {}
        try:
            while True:
                while len(out) < self.share.fits(self.ray.nodes()) and not self._ending():
                    if (held := next(queue, None)) is None:
                        break
                    out[self._send(held[0])] = held
                if not out:
                    break
                for done in self.ray.wait(list(out), timeout=LOOK_EVERY_S)[0]:
                    task, hold = out.pop(done)
                    with hold:
                        self._receive(task, done)
        finally:
            for _, hold in out.values():
                hold.close()
        if self.problem:
            raise self.problem

    def _ending(self) -> bool:
        return self.problem is not None or late(self.deadline)

    def _claimed(self, tasks: list[Task]) -> Iterator[tuple[Task, ExitStack]]:
        """The missing runs that no process holds, each with a stack that holds its lock until it is closed."""
        for task in tasks:
            if record_of(task, self.recipe) is not None:
                continue
            hold = ExitStack()
            try:
                hold.enter_context(claim(self._folder(task)))
            except RunTaken:
                continue
            if record_of(task, self.recipe) is None:
                yield task, hold
            else:  # another process ended it just now
                hold.close()

    def _folder(self, task: Task) -> Path:
        return run_folder(task.variant, task.dataset, self.recipe, task.seed)

    def _send(self, task: Task):
        state = self._folder(task) / "state.pt"
        begun = state.read_bytes() if state.exists() else None
        return self.remote.remote(task, self.recipe, self.share, self.deadline, begun)

    def _receive(self, task: Task, done) -> None:
        try:
            files = self.ray.get(done)
        except WorkerError as error:  # the machine's fault: hand out no more runs, wait for those that are out
            self.problem = self.problem or WorkerError(str(error.cause))
            self.say(f"{task} was not trained, and no further run is handed out. {self.problem}")
        except trainer.TrainingError as error:  # one run that diverged does not end the others
            self.say(f"{task} failed: {error.cause}")
        except (self.ray.exceptions.WorkerCrashedError, self.ray.exceptions.OutOfMemoryError) as error:
            reason = type(error).__name__
            self.say(f"{task} failed: its worker died {RETRIES + 1} times ({reason}). Start the sweep again to retry.")
        else:
            self._write(task, files)

    def _write(self, task: Task, files: dict[str, bytes]) -> None:
        folder = self._folder(task)
        for name in sorted(files, key=lambda name: name == "record.json"):  # last: a record means that the run is whole
            write_bytes(folder / name, files[name])
        if "record.json" not in files:
            self.say(f"saved and left at the time limit: {task}")
            return
        (folder / "state.pt").unlink(missing_ok=True)
        record = read_record(folder / "record.json")
        self.say(f"{task}: {record['accuracy']:.2%}, {record['seconds']:.0f} s")
