"""Imports point one way, and libraries stay where the plan in CONTRIBUTING.md puts them."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "attention"
FLOORS = (  # a module imports from its own package and from those above it in this list, not from a neighbour
    ("core",),
    ("pictures",),
    ("models",),
    ("maps",),
    ("training", "inference"),
    ("study",),
    ("serving",),
    ("web",),
    ("cli",),
)
ONLY = {  # what a package, or a module, may take of ours where that is less than its floor allows
    "attention.serving": ("attention.serving", "attention.core"),
    "attention.models.mechanisms": ("attention.models.mechanisms",),
}
WEB_FOR_THE_COMMAND_LINE = {"attention.web", "attention.web.report", "attention.web.server"}
LIBRARIES = {  # where alone a library may be imported; the rest runs on bare GPU machines, which have none of these
    "gradio": ("attention.web",),
    "gradio_client": ("attention.web",),
    "plotly": ("attention.web.charts",),
    "jinja2": ("attention.web.render",),
    "fastapi": ("attention.web", "attention.serving"),
    "starlette": ("attention.web", "attention.serving"),
    "uvicorn": ("attention.web", "attention.serving"),
    "timm": ("attention.models.imagenet",),
    "onnx": ("attention.inference.export",),
    "ray": ("attention.training.ray_sweep",),
}
TORCH_ALONE = {"torch", "attention", "inspect", "dataclasses", "math"}  # what mechanisms import


def module_name(path: Path) -> str:
    return ".".join(("attention", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Full names of what a file imports, wherever in it: of ours the modules, of others as they are written."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by a relative path"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & MODULES.keys() | ({node.module} if inside - MODULES.keys() else set())
    return found


IMPORTS = {name: imports(path) for name, path in MODULES.items()}
OURS = {name: {other for other in found if other in MODULES} for name, found in IMPORTS.items()}


def is_in(name: str, packages) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_imports_point_down_and_in_no_circle():
    floor = {package: number for number, packages in enumerate(FLOORS) for package in packages}
    upwards = []
    for name, others in OURS.items():
        package = name.split(".")[1] if "." in name else ""
        for other in others:
            below = other.split(".")[1] if "." in other else ""
            allowed = below == package or floor.get(below, -1) < floor.get(package, len(FLOORS))
            for place, least in ONLY.items():
                allowed &= not is_in(name, [place]) or is_in(other, least)
            if package == "cli" and below == "web":
                allowed &= other in WEB_FOR_THE_COMMAND_LINE
            upwards += [] if allowed else [f"{name} imports {other}"]
    assert upwards == []
    # a package comes with its __init__, which may name what lies in it
    graphlib.TopologicalSorter({name: others - {name} for name, others in OURS.items()}).prepare()


def test_libraries_stay_where_they_belong():
    strays = [
        f"{name} imports {library}"
        for name, found in IMPORTS.items()
        for library in {other.split(".")[0] for other in found} & LIBRARIES.keys()
        if not is_in(name, LIBRARIES[library])
    ]
    mechanisms = [name for name in MODULES if is_in(name, ["attention.models.mechanisms"])]
    strays += [name for name in mechanisms if {other.split(".")[0] for other in IMPORTS[name]} - TORCH_ALONE]
    assert strays == []


def test_the_page_starts_without_what_only_some_commands_need():
    """torchvision and scipy.stats take a fifth of the page's start; a download, training and statistics import them."""
    late = ("torchvision", "scipy.stats", "onnx", "timm", "attention.models.imagenet")
    code = f"import sys; import attention.web.page; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=250)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_module_says_what_it_is_for():
    for path in MODULES.values():
        source = path.read_text(encoding="utf-8")
        assert not source.strip() or ast.get_docstring(ast.parse(source)), path
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}
