"""Attention Lab's page: python app.py [--host 127.0.0.1] [--port 7860] [--device auto] [--dataset everyday] [--imagenet]."""

import argparse
import sys

from attention.cli import serve

serve.before_gradio()  # here too: whoever imports this file may import gradio next


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python app.py", description="Serve the Attention Lab page.")
    serve.add_all_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    return serve.run(build_parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
