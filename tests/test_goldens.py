"""What is listed, compared and shown in tables is what tests/golden holds; python -m tests.goldens looks at the rest too."""

import json

import pytest

from tests.goldens import DATASETS, GOLDEN, GOLDENS, LANGUAGES

pytestmark = pytest.mark.full_width

TABLES = [f"tables-{name}-{lang}.html" for name in DATASETS for lang in LANGUAGES]


@pytest.mark.parametrize("name", [*(f"list-{name}.json" for name in DATASETS), *TABLES])
def test_to_the_byte(name):
    assert GOLDENS[name]() == (GOLDEN / name).read_text(encoding="utf-8"), "python -m tests.goldens --write keeps it"


def test_the_samples_get_the_same_answers_as_far_as_processors_agree():
    """Another processor computes in another precision: it has other digits, and may order two unlikely classes otherwise."""
    made, kept = (
        json.loads(text)
        for text in (GOLDENS["compare-samples.json"](), (GOLDEN / "compare-samples.json").read_text(encoding="utf-8"))
    )
    for photo, before in zip(made, kept, strict=True):
        assert {key: photo[key] for key in photo if key != "models"} == {
            key: before[key] for key in before if key != "models"
        }
        for model, was in zip(photo["models"], before["models"], strict=True):
            found, expected = ({row["class"]: row["probability"] for row in m["top5"]} for m in (model, was))
            assert model["model"] == was["model"] and next(iter(found)) == next(iter(expected))
            assert all(
                found[name] == pytest.approx(expected[name], abs=0.02) for name in found.keys() & expected.keys()
            )
