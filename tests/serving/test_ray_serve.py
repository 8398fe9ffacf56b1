"""deploy/ray_serve.py without a cluster: what Ray Serve is told, and what a replica would serve. docs/scale.md says what was run."""

import importlib.util
import sys
import types

import httpx
import pytest

from attention.core.paths import ROOT
from attention.pictures import workers
from attention.serving import logs

pytestmark = pytest.mark.served


def loaded(monkeypatch) -> dict:
    """The options of the deployment, and the function that builds a replica's application, by a stand-in for ray.serve."""
    told = {}

    class Deployment:
        bind = staticmethod(lambda: told)

    serve = types.ModuleType("ray.serve")
    serve.deployment = lambda **options: lambda replica: told.update(options) or Deployment
    serve.ingress = lambda build: lambda replica: told.update(build=build)
    config = types.ModuleType("ray.serve.config")
    config.RequestRouterConfig = dict
    ray = types.ModuleType("ray")
    ray.serve = serve
    for name, module in {"ray": ray, "ray.serve": serve, "ray.serve.config": config}.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("ray_serve_example", ROOT / "deploy" / "ray_serve.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.page is told
    return told


def test_a_visitor_stays_with_a_replica(monkeypatch):
    monkeypatch.setenv("REPLICAS", "3")
    monkeypatch.setenv("GPUS", "1")
    told = loaded(monkeypatch)
    assert told["num_replicas"] == 3 and told["ray_actor_options"]["num_gpus"] == 1
    assert told["request_router_config"]["request_router_class"].endswith(".ConsistentHashRouter")
    assert "proxy_set_header X-Session-ID $visitor;" in (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")


@pytest.mark.full_width
def test_a_replica_is_the_page_behind_its_guard(monkeypatch, in_a_thread):
    read = []
    monkeypatch.setattr(workers, "guard", read.append)
    monkeypatch.setattr(logs, "configure", lambda form: None)
    monkeypatch.setenv("ATTENTION_RATE_LIMIT", "7")
    build = loaded(monkeypatch)["build"]

    async def ask():  # gradio leaves a loop open where it finds none
        page = build()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://page") as client:
            healthy, closed = await client.get("/healthz"), await client.get("/gradio_api/runs")
            return page.settings, healthy, closed, (await client.get("/config")).json()

    settings, healthy, closed, config = in_a_thread(ask())
    assert settings.rate_limit == 7 and len(read) == 1, (
        "flags come from the environment, and pictures are read within limits"
    )
    assert healthy.status_code == 200 and closed.status_code == 404
    assert "content-security-policy" in healthy.headers
    (button,) = (block["id"] for block in config["components"] if block["props"].get("elem_id") == "fetch")
    assert not any([button, "click"] in event["targets"] for event in config["dependencies"]), "nobody downloads there"
