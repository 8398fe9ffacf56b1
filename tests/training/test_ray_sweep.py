"""The sweep over a Ray cluster: the records of the sequential one, whatever dies on the way.

`pytest -s -k ray` prints what it compared. Clusters are real ones on this machine, with workers that are processes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from attention.cli.main import main
from attention.core import paths
from attention.core.files import sha256
from attention.core.paths import ROOT
from attention.models.variants import VARIANTS
from attention.pictures.datasets import DATASETS
from attention.training import ray_sweep, sweep
from attention.training.ray_sweep import Share
from attention.training.recipes import RECIPES
from attention.training.records import claim, run_folder
from attention.training.sweep import SweepError, Task

pytestmark = pytest.mark.served

CPU = torch.device("cpu")
WIDTHS = (8, 16, 16, 16)
TINY = replace(RECIPES["smoke"], name="tiny", phases=((2, 32),), batch_size=20)
TASKS = sweep.study(["imagenette"], [0, 1], ["baseline", "se-block"])
MEASURED = ("seconds", "seconds_an_epoch", "peak_memory_mb", "ended")  # the rest of a record is decided beforehand


@pytest.fixture(autouse=True)
def small(tiny_dataset, runs, tmp_path, monkeypatch):
    for name, variant in VARIANTS.items():
        monkeypatch.setitem(VARIANTS, name, replace(variant, widths=WIDTHS))
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(paths, "RECORDS", tmp_path / "records")
    monkeypatch.setenv("ATTENTION_COMMIT", "tested")
    monkeypatch.setattr("attention.cli.train.set_threads", lambda count: None)  # seeded() has set one, for every test
    sweep.splits_of.cache_clear()
    sent_as_it_is = ray_sweep._runtime_env
    hook = small_world(dict.fromkeys(VARIANTS, WIDTHS), 40, 20, str(tmp_path / "killed"))
    monkeypatch.setattr(
        ray_sweep, "_runtime_env", lambda *given: sent_as_it_is(*given) | {"worker_process_setup_hook": hook}
    )


def small_world(widths: dict, train_images: int, val_images: int, killed: str):
    """What a worker does when it starts, so that it trains the small networks of these tests on their small images."""

    def hook():
        import os
        import signal
        from dataclasses import replace
        from pathlib import Path

        from attention.models.variants import VARIANTS
        from attention.pictures import datasets
        from attention.training import trainer

        for name, value in widths.items():
            VARIANTS[name] = replace(VARIANTS[name], widths=value)
        info = datasets.DATASETS["imagenette"]
        datasets.DATASETS["imagenette"] = replace(info, train_images=train_images, val_images=val_images)
        crop, calls = trainer.crop, []

        def crop_or_die(*arguments):
            calls.append(1)
            if len(calls) == 3 and Path(killed).parent.joinpath("kill-one").exists() and not Path(killed).exists():
                Path(killed).touch()
                os.kill(os.getpid(), signal.SIGKILL)  # in the second epoch of a run
            return crop(*arguments)

        trainer.crop = crop_or_die

    return hook


def decided(record: dict) -> dict:
    """A record without what is measured."""
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in record["history"]]
    return json.loads(json.dumps({key: record[key] for key in record if key not in MEASURED} | {"history": history}))


def sequential(tmp_path, monkeypatch) -> dict[Task, dict]:
    with monkeypatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path / "sequential")
        return dict(zip(TASKS, sweep.work(TASKS, TINY, CPU, say=lambda line: None), strict=True))


def records() -> dict[Task, dict]:
    return {task: sweep.record_of(task, TINY) for task in TASKS}


def rays_processes() -> dict[str, str]:
    """Ray's daemons and workers on this machine: process number -> command line."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended just now
            continue
        if line.startswith("ray::") or "/ray/core/" in line or "/ray/_private/" in line or "/ray/dashboard/" in line:
            found[path.parent.name] = line[:80]
    return found


