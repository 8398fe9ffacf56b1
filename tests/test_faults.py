"""Damaged tables: the page goes without them and says so; nothing else stops."""

import pytest

from attention import foreign, precision, results, score_maps
from attention.inference import Models, compare
from attention.runs import ROOT
from attention.ui import benchmarks
from attention.ui.measured import measured
from attention.uploads import read_image

DAMAGED = {
    "cut": b"dataset,variant,acc",
    "another": b"a,b\n1,2\n",
    "binary": bytes(range(256)) * 20,
    "ragged": b"dataset,variant\n1,2\n1,2,3,4,5\n",
    "words": b"dataset,variant,recipe,verdict,accuracy,low,high,seeds,difference_points\na,b,c,d,e,f,g,h,i\n",
    "empty": b"",
}


@pytest.fixture(params=DAMAGED)
def damage(request, tmp_path, monkeypatch):
    """damage(module, name) puts a damaged file in place of the one that module.name names."""

    def put(module, name: str):
        file = tmp_path / getattr(module, name).name
        file.write_bytes(DAMAGED[request.param])
        monkeypatch.setattr(module, name, file)
        return request.param

    return put


@pytest.mark.parametrize("name", ["ACCURACY_FILE", "LATENCY_FILE", "MECHANISMS_FILE"])
def test_a_damaged_table_is_left_out_and_named(damage, name):
    kind = damage(results, name)
    top, *_ = benchmarks._render("en", "imagenette")
    named = f"{getattr(results, name).name} is damaged"
    if name != "MECHANISMS_FILE":
        assert (named in top) == (kind != "empty")
    assert measured("imagenette", "cpu")["baseline"] is not None
    assert results.machines("cpu") == [] or name != "LATENCY_FILE"
    assert ("Pinned" not in top) and "Traceback" not in top


def test_the_whole_table_comes_back_with_the_file(damage, monkeypatch):
    whole = results.ACCURACY_FILE
    damage(results, "ACCURACY_FILE")
    benchmarks._render("en", "imagenette")
    monkeypatch.setattr(results, "ACCURACY_FILE", whole)
    assert "is damaged" not in benchmarks._render("en", "imagenette")[0]


def test_models_answer_without_the_measurements_beside_them(damage):
    damage(precision, "RESULT_FILE")
    damage(foreign, "RESULT_FILE")
    models = Models("imagenette", "cpu")
    photo = read_image(sorted((ROOT / "samples").glob("*.jpg"))[0]).image
    (result,) = compare(photo, ["baseline"], models)
    assert result.dtype == "float32" and models.looks_foreign(photo, [result]) is None


def test_damaged_scores_of_maps_are_not_shown_and_not_overwritten(damage):
    kind = damage(score_maps, "RESULT_FILE")
    assert score_maps.read().empty and score_maps.threshold("imagenette", "baseline", "activation") is None
    if kind in ("binary", "ragged"):
        with pytest.raises(ValueError):
            score_maps._read(score_maps.RESULT_FILE, score_maps.COLUMNS)
