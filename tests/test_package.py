"""What pip installs: the files of a wheel, its requirements and its command, and where an installed package finds files."""

import importlib
import os
import runpy
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from attention.cli.main import main
from attention.core import paths
from attention.models import checkpoints
from tests.test_supply_chain import pins

pytestmark = pytest.mark.served


@pytest.fixture
def distribution(monkeypatch):
    """What setup.py and pyproject.toml say, as pip reads them; nothing is built."""
    importlib.import_module("setuptools")  # it brings distutils
    monkeypatch.chdir(paths.ROOT)
    return importlib.import_module("distutils.core").run_setup("setup.py", stop_after="config")


def test_a_wheel_holds_what_the_page_reads_and_no_weights(distribution):
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    build.build_lib = ""
    held = set(build.get_outputs(include_bytecode=False))
    listed = subprocess.run(
        ["git", "ls-files", "attention", "data/results"], capture_output=True, text=True, check=True
    )
    committed = {name.replace("data/", "attention/shipped/data/") for name in listed.stdout.split()}
    pictures = {f"attention/shipped/samples/{path.name}" for path in paths.SAMPLES.glob("*.jpg")}
    assert committed | pictures | {"attention/shipped/samples/samples.json"} <= held
    assert {name.split("/")[0] for name in held} == {"attention"}
    assert not [name for name in held if name.endswith((".safetensors", ".pov", ".pyi"))]


def test_the_requirements_are_those_of_the_files(distribution):
    def listed(name: str) -> list[str]:
        return [f"{package}=={version}" for package, version in pins(name).items()]

    extras = {name: listed(f"requirements-{name}.txt") for name in ("benchmarks", "export", "imagenet", "ray")}
    development = extras["ray"] + extras["export"] + extras["imagenet"] + listed("requirements-dev.txt")
    assert list(distribution.install_requires) == listed("requirements.txt")
    assert {name: list(found) for name, found in distribution.extras_require.items()} == extras | {"dev": development}


def test_attention_lab_is_python_m_attention(distribution, monkeypatch):
    (command,) = distribution.entry_points["console_scripts"]
    name, _, value = command.partition(" = ")
    run = EntryPoint(name, value, "console_scripts").load()
    monkeypatch.setattr("attention.cli.main.main", lambda: os.environ["ATTENTION_HOME"])
    monkeypatch.setenv("ATTENTION_HOME", "kept")
    there = str(paths.ROOT / "there")
    for given, home in ((["list"], "kept"), (["serve", "--home", "there"], there), (["serve", "--home=there"], there)):
        monkeypatch.setattr(sys, "argv", [name, *given])
        assert (name, run()) == ("attention-lab", home)


@pytest.mark.parametrize("installed", [False, True])
def test_files_are_found_in_a_home(installed, tmp_path, monkeypatch):
    """A copy of the one module that decides, with and without what a wheel has inside the package."""
    copy = tmp_path / "lib" / "attention" / "core" / "paths.py"
    copy.parent.mkdir(parents=True)
    shutil.copy(paths.__file__, copy)
    code = tmp_path / "lib" / "attention" / "shipped" if installed else tmp_path / "lib"
    code.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for home, root in (("", tmp_path if installed else code), ("there", tmp_path / "there")):
        monkeypatch.setenv("ATTENTION_HOME", home)
        found = runpy.run_path(str(copy))
        names = {"CHECKPOINTS": root / "checkpoints", "RUNS": root / "runs", "DEFAULT_ROOT": root / "data"}
        names |= {"SAMPLES": code / "samples", "RESULTS": code / "data" / "results"}
        assert {name: found[name] for name in names} == names


def test_a_home_without_checkpoints_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    for name, folder in (("ROOT", tmp_path), ("CHECKPOINTS", tmp_path / "checkpoints")):
        monkeypatch.setattr(checkpoints, name, folder)
    assert main(["serve", "--port", "0", "--device", "cpu"]) == 2
    assert capsys.readouterr().err == (
        f"There are no checkpoints for everyday in {tmp_path}/checkpoints: clone the repository of Attention Lab, or copy its "
        "folder checkpoints/, and name the folder that holds it by serve --home, or by ATTENTION_HOME.\n"
    )
