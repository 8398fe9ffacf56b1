"""Writes docs/command-line.md from the parsers of `python -m attention`: make docs. A test holds the two together."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FILE = ROOT / "docs" / "command-line.md"
HEAD = """# Command line

Written by `make docs` from the parsers themselves. Bad input ends with one sentence on stderr and exit code 2. Commands run
with the interpreter of the virtual environment: `.venv/bin/python`.
"""


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Its subcommands by name; empty where it has none."""
    return next((a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)), {})


def options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Its flags, --help left out."""
    return [action for action in parser._actions if action.option_strings and action.dest != "help"]


def section(parser: argparse.ArgumentParser) -> str:
    """A heading, what it does, and its arguments and flags as a table."""
    takes = [action for action in parser._actions if not action.option_strings]
    rows = [f"| {_name(action)} | {_values(action)} | {_words(action)} |" for action in takes + options(parser)]
    table = ["", "| argument | values | what it is |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"\n## `{parser.prog}`\n", parser.description or "", *table]) + "\n"


def _name(action: argparse.Action) -> str:
    if action.option_strings:
        return ", ".join(f"`{flag}`" for flag in action.option_strings) + (" (required)" if action.required else "")
    return f"`{(action.metavar or action.dest).upper()}`"


def _values(action: argparse.Action) -> str:
    if action.metavar or not action.choices:
        return f"`{action.metavar}`" if action.metavar and action.option_strings else ""
    return ", ".join(f"`{choice}`" for choice in action.choices)


def _words(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%").replace("|", "\\|")


def document() -> str:
    from attention.cli.main import build_parser

    return HEAD + "".join(section(parser) for parser in subcommands(build_parser()).values())


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(FILE.relative_to(ROOT))
