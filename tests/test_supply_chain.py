"""The lock agrees with requirements.txt, and what the commands say of licences and flaws is what was found."""

import re

import pytest

from attention.core.paths import ROOT
from tools import audit, licences, lock

pytestmark = pytest.mark.served

LINE = re.compile(r"([a-z0-9.-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split()[0].split("==") for line in lines if "==" in line)


def test_the_lock_holds_every_pin_with_a_hash():
    locked = pins("requirements.lock")
    assert pins("requirements.txt").items() <= locked.items(), "make lock"
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert all(LINE.fullmatch(line) for line in lines if not line.startswith("#"))
    assert lines[2:] == sorted(lines[2:]) and not any("://" in line for line in lines)


def test_a_line_of_the_lock_names_no_place():
    package = {
        "metadata": {"name": "Some_Package", "version": "1.2"},
        "download_info": {"url": "https://somewhere/a.whl", "archive_info": {"hashes": {"sha256": "ab" * 32}}},
    }
    assert lock.line(package) == f"some-package==1.2 --hash=sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("stated", "flagged"),
    [
        ("MIT", ""), ("BSD-3-Clause AND Zlib", ""), ("Apache Software License", ""), ("ISC License (ISCL)", ""), ("PSF-2.0", ""),
        ("", "unknown"), ("GPL-3.0-only", "copyleft"), ("GNU Lesser General Public License v3 (LGPLv3)", "copyleft"),
        ("MPL-2.0 AND MIT", "copyleft"), ("Mozilla Public License 2.0 (MPL 2.0)", "copyleft"), ("AGPL-3.0", "copyleft"),
        ("LicenseRef-NVIDIA-Proprietary", "proprietary"), ("Other/Proprietary License", "proprietary"),
    ],
)  # fmt: skip
def test_flags(stated, flagged):
    assert licences.flag(stated) == flagged


def test_what_the_page_needs_has_known_licences(capsys, monkeypatch):
    found = {name: flag for name, _, _, flag in licences.rows(licences.locked())}
    assert "gradio" in found and "pytest" not in found and "unknown" not in found.values()
    # the weak copyleft of these binds changes to their own files; nothing here changes them
    assert {name for name, flag in found.items() if flag == "copyleft"} <= {"certifi", "orjson", "tqdm"}
    monkeypatch.setattr("sys.argv", ["licences.py", "--runtime"])
    assert licences.main() == 0
    assert "0 unknown" in capsys.readouterr().out


SAFE, SKIPPED = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}
FLAWED = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}, {"id": "CVE-2", "fix_versions": []}],
}


def test_an_audit_never_calls_safe_what_it_did_not_look_up():
    assert audit.report([SAFE]) == (["1 packages, no known vulnerability."], 0)
    lines, code = audit.report([SAFE, FLAWED])
    assert code == 1 and lines == ["c 2: CVE-1, mended in 3", "c 2: CVE-2, mended in no version yet"]
    lines, code = audit.report([SAFE, FLAWED, SKIPPED])
    assert code == 2 and lines[-1] == "1 of 3 packages could not be looked up: b." and len(lines) == 3


def test_an_audit_without_a_network_is_one_sentence(monkeypatch, capsys):
    class Failed:
        stdout, stderr, returncode = "", "ConnectionError ...", 1

    monkeypatch.setattr(audit.subprocess, "run", lambda *_arguments, **_options: Failed)
    assert audit.main() == 2
    assert capsys.readouterr().err.startswith("Nothing was audited") and not capsys.readouterr().out
