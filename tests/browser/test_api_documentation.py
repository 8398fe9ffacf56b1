"""docs/api.md by the letter: its lines for a shell, against a running page."""

import json
import shutil

import pytest

from tests.goldens import api_answers


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_the_lines_for_curl_get_their_answers(server):
    compared, of_dataset, look, off, rows = (json.loads(line)[0] for line in api_answers(server).splitlines())
    assert [m["model"] for m in compared["models"]] == ["baseline", "se-block"]
    assert set(compared) == {"foreign", "notices", "models"}
    assert of_dataset["foreign"] is None and len(of_dataset["models"]) == 1
    assert set(look) == {"model", "class", "probabilities", "attention", "activations", "gammas"}
    assert look["class"] == "church" and set(off) == {"as_trained", "attention_off"}
    assert {"variant", "accuracy", "low", "high", "verdict"} <= set(rows[0])
