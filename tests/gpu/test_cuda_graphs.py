"""A recorded step or forward pass does what the plain one does. Needs a CUDA GPU: there is nothing to record elsewhere."""

from dataclasses import replace

import pytest
import torch
from tqdm import tqdm

from attention.core import cuda_graphs
from attention.inference.fast_path import fast, to_host
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import VARIANTS, build_model
from attention.pictures.splits import Split
from attention.training.recipes import RECIPES
from attention.training.trainer import Run
from tests.models.test_mechanisms import awake

CUDA = torch.device("cuda")
RECIPE = replace(RECIPES["smoke"], phases=((2, 64), (1, 96)), batch_size=16)


def train(name: str) -> Run:
    images = torch.randint(0, 256, (64, 3, 160, 160), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    run = Run(name, 10, RECIPE, 0, CUDA, Split(images, torch.arange(64) % 10, tuple(map(str, range(64)))))
    for _ in range(RECIPE.epochs):
        loss, _ = run.train_epoch(tqdm(disable=True))
        run.history.append({"loss": loss})
    return run


@pytest.mark.parametrize("name", VARIANTS)
def test_a_recorded_run_learns_what_the_plain_one_does(name, monkeypatch):
    recorded = train(name)
    monkeypatch.setattr(cuda_graphs, "capture", lambda step, changed, device: step)
    plain = train(name)
    for ours, theirs in zip(recorded.history, plain.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=0.05)
    for ours, theirs in zip(recorded.averaged.parameters(), plain.averaged.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.05, rtol=0.05)


def test_the_warm_up_leaves_no_trace():
    weight = torch.ones(3, device=CUDA, requires_grad=True)
    made = []

    def step():
        made[:] = made or [torch.zeros(3, device=CUDA)]
        made[0] += 1
        with torch.no_grad():
            weight.mul_(2)

    replay = cuda_graphs.capture(step, lambda: [weight, *made], CUDA)
    assert weight.tolist() == [1, 1, 1] and made[0].tolist() == [0, 0, 0]
    replay()
    replay()
    assert weight.tolist() == [4, 4, 4] and made[0].tolist() == [2, 2, 2]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_recorded_forward_pass_answers_anew_for_every_image(name):
    model = fast(build_model(name).to(CUDA))
    first, second = (torch.randn(1, 3, 160, 160, device=CUDA) for _ in range(2))
    run = cuda_graphs.recorded(model, first)
    for images in (second, first):
        found, expected = to_host(run(images)), to_host(model(images))
        torch.testing.assert_close(found.logits, expected.logits, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found.activation, expected.activation, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found.weights, expected.weights, atol=1e-3, rtol=1e-3)
        found, expected = to_host(model.explaining(run(images), 3)), to_host(model.explaining(model(images), 3))
        torch.testing.assert_close(found.activation, expected.activation, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_cuda_graph_repeats_its_training_step(name):
    module = awake(MECHANISMS[name].build(40)).cuda()
    x = torch.randn(2, 40, 12, 14, device="cuda", requires_grad=True)
    learned = [x, *module.parameters()]

    def step():
        out = module(x)
        return out, torch.autograd.grad(out.square().sum(), learned)

    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        x.normal_()
    graph.replay()
    torch.testing.assert_close(captured, step(), atol=1e-3, rtol=1e-3)
