"""A comparison as the page shows it: who is the reference, which class is explained, what differs, and when it ends."""

import re
from pathlib import Path

import pytest
from PIL import Image

from attention.inference import compare as inference
from attention.inference.compare import Models, compare
from attention.pictures.reading import Upload
from attention.web import board, cards
from attention.web.board import reference_of
from attention.web.render import notice, render
from attention.web.tabs.compare import downloads
from attention.web.texts import TEXTS, text
from attention.web.turn import Turn

NAMES = ["se-block", "baseline", "cbam-block", "attention-pool-head"]
PHOTO = Image.effect_noise((200, 120), 80).convert("RGB")
UPLOAD = Upload(PHOTO, ())


@pytest.fixture
def models(published) -> Models:
    """Untrained ones."""
    return Models(device="cpu")


@pytest.fixture(scope="module")
def trained() -> Models:
    """Those that are committed."""
    return Models("imagenette", "cpu")


@pytest.fixture(autouse=True)
def a_board_a_model(monkeypatch):
    monkeypatch.setattr(board, "EVERY_SECONDS", 0)


def html_of(shown: board.Board | None, lang="en") -> str | None:
    return shown and render("board.html", lang, board=shown)


def stream(models, names=NAMES, lang="en", **choices) -> list[str]:
    return [html_of(shown, lang) for shown in board.boards(UPLOAD, names, models, lang, **choices)]


def card(html: str, name: str) -> str:
    return re.search(rf'<article [^>]*data-model="{name}".*?</article>', html, re.DOTALL)[0]


def pinned(html: str) -> list[str]:
    return re.findall(r'data-pin="([^"]+)" aria-pressed="true"', html)


def test_the_reference_is_the_pinned_one_else_the_baseline_else_the_first():
    assert reference_of(NAMES) == "baseline" and reference_of(NAMES, "cbam-block") == "cbam-block"
    assert reference_of(NAMES, "eca-block") == "baseline", "one that is not compared holds nobody"
    assert reference_of(["se-block", "cbam-block"]) == "se-block" and reference_of([]) is None


def test_skeletons_first_then_a_card_more_a_step_in_the_order_of_the_list(models):
    steps = stream(models)
    assert [html.count("<article") for html in steps] == [len(NAMES)] * 5
    assert [len(re.findall(r'class="card[^"]* done', html)) for html in steps] == [0, 1, 2, 3, 4]
    assert all(re.findall(r'data-model="([^"]+)"', html) == NAMES for html in steps)
    assert [" data-complete" in html for html in steps] == [False] * 4 + [True]
    assert "done" in card(steps[1], "baseline")[:80], "the reference is the first to answer"
    assert len({re.search(r'data-run="(\w+)"', html)[1] for html in steps}) == 1
    assert all(pinned(html) == ["baseline"] for html in steps)


@pytest.mark.full_width
def test_others_are_held_against_the_pinned_model(trained):
    html = stream(trained, pinned="cbam-block")[-1]
    assert pinned(html) == ["cbam-block"] and text("en", "is_reference") in card(html, "cbam-block")
    results = {result.name: result for result in compare(PHOTO, NAMES, trained)}
    of = results["cbam-block"].top1
    for name in set(NAMES) - {"cbam-block"}:
        points = 100 * float(results[name].probabilities[of] - results["cbam-block"].probabilities[of])
        assert f"{round(points, 1) + 0.0:+.1f} percentage points".replace("-", "−") in card(html, name)
        assert f"Says {results[name].prediction}, the" in card(html, name) or results[name].top1 == of
        assert 'class="layer difference"' in card(html, name)
    assert 'class="layer difference"' not in card(html, "cbam-block")


@pytest.mark.full_width
def test_disagreement_puts_another_first_choice_before_any_other_difference(trained):
    results = list(compare(PHOTO, NAMES, trained))
    reference = next(r for r in results if r.name == "baseline")
    found = {}
    html = stream(trained)[-1]
    for result in results:
        found[result.name] = float(re.search(r'data-disagreement="([\d.]+)"', card(html, result.name))[1])
    ranked = sorted((r for r in results if r is not reference), key=lambda r: -found[r.name])
    differs = [result.top1 != reference.top1 for result in ranked]
    assert differs == sorted(differs, reverse=True) and found["baseline"] == max(found.values())


@pytest.mark.full_width
@pytest.mark.parametrize("lang", TEXTS)
def test_a_picked_class_is_explained_on_every_card(trained, lang):
    own, picked = (stream(trained, lang=lang, **choices)[-1] for choices in ({}, {"picked": "church"}))
    index = trained.dataset.class_names.index("church")
    for result in compare(PHOTO, NAMES, trained, index):
        name = "教堂" if lang == "zh" else "church"
        said = text(lang, "explained", name=name, probability=float(result.probabilities[index]))
        assert said in card(picked, result.name) or not result.activation.any()
    assert picked.count('data-class=""') == 2 and 'data-class=""' not in own, "the way back, in two lines of the legend"
    pressed = re.findall(r'data-class="([^"]+)" aria-pressed="true"', picked)
    assert set(pressed) <= {"church"} and 'data-class="church" aria-pressed="true"' not in own


