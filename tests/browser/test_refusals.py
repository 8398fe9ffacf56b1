"""Every request of tests/refusals.py, by curl, against the page as it is served."""

import shutil

import pytest
from refusals import CASES, SERVED, answer


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here: apt install curl")
def test_every_request_is_refused_as_listed(tmp_path, start):
    """In their order: the last ones use up what an address may ask for."""
    with start(tmp_path, *SERVED) as address:
        said = {case: answer(case, address) for case in CASES}
    assert [(case.line, *got) for case, got in said.items() if got[0] != case.status] == []
    told = "\n".join(line for _, line in said.values())
    assert not any(leak in told for leak in ("root:x", "Traceback", "import gradio", "__metadata__")), told
