"""The licence of every installed package, as its own metadata states it; unknown and copyleft ones are flagged.

python tools/licences.py [--runtime]; exit code 1 where a licence is unknown and nobody has looked at it.
"""

import argparse
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EPL|CDDL|EUPL|OSL)\b|GNU|Mozilla Public|Eclipse Public", re.IGNORECASE)
PROPRIETARY = re.compile(r"proprietary|nvidia", re.IGNORECASE)
LOOKED_UP = {  # what the metadata does not say, read in the package's own licence file
    "axe-playwright-python": "MIT",
    "cuda-toolkit": "NVIDIA proprietary (a list of its packages, no code)",
}


def licence(package: Distribution) -> str:
    """Of License-Expression, the classifiers and the first line of License, the first that says something; else ""."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [c.rsplit(" :: ", 1)[-1] for c in metadata.get_all("Classifier") or () if c.startswith("License ::")]
    if classifiers := [name for name in classifiers if name != "OSI Approved"]:
        return "; ".join(classifiers)
    stated = (metadata.get("License") or "").strip().splitlines()
    return stated[0] if stated and stated[0].lower() not in ("unknown", "license") else ""


def flag(stated: str) -> str:
    if not stated:
        return "unknown"
    if COPYLEFT.search(stated):
        return "copyleft"
    return "proprietary" if PROPRIETARY.search(stated) else ""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def rows(wanted: set[str] | None = None) -> list[tuple[str, str, str, str]]:
    """(name, version, licence, flag) of every installed package, or of those wanted, by name."""
    found = {}
    for package in distributions():
        name = normal(package.metadata["Name"])
        stated = licence(package) or LOOKED_UP.get(name, "")
        if wanted is None or name in wanted:
            found[name] = (name, package.version, stated, flag(stated))
    return [found[name] for name in sorted(found)]


def locked() -> set[str]:
    """The names in requirements.lock: what the page needs to run."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {normal(entry.split("==")[0]) for entry in lines if "==" in entry}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", action="store_true", help="only what the page needs (requirements.lock)")
    table = rows(locked() if parser.parse_args().runtime else None)
    for name, version, stated, flagged in table:
        print(f"{name:28} {version:16} {stated[:60] or '-':60} {flagged}".rstrip())
    flags = [flagged for *_, flagged in table if flagged]
    counts = ", ".join(f"{flags.count(kind)} {kind}" for kind in ("copyleft", "proprietary", "unknown"))
    print(f"\n{len(table)} packages: {counts}.")
    return 1 if "unknown" in flags else 0


if __name__ == "__main__":
    sys.exit(main())
