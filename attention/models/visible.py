"""Finds the submodules that show attention weights, and collects those weights while a model runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn


def visible(model: nn.Module) -> dict[str, nn.Module]:
    """The submodules named `gate` or `attn`, by path."""
    return {path: module for path, module in model.named_modules() if path.rpartition(".")[2] in ("gate", "attn")}


@contextmanager
def watch(model: nn.Module, modules: dict[str, nn.Module] | None = None) -> Iterator[dict[str, Tensor]]:
    """Collect the output of every submodule named `gate` or `attn`, by path, in the order they ran.

    The hooks are gone when the block ends, after an exception too. Hooks on one model are not thread-safe: callers that
    share a model must hold a lock. `modules` is visible(model), for a caller that has it at hand.
    """
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for path, module in (visible(model) if modules is None else modules).items():
            keep = lambda _m, _in, out, path=path: seen.__setitem__(path, out.detach())  # noqa: E731
            hooks.enter_context(module.register_forward_hook(keep))
        yield seen
