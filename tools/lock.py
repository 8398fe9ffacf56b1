"""Every package that requirements.txt brings, with version and sha256, for this platform: requirements.lock.

python tools/lock.py [--out requirements.lock]; install with pip install --require-hashes -r requirements.lock.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def resolve(requirements: Path) -> list[dict]:
    """What pip would install into an empty environment: its report; nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["install", "--dry-run", "--quiet", "--ignore-installed", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *command, "-r", str(requirements)], check=True)
        return json.loads(report.read_text(encoding="utf-8"))["install"]


def line(package: dict) -> str:
    """name==version --hash=sha256:...; where it was fetched from is left out."""
    metadata, sha256 = package["metadata"], package["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{metadata['name'].lower().replace('_', '-')}=={metadata['version']} --hash=sha256:{sha256}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "requirements.lock")
    out = parser.parse_args().out
    try:
        packages = resolve(ROOT / "requirements.txt")
    except subprocess.CalledProcessError:
        print(
            "pip could not resolve requirements.txt; it needs a package index, so check the network.", file=sys.stderr
        )
        return 2
    major, minor = sys.version_info[:2]
    head = (
        f"# Made by make lock from requirements.txt for {platform.system()} {platform.machine()}, Python {major}.{minor},\n"
        "# with the default build of torch (CUDA). Elsewhere install requirements.txt: docs/security.md says why.\n"
    )
    out.write_text(head + "\n".join(sorted(map(line, packages))) + "\n", encoding="utf-8")
    print(f"{out.name}: {len(packages)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
