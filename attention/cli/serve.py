"""Serves the page: python -m attention serve, and python app.py."""

import argparse
import contextlib
import os
import sys

from attention.cli.commands import Command, flag
from attention.core.errors import BadInput
from attention.pictures import limits as upload_limits
from attention.serving import health
from attention.serving.settings import Settings, add_flags


def before_gradio() -> None:
    """Call before Gradio is imported: visitors' files go into this page's own folder, and Gradio sends nothing out."""
    os.environ["GRADIO_TEMP_DIR"] = str(health.upload_folder())
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def add_all_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto",
        help="where the models run (default: the best)",
    )  # fmt: skip
    parser.add_argument("--dataset", default="everyday", metavar="NAME", help="the data set that is shown first")
    parser.add_argument("--download", action="store_true", help="fetch its photographs first (100 to 250 MB)")
    parser.add_argument(
        "--imagenet", nargs="?", const="", metavar="FOLDER",
        help="offer four published models of ImageNet too: fetched once (316 MB), or from NAME.safetensors in FOLDER",
    )  # fmt: skip
    add_flags(parser.add_argument_group("serving", "docs/serving.md says more."))
    upload_limits.add_flags(parser.add_argument_group("pictures", "docs/security.md says more."))


def run(arguments: argparse.Namespace) -> int:
    before_gradio()

    from attention.core import threads
    from attention.inference.model_sets import ModelSets
    from attention.pictures import datasets, reading, workers
    from attention.serving import logs
    from attention.serving.passwords import PasswordError
    from attention.web import server

    settings = Settings(**vars(arguments))
    logs.configure(settings.log)
    limits = upload_limits.from_flags(arguments)
    reading.set_limits(limits)
    listening = None
    try:
        listening = server.listen(settings.host, settings.port)
        server.check_disk(health.upload_folder())
        if arguments.imagenet is not None:
            from attention.models import imagenet

            imagenet.offer(arguments.imagenet)
        if arguments.download:
            datasets.download(arguments.dataset)
        threads.share()  # many threads serve visitors, and one of them computes
        sets = ModelSets(arguments.dataset, arguments.device)
        page = server.Served(sets, settings, may_fetch=settings.visitor_is_host)
    except (BadInput, PasswordError, server.ServeError) as error:
        if listening:
            listening.close()
        print(error, file=sys.stderr)
        return 2
    server.announce(listening, sets)
    with contextlib.suppress(KeyboardInterrupt), workers.guarded(limits):
        page.run(listening)
    return 0


SERVE = Command(
    "serve",
    "Serve the page. python app.py does the same, without --home.",
    (
        flag(
            "--home", metavar="FOLDER",
            help="the folder that holds checkpoints/, data/ and runs/ (default: $ATTENTION_HOME, else a checkout's own; "
            "of an installed package the current one)",
        ),
        add_all_flags,
    ),
    run,
)  # fmt: skip
