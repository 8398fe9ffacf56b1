"""CUDA graphs: record a training step (some 600 small kernels) or a forward pass once, then launch it with one call."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

WARM_UPS = 3  # steps before the recording, in which libraries choose their kernels and optimisers create their state


@lru_cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def capture(step: Callable[[], None], changed: Callable[[], list[Tensor]], device: torch.device) -> Callable[[], None]:
    """Record `step` and return a function that replays it.

    `changed` returns the tensors that a step changes. The warm-up changes them too, so their values are restored
    afterwards. Tensors created during the warm-up (optimiser state) are set to 0, because all our optimisers start from
    0. `step` must read its inputs from tensors that stay at the same address, leave no gradient behind and never wait
    for the device.
    """
    # detached, because a clone in the autograd graph would tie the weights' gradients to the current stream
    before = {id(tensor): tensor.detach().clone() for tensor in changed()}
    stream = _stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            step()
    torch.cuda.current_stream(device).wait_stream(stream)
    with torch.no_grad():
        for tensor in changed():
            tensor.copy_(before[id(tensor)]) if id(tensor) in before else tensor.zero_()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):  # the warm-up's stream: autograd and libraries remember it
        step()
    return graph.replay


def recorded(function: Callable[[Tensor], Any], example: Tensor) -> Callable[[Tensor], Any]:
    """`function` as CUDA graphs: recorded now for the shape of `example`, for any other shape when it first comes.

    Each call overwrites the result of the previous call with the same shape.
    """
    by_shape = {example.shape: _recorded(function, example)}

    def run(images: Tensor) -> Any:
        if images.shape not in by_shape:
            by_shape[images.shape] = _recorded(function, images)
        return by_shape[images.shape](images)

    return run


def _recorded(function: Callable[[Tensor], Any], example: Tensor) -> Callable[[Tensor], Any]:
    inputs, result = example.clone(), []

    def step() -> None:
        result[:] = [function(inputs)]

    replay = capture(step, list, example.device)

    def run(images: Tensor) -> Any:
        inputs.copy_(images, non_blocking=True)
        replay()
        return result[0]

    return run
