"""Known vulnerabilities of what requirements.lock installs, by pip-audit; it needs a network.

Exit code 0: none is known; 1: some are, and listed; 2: not every package could be looked up.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def report(dependencies: list[dict]) -> tuple[list[str], int]:
    """Lines to print and the exit code. A package that was not looked up is never called safe."""
    skipped = [entry["name"] for entry in dependencies if "skip_reason" in entry]
    flaws = [
        f"{entry['name']} {entry['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for entry in dependencies
        for flaw in entry.get("vulns", ())
    ]
    if skipped:
        some = ", ".join(skipped[:3]) + (" and others" if len(skipped) > 3 else "")
        return [*flaws, f"{len(skipped)} of {len(dependencies)} packages could not be looked up: {some}."], 2
    return (flaws, 1) if flaws else ([f"{len(dependencies)} packages, no known vulnerability."], 0)


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    lock = ["--disable-pip", "--require-hashes", "-r", str(ROOT / "requirements.lock")]
    done = subprocess.run(command + lock, capture_output=True, text=True)
    try:
        lines, code = report(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        lines, code = (
            ["Nothing was audited: the service of known vulnerabilities was not reached. Is there a network?"],
            2,
        )
    print("\n".join(lines), file=sys.stderr if code == 2 else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
