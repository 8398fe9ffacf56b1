"""python -m attention, and attention-lab: see cli/main.py."""

import argparse
import os
import sys


def main() -> int:
    """--home is read before anything of ours is imported, because core/paths.py settles where files lie at import."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--home", nargs="?")
    if home := early.parse_known_args()[0].home:
        os.environ["ATTENTION_HOME"] = os.path.abspath(home)
    from attention.cli import main as command_line

    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
