"""The page under Ray Serve, on several GPUs or machines: serve run deploy.ray_serve:page (docs/scale.md; ray[serve]==2.60.0).

A replica is a whole page with its own models, uploads and queue, so a visitor has to stay with one. Serve's proxy sees no
cookies: it chooses the replica by the header X-Session-ID, which whatever stands in front writes for every visitor
(deploy/nginx.conf: proxy_set_header X-Session-ID $visitor). Requests without it go anywhere, and results are lost.

REPLICAS, CPUS and GPUS (of one replica) are environment variables of this file, all others those of docs/serving.md.
"""

import os

from ray import serve
from ray.serve.config import RequestRouterConfig

REPLICAS = int(os.environ.get("REPLICAS", "2"))
CPUS, GPUS = float(os.environ.get("CPUS", "2")), float(os.environ.get("GPUS", "0"))


def build():
    """On a replica, which sees its own GPUs alone: the ASGI application with its guard, limits and metrics."""
    import app  # first: it switches telemetry off, and says where uploads lie
    from attention.core import threads
    from attention.inference.model_sets import ModelSets
    from attention.pictures import limits, workers
    from attention.serving import logs
    from attention.serving.settings import Settings
    from attention.web.server import Served

    arguments = app.build_parser().parse_args([])  # every flag's default comes from the environment
    settings = Settings(**vars(arguments))
    logs.configure(settings.log)
    threads.share()
    workers.guard(limits.from_flags(arguments))
    return Served(ModelSets(arguments.dataset, arguments.device), settings).app


@serve.deployment(
    num_replicas=REPLICAS,  # a fixed number: another one moves visitors to replicas that do not have their photos
    ray_actor_options={"num_cpus": CPUS, "num_gpus": GPUS},
    max_ongoing_requests=4096,  # each visitor holds one or two streams open for as long as the page is
    request_router_config=RequestRouterConfig(
        request_router_class="ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
    ),
)
@serve.ingress(build)
class Page:
    pass


page = Page.bind()
