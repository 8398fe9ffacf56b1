"""Attention Lab's page: python app.py [--host 127.0.0.1] [--port 7860] [--device auto] [--dataset imagenette]."""

import argparse
import os
import sys

from attention import upload_limits

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: nothing leaves this machine


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Serve the Attention Lab page.")
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "7860")))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--dataset", default="imagenette", metavar="NAME", help="the data set that is shown first")
    parser.add_argument("--download", action="store_true", help="fetch its photographs first (about 100 MB)")
    upload_limits.add_flags(parser)
    arguments = parser.parse_args(argv)

    from attention import datasets, upload_worker
    from attention.checkpoints import CheckpointError
    from attention.devices import DeviceError
    from attention.model_sets import ModelSets
    from attention.ui import page, theme

    limits = upload_limits.from_flags(arguments)
    upload_worker.guard(limits)
    try:
        if arguments.download:
            datasets.download(arguments.dataset)
        sets = ModelSets(arguments.dataset, arguments.device)
    except (CheckpointError, DeviceError, datasets.DataError) as error:
        print(error, file=sys.stderr)
        return 2
    for problem in sets.first.problems.values():
        print(problem, file=sys.stderr)
    print(f"Attention Lab: http://{arguments.host}:{arguments.port} on {sets.device}", flush=True)
    try:
        page.build(sets).queue(max_size=64).launch(
            server_name=arguments.host,
            server_port=arguments.port,
            theme=theme.build_theme(),
            css=theme.CSS,
            head=theme.HEAD,
            i18n=page.I18N,
            footer_links=["api"],
            max_file_size=limits.bytes,
            ssr_mode=False,
            enable_monitoring=False,
            run_history=False,
            quiet=True,
        )
    except OSError as error:
        print(
            f"The page cannot be served at {arguments.host}:{arguments.port}: {error}. Try another --port.",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