def gone(before: dict[str, str], lingering: str = "\0", seconds: int = 60) -> bool:
    """Whether all that were not there before end soon, but for those whose command line contains `lingering`."""
    deadline = time.monotonic() + seconds
    left = True
    while left and time.monotonic() < deadline:
        left = {pid: line for pid, line in rays_processes().items() if pid not in before and lingering not in line}
        time.sleep(0.2)
    return not left


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_two_ray_workers_make_the_records_of_the_sequential_sweep(tmp_path, monkeypatch, capsys):
    """One of the workers is killed in mid-run, too: Ray starts that run again."""
    expected, before = sequential(tmp_path, monkeypatch), rays_processes()
    (tmp_path / "kill-one").touch()
    torch.set_num_threads(2)  # two workers with one each
    arguments = ["sweep", "--ray", "--workers", "2", "--recipe", "tiny", "--seeds", "0,1", "--device", "cpu"]
    assert main([*arguments, "--dataset", "imagenette", "--variants", "baseline,se-block"]) == 0
    printed = capsys.readouterr()
    print(printed.out + printed.err)
    assert (tmp_path / "killed").exists(), "a worker died"
    for task, record in records().items():
        print(f"{task}: Ray {record['weights_sha256'][:16]}, sequential {expected[task]['weights_sha256'][:16]}")
        assert decided(record) == decided(expected[task])
        folder = run_folder(task.variant, task.dataset, TINY, task.seed)
        assert sha256(folder / "weights.safetensors") == record["weights_sha256"] and load_file(
            folder / "weights.safetensors"
        )
        assert sorted(p.name for p in folder.iterdir()) == ["lock", "predictions.npz", "record.json", "weights.safetensors"]  # fmt: skip
    assert "4 of 4 runs are missing" in printed.out and printed.out.count("%, ") == 4 and printed.err == ""
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert gone(before), rays_processes()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """`ray start` with one machine of two threads; its workers find a data set, and another commit of the package."""
    (tmp_path / "stale" / "attention").mkdir(parents=True)
    (tmp_path / "stale" / "attention" / "__init__.py").write_text("raise ImportError('the code of another commit')")
    before, address = rays_processes(), f"127.0.0.1:{free_port()}"
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    head = subprocess.Popen(
        [*ray, "start", "--head", "--block", "--num-cpus=2", "--num-gpus=0", "--include-dashboard=false",
         "--disable-usage-stats", "--node-ip-address=127.0.0.1", f"--port={address.rpartition(':')[2]}"],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "stale")}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    for line in head.stdout:
        if "Ray runtime started" in line:
            break
    yield address
    head.terminate()
    head.communicate(timeout=60)
    assert gone(before), rays_processes()


def on(address: str, **options) -> list[str]:
    said = []
    ray_sweep.sweep(TASKS, TINY, address=address, device="auto", say=said.append, **options)
    return said


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_ray_cluster_that_runs_already(cluster, tmp_path, monkeypatch):
    """The driver's code and begun runs reach its workers; a run that is held elsewhere is left; limits and faults are told."""
    expected = sequential(tmp_path, monkeypatch)
    torch.set_num_threads(1)

    with pytest.raises(SweepError, match="No machine of the Ray cluster has 3 CPU"), monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 3)
        on(cluster)
    with pytest.raises(SweepError, match="No machine of the Ray cluster has 1 of a GPU"):
        ray_sweep.sweep(TASKS, TINY, address=cluster, device="cuda")

    images = Path(os.environ["ATTENTION_DATA"]) / DATASETS["imagenette"].folder
    images.rename(images.with_name("elsewhere"))
    with pytest.raises(SweepError, match=r"^Worker .*: Imagenette is not on this machine.*ATTENTION_DATA") as raised:
        on(cluster)
    print(raised.value)
    assert "\n" not in str(raised.value) and set(records().values()) == {None}
    images.with_name("elsewhere").rename(images)

    with claim(run_folder("baseline", "imagenette", TINY, 0)):
        on(cluster)
    done = records()
    assert [task for task in TASKS if done[task] is None] == [Task("imagenette", "baseline", 0)]

    with pytest.raises(sweep.trainer.Stopped):
        sweep.trainer.train("baseline", "imagenette", TINY, 0, device=CPU, quiet=True, stop=lambda: True)
    state = run_folder("baseline", "imagenette", TINY, 0) / "state.pt"
    assert on(cluster, limit_minutes=1e-9) == [] and state.exists(), "nothing is begun when the time is over"
    on(cluster)
    assert not state.exists()
    assert {task: decided(record) for task, record in records().items()} == {
        task: decided(record) for task, record in expected.items()
    }


