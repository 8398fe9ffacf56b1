"""docs/api.md by the letter: its lines for a shell, against a running page."""

import json
import re
import shutil
import subprocess

import pytest

from attention.core.paths import ROOT

pytestmark = pytest.mark.browser


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_the_lines_for_curl_get_their_answers(server):
    script = re.search(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    script = script.replace("http://127.0.0.1:7860", server)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    compared, of_dataset, look, off, rows = (json.loads(line)[0] for line in done.stdout.splitlines())
    assert [m["model"] for m in compared["models"]] == ["baseline", "se-block"]
    assert set(compared) == {"foreign", "notices", "models"}
    assert of_dataset["foreign"] is None and len(of_dataset["models"]) == 1
    assert set(look) == {"model", "class", "probabilities", "attention", "activations", "gammas"}
    assert look["class"] == "church" and set(off) == {"as_trained", "attention_off"}
    assert {"variant", "accuracy", "low", "high", "verdict"} <= set(rows[0])
