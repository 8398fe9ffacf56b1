"""python -m attention: see cli/main.py."""

import sys

from attention.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