def test_a_class_that_the_models_do_not_have_gets_a_sentence(models):
    html = stream(models, picked="<b>beagle")[-1]
    assert "These models do not know the class &lt;b&gt;beagle" in html and "<b>beagle" not in html
    assert "Choose a bar to explain" in html, "each explains its own first choice"


def test_a_model_that_cannot_run_keeps_its_place_and_is_no_reference(models, published):
    (published / "baseline.safetensors").write_bytes(b"altered")
    models.warm_up()
    steps = stream(models, pinned="baseline")
    assert all("failed" in card(html, "baseline")[:60] for html in steps), "from the beginning"
    assert pinned(steps[-1]) == ["se-block"] and "data-complete" in steps[-1]
    alone = stream(models, ["baseline"])
    assert len(alone) == 1 and "failed" in alone[0]


def test_a_file_has_no_buttons_that_ask_a_server(models):
    html = stream(models, picked="church", live=False)[-1]
    assert not re.findall(r"data-pin|data-class", html) and 'class="layer activation"' in html


def test_a_quick_comparison_is_not_sent_a_model_at_a_time(models, monkeypatch):
    monkeypatch.setattr(board, "EVERY_SECONDS", 1e9)
    first, *between, last = stream(models)
    assert between == [None] * (len(NAMES) - 1) and "skeleton" in first and "skeleton" not in last


def test_a_replaced_comparison_runs_no_further_model(models, monkeypatch):
    ran, run = [], Models.run
    monkeypatch.setattr(Models, "run", lambda self, name, *a: ran.append(name) or run(self, name, *a))
    monkeypatch.setattr(inference, "TOGETHER_S", 0)  # else quick ones run together
    turn = Turn()
    steps = turn.follow(board.boards(UPLOAD, NAMES, models, "en"))
    next(steps), next(steps)
    turn.take()  # another photo
    assert list(steps) == [] and set(ran) == {"baseline", "se-block"}, "the model that was running, and none after it"


def test_a_comparison_that_is_closed_runs_no_further_model(models, monkeypatch):
    ran, run = [], Models.run
    monkeypatch.setattr(Models, "run", lambda self, name, *a: ran.append(name) or run(self, name, *a))
    steps = Turn().follow(board.boards(UPLOAD, NAMES, models, "en"))
    next(steps), next(steps)
    steps.close()  # what gradio does when the Stop button cancels
    assert ran == ["baseline"]


def test_a_card_says_where_a_full_gpu_was_answered_for(models):
    (result,) = list(compare(UPLOAD.image, ["baseline"], models))
    for device, said in (("cuda", True), ("cpu", False), ("", False)):
        frame = cards.Frame("en", UPLOAD.image.size, device=device)
        waiting = cards.skeleton(frame, "baseline", cards.Measured())
        assert ("ran on the CPU" in cards.done(frame, waiting, result).foot) == said


# what is taken away


@pytest.mark.full_width
def test_the_report_is_there_while_it_is_sent_and_gone_afterwards():
    steps = downloads.report_stream(
        UPLOAD, ["baseline", "se-block"], Models("imagenette", "cpu"), "en", pinned="se-block"
    )
    assert next(steps) == (downloads._said(text("en", "report_working")), None)
    says, file = next(steps)
    assert "data-ready" in says and Path(file).name == downloads.FILE_NAME
    html = Path(file).read_text(encoding="utf-8")
    assert text("en", "is_reference") in card(html, "se-block") and "data-pin" not in html.split("<script>")[-2]
    assert list(steps) == [] and not Path(file).parent.exists()


@pytest.mark.parametrize("lang", TEXTS)
@pytest.mark.parametrize(
    ("upload", "names", "key"), [(None, ["baseline"], "nothing_to_save"), (UPLOAD, [], "no_models")]
)
def test_without_a_photo_or_a_model_there_is_no_report_but_a_sentence(upload, names, key, lang):
    steps = list(downloads.report_stream(upload, names, None, lang))
    assert steps == [(notice(text(lang, key)), None)]


def test_a_report_that_cannot_be_made_says_why(models, published):
    (published / "baseline.safetensors").write_bytes(b"altered")
    models.warm_up()
    *_, (says, file) = downloads.report_stream(UPLOAD, ["baseline"], models, "en")
    assert file is None and "baseline" in says and "notice" in says