DRIVER = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
sys.path.insert(0, "tests/training")
from test_ray_sweep import TASKS, TINY, WIDTHS, small_world
from attention.core import paths
from attention.training import ray_sweep
torch.set_num_threads(1)
paths.RUNS, paths.RECORDS = Path(sys.argv[1]), Path(sys.argv[1]) / "none"
send = ray_sweep._runtime_env
hook = small_world({"baseline": WIDTHS, "se-block": WIDTHS}, 40, 20, sys.argv[1] + "/killed")
ray_sweep._runtime_env = lambda *given: send(*given) | {"worker_process_setup_hook": hook}
ray_sweep.sweep(TASKS, TINY, device="cpu", say=lambda line: print(line, flush=True))
"""


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_ray_driver_that_is_killed_loses_no_run_that_has_ended(tmp_path, runs):
    before = rays_processes()
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(runs)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as driver:
        first = driver.stdout.readline()
        driver.send_signal(signal.SIGKILL)
    print(f"killed after: {first.strip()}")
    assert first.startswith("imagenette baseline seed 0: ")
    assert gone(before, lingering="Agent"), rays_processes()  # two agents notice it within two minutes
    ended = [task for task, record in records().items() if record]
    assert 1 <= len(ended) < len(TASKS)
    for task in ended:
        folder = run_folder(task.variant, task.dataset, TINY, task.seed)
        assert sha256(folder / "weights.safetensors") == sweep.record_of(task, TINY)["weights_sha256"]
    for task in TASKS:
        with claim(run_folder(task.variant, task.dataset, TINY, task.seed)):
            pass  # nobody holds it any longer


def test_how_many_runs_fit_the_machines_of_a_cluster():
    nodes = [
        {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}},
        {"Alive": True, "Resources": {"CPU": 3.0}},
        {"Alive": False, "Resources": {"CPU": 99.0, "GPU": 9.0}},
    ]
    assert Share("cpu", 2, 0).fits(nodes) == 8 + 1
    assert Share("cpu", 32, 0).fits(nodes) == 0
    assert Share("cuda", 32, 1).fits(nodes) == 2
    assert Share("cuda", 32, 1 / 3).fits(nodes) == 6
    assert Share("cuda", 1, 1).fits([]) == 0


@pytest.mark.parametrize("address", ["127.0.0.1:{free}", "nonsense", "ray://127.0.0.1:{free}", "127.0.0.1:x"])
def test_where_no_ray_answers(address, capsys):
    assert main(["sweep", "--recipe", "tiny", "--ray", address.format(free=free_port())]) == 2
    error = capsys.readouterr().err
    assert "No Ray cluster answers at" in error and error.count("\n") == 1


def test_a_cluster_that_does_not_let_us_in(monkeypatch, capsys):
    """Ray itself says nothing of the token that the cluster wants, but in its log."""

    def refuse(address, options):
        raise ConnectionError("Failed to connect to Ray cluster.\nMore lines.")

    monkeypatch.setattr(ray_sweep, "_connect", refuse)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert main(["sweep", "--recipe", "tiny", "--ray", address]) == 2
    said = f"Ray cannot be used at {address}: Failed to connect to Ray cluster. A cluster that wants its token"
    error = capsys.readouterr().err
    assert error.startswith(said) and "RAY_AUTH_MODE=token" in error and error.count("\n") == 1


def test_without_ray(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["sweep", "--recipe", "tiny", "--ray"]) == 2
    assert capsys.readouterr().err == "Ray is not installed. Run: python -m pip install -r requirements-ray.txt\n"


def test_a_run_goes_on_from_the_state_that_another_worker_sent_back(runs, tmp_path, monkeypatch):
    alone = sweep.trainer.train("baseline", "imagenette", TINY, 0, device=CPU, quiet=True)
    given, share = (Task("imagenette", "baseline", 0), TINY), Share("cpu", 1, 0)
    monkeypatch.setattr(paths, "RUNS", runs)  # what a worker sets for good is put back after this test
    with monkeypatch.context() as patch:
        answers = iter([False, True])  # in time when it begins, late after its first epoch
        patch.setattr(ray_sweep, "late", lambda deadline: next(answers))
        sent_back = ray_sweep.train_here(*given, share, 0.0, None)
    assert list(sent_back) == ["state.pt"]
    files = ray_sweep.train_here(*given, share, None, sent_back["state.pt"])
    assert sorted(files) == ["predictions.npz", "record.json", "weights.safetensors"]
    assert decided(json.loads(files["record.json"])) == decided(alone)
