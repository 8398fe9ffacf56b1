"""Who may have the server download a data set: whoever's machine it is, and nobody else."""

import pytest

from attention.core import paths
from attention.inference.model_sets import ModelSets
from attention.pictures import datasets
from attention.pictures.datasets import DataError
from attention.web import page
from attention.web.tabs.compare import parts
from attention.web.tabs.compare import tab as compare
from attention.web.texts import text

pytestmark = pytest.mark.served


@pytest.fixture
def built(published, tmp_path, monkeypatch, in_a_thread):
    """built(may_fetch) are the models and the handlers by name, of a page without a data set."""
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "nothing")
    sets = ModelSets("imagenette", "cpu")

    async def build(*may_fetch):  # gradio leaves a loop open where it finds none
        return sets.first, {event.name: event.fn for event in page.build(sets, *may_fetch).fns.values()}

    return lambda *may_fetch: in_a_thread(build(*may_fetch))


def offered(models, **options) -> bool:
    visible = parts.settings("en", models, **options)[-3]["visible"]
    assert visible in (True, False)
    return visible


def test_a_page_for_others_neither_offers_nor_has_it(built):
    models, handlers = built()
    assert "fetch_samples" not in handlers and "pick" in handlers
    assert not offered(models) and not offered(models, may_fetch=False)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_page_of_ones_own_does_and_says_in_a_sentence_what_went_wrong(built, lang, monkeypatch):
    models, handlers = built(True)
    assert offered(models, may_fetch=True)

    def fails(name):
        raise DataError(f"{name} <b>could not</b> be downloaded")

    monkeypatch.setattr(datasets, "download", fails)
    monkeypatch.setattr(compare, "language", lambda request: lang)
    with pytest.raises(compare.gr.Error) as told:
        handlers["fetch_samples"]("imagenette", None)
    problem = "imagenette &lt;b&gt;could not&lt;/b&gt; be downloaded"
    assert told.value.message == text(lang, "download_failed", problem=problem)
