"""What an address asks for, and what of it is followed."""

import pytest

from attention.models.checkpoints import CheckpointError
from attention.pictures import samples
from attention.pictures.datasets import dataset
from attention.web import links
from attention.web.links import Link, read
from attention.web.texts import text

TABS = ["compare", "examine", "benchmarks", "about"]


class Few:
    """Models of a data set, of which links need the names alone."""

    def __init__(self, name: str, names: list[str]):
        self.dataset, self.names = dataset(name), names


class Sets:
    """Two data sets that load and one whose weights are broken."""

    first_name, names = "imagenette", ["imagenette", "imagewoof", "broken"]

    def __getitem__(self, name: str) -> Few:
        if name == "broken":
            raise CheckpointError("broken")
        return Few(name, ["baseline", "se-block", "cbam-block"])

    @property
    def first(self) -> Few:
        return self[self.first_name]


@pytest.fixture(autouse=True)
def no_data_set(monkeypatch, tmp_path):
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path))


def asked(**parameters) -> Link:
    return read(parameters, Sets(), TABS)


def test_an_address_without_parameters_asks_for_nothing():
    assert asked() == Link()
    assert asked(utm_source="x", __theme="dark", view="api") == Link(), "somebody else's parameters"


def test_everything_that_a_link_can_say():
    link = asked(
        tab="examine", dataset="imagewoof", models="se-block,baseline", map="activation", reference="se-block",
        sample="lion", lang="zh", **{"class": "Samoyed"},
    )  # fmt: skip
    assert link == Link(
        "examine", "imagewoof", ("baseline", "se-block"), "lion", "activation", "se-block", "Samoyed", ()
    )


@pytest.mark.parametrize(
    ("parameters", "ignored"),
    [
        ({"tab": "settings"}, "tab=settings"),
        ({"dataset": "nobody"}, "dataset=nobody"),
        ({"dataset": "broken"}, "dataset=broken"),
        ({"models": "nobody"}, "models=nobody"),
        ({"sample": "../../etc/passwd"}, "sample=../../etc/passwd"),
        ({"map": "<script>"}, "map=<script>"),
        ({"reference": "se-head"}, "reference=se-head"),
        ({"class": "Samoyed"}, "class=Samoyed"),
        ({"lang": "tlh"}, "lang=tlh"),
        ({"tab": "x" * 900}, f"tab={'x' * links.SHOWN}"),
    ],
)
def test_what_cannot_be_followed_is_left_out_and_named(parameters, ignored):
    assert asked(**parameters) == Link(ignored=(ignored,))


def test_known_models_are_taken_though_others_are_unknown():
    link = asked(models="cbam-block,nobody,baseline,")
    assert link.models == ("baseline", "cbam-block") and link.ignored == ("models=nobody",)


def test_a_sample_is_named_by_its_file_whatever_the_language():
    keys = links.sample_keys("imagenette")
    assert keys == [sample.path.stem for sample in samples.all_samples()]
    assert len(set(keys)) == len(keys) and asked(sample=keys[0]).sample == keys[0]


def test_what_a_link_need_not_say():
    assert links.defaults(Sets()) == {
        "tab": "compare", "dataset": "imagenette", "models": "baseline,se-block,cbam-block", "map": "attention",
    }  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_an_address_says_is_shown_as_text_and_three_of_it_at_most(lang, monkeypatch):
    said = []
    monkeypatch.setattr(links.gr, "Warning", lambda sentence, **_: said.append(sentence))
    links.warn(Link(), lang)
    links.warn(Link(ignored=("tab=<img src=x onerror=alert(1)>", "models=a", "models=b", "models=fourth")), lang)
    names = "tab=&lt;img src=x onerror=alert(1)&gt;, models=a, models=b"
    assert said == [text(lang, "ignored_in_link", names=names)]
