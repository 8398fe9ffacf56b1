"""Imports point one way, and gradio and torch stay where the plan in CONTRIBUTING.md puts them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "attention"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [  # a module imports from its own layer or those before it
    {
        "mechanisms",
        "cores",
        "deadline",
        "files",
        "paths",
        "intervals",
        "preprocessing",
        "overlay",
        "visible",
        "devices",
        "uploads",
        "upload_limits",
        "upload_worker",
        "figures",
        "question_figures",
        "study_figures",
        "map_scores",
        "datasets",
        "recipes",
        "muon",
        "graphs",
        "timing",
        "corruption",
        "map_words",
        "localisation",
        "located",
        "guess",
        "diagrams",
    },
    {"network", "runs", "evaluation", "scoring", "samples", "augmentation", "own", "serving"},
    {"variants", "heatmaps", "activation", "foreign", "presentation", "optimisation", "fusion"},
    {"strengths", "explicit", "ablation", "randomisation", "faithfulness", "anatomy", "slots"},
    {"training", "checkpoints", "benchmark", "mechanism_costs"},
    {"precision", "half_precision", "export", "imagenet", "publish"},
    {"inference", "results", "lookup", "rescoring", "predictions", "leaderboard", "score_maps", "sweep", "class_means"},
    {"ray_sweep", "model_sets", "examination", "contact_sheet", "batch"},
    {"ui", "report"},  # the page offers the report, which is made of the page's pieces
    {"__main__"},
]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "attention":
            found |= {f"attention.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def own(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("attention.")} - {name_of(path)}


def layer(name: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    name = name_of(path)
    if name == "__init__":
        assert not own(path)
        return
    assert all(layer(other) <= layer(name) for other in own(path)), (name, own(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_gradio_is_known_to_the_page_alone(path):
    tops = {name.split(".")[0] for name in imports(path)}
    if name_of(path) != "ui":
        assert "gradio" not in tops
    if name_of(path) in {
        "training",
        "evaluation",
        "benchmark",
        "mechanism_costs",
        "timing",
        "datasets",
        "network",
        "mechanisms",
        "variants",
        "runs",
    }:
        assert not tops & {"gradio", "plotly"}, "these run on machines that have neither"


@pytest.mark.parametrize(
    "name",
    [
        "figures",
        "question_figures",
        "study_figures",
        "diagrams",
        "guess",
        "presentation",
        "uploads",
        "upload_limits",
        "upload_worker",
    ],
)
def test_drawing_knows_no_torch(name):
    assert not {top.split(".")[0] for top in imports(PACKAGE / f"{name}.py")} & {"torch", "torchvision", "gradio"}


def test_mechanisms_know_torch_alone():
    for path in PACKAGE.glob("mechanisms/*.py"):
        assert {name.split(".")[0] for name in imports(path)} <= {
            "torch",
            "attention",
            "inspect",
            "dataclasses",
            "math",
        }
        assert own(path) == set()


def test_the_page_starts_without_what_only_some_commands_need():
    """torchvision and scipy.stats take a fifth of the page's start; a download, training and statistics import them."""
    late = ("torchvision", "scipy.stats", "onnx", "timm", "attention.imagenet")
    code = f"import sys; import attention.ui.page; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=250)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_module_says_what_it_is_for():
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        assert not source.strip() or ast.get_docstring(ast.parse(source)), path
