"""What a mechanism is made of: one forward pass of a photo, recorded operation by operation with its shapes.

Nothing here is drawn or written for one mechanism: the graph is what ran, so that a new class gets its diagram by
itself.
"""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from attention.maps.attention import AttentionMap, describe
from attention.models.network import ResNet
from attention.models.visible import watch

Shape = tuple[int, ...]
REARRANGING = {  # these only rearrange numbers and compute none, so they are no steps
    "flatten", "unflatten", "view", "view_as", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "expand", "detach",
    "contiguous", "unbind", "split", "chunk", "unfold", "flip", "clone", "float", "to", "__get__", "__getitem__",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One operation that ran, for a single image: shapes are without the batch.

    `name` is "input", "parameter", the class of a module without children ("Conv2d") or the name of a torch function
    ("mean"). `path` is that of the module or parameter; for a function, of the module whose forward called it.
    `sources` are the steps whose results it read, each with the shape that it had then. `detail` says what shapes do
    not: the size of a kernel, the number to multiply by, the dimensions of a mean.
    """

    name: str
    path: str
    shape: Shape
    sources: tuple[tuple[int, Shape], ...] = ()
    detail: str = ""
    parameters: int = 0

    @property
    def is_visible(self) -> bool:
        """Whether it makes weights that the page can show (visible.visible)."""
        return self.path.rpartition(".")[2] in ("gate", "attn")


class _Recorder(TorchFunctionMode):
    """Records as steps every torch function that makes a tensor out of known ones, and each module without children."""

    def __init__(self, module: nn.Module, x: Tensor):
        super().__init__()
        self.module, self.steps = module, [Step("input", "", _shape(x))]
        self._made = {id(x): 0}
        self._kept = [x]  # an id belongs to its tensor only while the tensor exists
        self._parameters = {id(value): name for name, value in module.named_parameters()}
        self._stack: list[str] = []
        self._in_leaf = False
        self._without_batch: set[int] = set()  # steps on parameters alone

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if not self._in_leaf:
            self._note_function(function.__name__, args, kwargs or {}, out)
        return out

    @contextmanager
    def following(self) -> Iterator[None]:
        """Puts hooks on every submodule, which are gone when the block ends, after an exception too."""
        with ExitStack() as hooks:
            for path, module in self.module.named_modules():
                about = {"path": path, "leaf": path != "" and not any(module.children())}
                hooks.enter_context(module.register_forward_pre_hook(partial(self._enter, **about)))
                hooks.enter_context(module.register_forward_hook(partial(self._leave, **about)))
            with self:
                yield

    def _enter(self, module: nn.Module, inputs: tuple, path: str, leaf: bool) -> None:
        self._stack.append(path)
        self._in_leaf = leaf

    def _leave(self, module: nn.Module, inputs: tuple, out: Tensor, path: str, leaf: bool) -> None:
        self._stack.pop()
        self._in_leaf = False
        if leaf:
            count = sum(value.numel() for value in module.parameters())
            self._add(
                Step(type(module).__name__, path, _shape(out), self._sources(inputs), _of_module(module), count), out
            )

    def _note_function(self, name: str, args: tuple, kwargs: dict, out) -> None:
        sources = self._sources(args)
        outputs = [value for value in _flat(out) if isinstance(value, Tensor)]
        if not sources or not outputs:
            return
        if name in REARRANGING:
            for value in outputs:
                self._made[id(value)] = sources[0][0]
                self._kept.append(value)
            return
        name = name.removeprefix("__r").strip("_")  # __rmul__, mul_ and mul are the same step
        path = self._stack[-1] if self._stack else ""
        learned = all(step in self._without_batch for step, _ in sources)
        for value in outputs:
            shape = tuple(value.shape) if learned else _shape(value)
            self._add(Step(name, path, shape, sources, _of_function(name, args, kwargs)), value)
            if learned:
                self._without_batch.add(len(self.steps) - 1)

    def _sources(self, args) -> tuple[tuple[int, Shape], ...]:
        found = []
        for value in _flat(args):
            if not isinstance(value, Tensor):
                continue
            if id(value) not in self._made and id(value) in self._parameters:
                name, shape = self._parameters[id(value)], tuple(value.shape)
                self._add(Step("parameter", name, shape, parameters=value.numel()), value)
                self._without_batch.add(len(self.steps) - 1)
            if id(value) in self._made:
                step = self._made[id(value)]
                found.append((step, tuple(value.shape) if step in self._without_batch else _shape(value)))
        return tuple(found)

    def _add(self, step: Step, out: Tensor) -> None:
        self.steps.append(step)
        self._made[id(out)] = len(self.steps) - 1
        self._kept.append(out)

    def result(self, out: Tensor) -> tuple[Step, ...]:
        """The steps that the output depends on, renumbered."""
        wanted, open_ = set(), [self._made[id(out)]]
        while open_:
            step = open_.pop()
            if step not in wanted:
                wanted.add(step)
                open_ += [source for source, _ in self.steps[step].sources]
        order = {old: new for new, old in enumerate(sorted(wanted))}
        steps = [self.steps[old] for old in order]
        return tuple(replace(s, sources=tuple((order[i], shape) for i, shape in s.sources)) for s in steps)


def _flat(value) -> Iterator:
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _shape(value: Tensor) -> Shape:
    return tuple(value.shape[1:])


def _of_module(module: nn.Module) -> str:
    kernel = getattr(module, "kernel_size", None)
    if kernel is None:
        return ""
    size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    return "×".join(map(str, size))


def _of_function(name: str, args: tuple, kwargs: dict) -> str:
    """The number that a tensor is multiplied by, or the dimensions of a mean, a maximum or a sum: "2 3"."""
    if name in ("mul", "add", "div", "sub"):
        number = next((value for value in args if isinstance(value, (int, float))), None)
        return "" if number is None else f"{number:,}" if isinstance(number, int) else f"{number:.3g}"
    if name in ("mean", "amax", "sum", "max"):
        dims = kwargs.get("dim", args[1] if len(args) > 1 else ())
        return " ".join(str(d) for d in (dims if isinstance(dims, (tuple, list)) else (dims,)))
    return ""


@torch.no_grad()
def trace(module: nn.Module, x: Tensor) -> tuple[Step, ...]:
    """What a module does to x (1, ...), step by step, from the input to the output. Its hooks are removed."""
    recorder = _Recorder(module, x)
    with recorder.following():
        out = module(x)
    return recorder.result(out)


# a mechanism in its model, with a photo in it


@dataclass(frozen=True)
class Weights:
    """One parameter of a module: its name and all of its numbers."""

    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Place:
    """One module of a mechanism in a model: its place, its shapes in and out for one image, its maps and weights."""

    path: str
    entered: Shape
    left: Shape
    maps: tuple[AttentionMap, ...]
    weights: tuple[Weights, ...]

    @property
    def parameters(self) -> int:
        return sum(w.values.size for w in self.weights)

    @property
    def gamma(self) -> float | None:
        """The learned strength of a residual attention, None for one without."""
        return next((float(w.values.item()) for w in self.weights if w.name.rpartition(".")[2] == "gamma"), None)


@dataclass(frozen=True)
class Anatomy:
    """Every module of a mechanism in a model, in the order they ran, and the steps of the last of them."""

    places: tuple[Place, ...]
    steps: tuple[Step, ...]


@torch.no_grad()
def dissect(model: nn.Module, mechanism: type[nn.Module], images: Tensor) -> Anatomy:
    """The modules of one class in a model that is given one image (1, 3, H, W). Raises ValueError where there is none.

    The model runs once, and its last such module once more. All hooks are removed.
    """
    seen: list[tuple[str, nn.Module, Tensor, Shape]] = []

    def note(module: nn.Module, inputs: tuple, out: Tensor, path: str) -> None:
        seen.append((path, module, inputs[0].clone(), _shape(out)))

    with ExitStack() as hooks, watch(model) as weighed:
        for path, module in model.named_modules():
            if type(module) is mechanism:
                hooks.enter_context(module.register_forward_hook(partial(note, path=path)))
        model(images)
    if not seen:
        raise ValueError(f"This model has no {mechanism.__name__}.")
    places = tuple(
        Place(
            path,
            _shape(x),
            left,
            tuple(describe(name, w, x.shape[2:]) for name, w in weighed.items() if name.startswith(path + ".")),
            tuple(Weights(name, value.float().cpu().numpy()) for name, value in module.named_parameters()),
        )
        for path, module, x, left in seen
    )
    _, last, x, _ = seen[-1]
    return Anatomy(places, trace(last, x))


@torch.no_grad()
def dissect_alone(mechanism: type[nn.Module], model: ResNet, images: Tensor) -> Anatomy:
    """Like `dissect`, for a class that no variant uses yet: untrained, on the last features of a model."""
    features = model.forward_features(images)
    return dissect(nn.Sequential(mechanism(features.shape[1])).eval(), mechanism, features)


def source(mechanism: type[nn.Module]) -> str:
    """The source code of a class, then of the classes of its package that it contains or inherits from."""
    with torch.device("meta"):
        parts = [type(module) for module in mechanism(16).modules()]
    classes = [base for part in parts for base in part.__mro__]
    package = mechanism.__module__.rpartition(".")[0] or mechanism.__module__
    own = [c for c in dict.fromkeys(classes) if (c.__module__ + ".").startswith(package + ".")]
    return "\n\n".join(inspect.getsource(c) for c in own)
