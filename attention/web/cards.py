"""Result cards as HTML: one a model, all the same size, skeletons first so that nothing jumps. No gradio here."""

from dataclasses import dataclass, replace
from html import escape

from attention.maps.display import TOP
from attention.models.variants import variant as variant_of
from attention.web.card_pictures import Setting, picture
from attention.web.texts import class_name, text, title


@dataclass(frozen=True)
class Measured:
    """What the tables say of a model: accuracy as a fraction and p50 in ms on this device, None where not measured.

    `images` is how many the accuracy was measured on, where it is not the study's test set. Of a model that others trained
    `published` is what they call it, and the accuracy is theirs.
    """

    accuracy: float | None = None
    p50_ms: float | None = None
    images: int | None = None
    published: str | None = None


def _heading(setting: Setting, name: str, measured: Measured) -> str:
    lang, variant = setting.language, variant_of(name)
    chip = text(lang, f"placement_{variant.placement}")
    figures = []
    if measured.published is not None:
        figures.append(text(lang, "published_accuracy", network=measured.published, accuracy=measured.accuracy))
    elif measured.images is not None:
        figures.append(text(lang, "accuracy_of", accuracy=measured.accuracy, images=measured.images))
    elif measured.accuracy is not None:
        figures.append(text(lang, "accuracy_line", accuracy=measured.accuracy))
    if measured.p50_ms is not None:
        figures.append(text(lang, "latency_line", p50=measured.p50_ms))
    return (
        f'<div class="head"><h2>{escape(title(lang, variant))}</h2><span class="chip">{escape(chip)}</span>'
        f'{_pin(setting, name)}</div><p class="figures">{escape(" · ".join(figures))}</p>'
    )


def _pin(setting: Setting, name: str) -> str:
    """The button that makes a model the one that the others are held against; in a file, the mark of the one that is."""
    word = text(setting.language, "pin")
    if not setting.live:
        return f'<span class="pin">{escape(word)}</span>' if name == setting.reference else ""
    label = escape(f"{word}: {title(setting.language, variant_of(name))}")
    pressed = str(name == setting.reference).lower()
    return f'<button type="button" class="pin" data-pin="{name}" aria-pressed="{pressed}" aria-label="{label}">{escape(word)}</button>'


def _article(name: str, classes: str, body: str, data: str = "") -> str:
    variant = variant_of(name)
    control = " control" if variant.is_control else ""
    placed = f'data-model="{name}" data-placement="{variant.placement}"'
    return f'<article class="card{control} {classes}" {placed}{data}>{body}</article>'


def skeleton(setting: Setting, name: str, measured: Measured, classes: int = TOP) -> str:
    """The card of a model that has not answered yet, with room for so many classes."""
    row = '<li><span>&nbsp;</span><span></span><span class="bar"></span></li>'
    says = "".join(
        f'<span class="{word}">{escape(text(setting.language, word))}</span>' for word in ("waiting", "stopped")
    )
    body = (
        f'{_heading(setting, name, measured)}<div class="pic"></div><p class="unit"></p>'
        f'<ol class="top5" aria-hidden="true">{row * min(TOP, classes)}</ol><p class="foot">{says}</p>'
    )
    return _article(name, "skeleton", body)


def failed(setting: Setting, name: str, problem: str) -> str:
    """The card of a model that could not run."""
    said = escape(text(setting.language, "model_failed", problem=problem))
    heading = _heading(replace(setting, live=False), name, Measured())  # it cannot be the reference
    return _article(name, "failed", f'{heading}<p class="notice">{said}</p>')


def top5(lang: str, result, marked: int | None, asked: int | None = None, live: bool = False) -> str:
    """The most probable classes of a Result or a Look as bars; the class `marked` is marked.

    Where the page is `live`, a button over each bar asks for that class's map; that of `asked` is pressed.
    """
    rows = []
    for index in result.ranking[:TOP]:
        share, english = float(result.probabilities[index]), result.class_names[index]
        name = escape(class_name(lang, english))
        choose = ""
        if live:
            label, pressed = escape(text(lang, "explain", name=class_name(lang, english))), str(index == asked).lower()
            choose = f'<button type="button" data-class="{escape(english)}" aria-pressed="{pressed}" aria-label="{label}"></button>'
        rows.append(
            f"<li{' class=marked' if index == marked else ''}><span>{name}</span><span>{share:.1%}</span>"
            f'<span class="bar"><i style="width:{share:.2%}"></i></span>{choose}</li>'
        )
    return f'<ol class="top5">{"".join(rows)}</ol>'


def points(result, reference) -> float:
    """How much more probable `result` finds the reference's first choice than the reference does, in percentage points."""
    return 100 * float(result.probabilities[reference.top1] - reference.probabilities[reference.top1])


def _foot(setting: Setting, result) -> str:
    reference, lang = setting.held_against, setting.language
    space = "" if lang == "zh" else " "
    call = text(lang, "call", ms=result.latency_ms)
    if setting.device and setting.device != result.device:
        call += space + text(lang, "fell_back")
    if reference is None:
        return call
    if result.name == reference.name:
        return f"{call}{space}{text(lang, 'is_reference')}"
    key = "same_as_reference" if result.top1 == reference.top1 else "differs_from_reference"
    names = {"prediction": class_name(lang, result.prediction), "other": class_name(lang, reference.prediction)}
    difference = f"{round(points(result, reference), 1) + 0.0:+.1f}".replace("-", "−")  # + 0.0: never minus nothing
    return f"{call}{space}{text(lang, key, points=difference, **names)}"


def _to_sort(result, reference) -> str:
    """What compare.js sorts the cards by. The reference leads the disagreement with itself; another first choice is more
    disagreement than any difference in the same one."""
    found = {"confidence": float(result.probabilities[result.top1]), "latency": result.latency_ms}
    if reference is not None and result.name != reference.name:
        found["disagreement"] = abs(points(result, reference)) + 100 * (result.top1 != reference.top1)
    elif reference is not None:
        found["disagreement"] = 1000
    return "".join(f' data-{key}="{value:.4f}"' for key, value in found.items())


def card(setting: Setting, result, measured: Measured, means: dict | None = None, other=None) -> str:
    """One finished card.

    `means` are the mean channel weights of the class that the model chose, by the module's path: class_means.of_class.
    `other` is the reference's class activation map (h, w) of the class that is explained here.
    """
    reference, lang = setting.held_against, setting.language
    body = (
        _heading(setting, result.name, measured)
        + picture(setting, result, means or {}, other)
        + top5(lang, result, reference.top1 if reference else None, result.asked, setting.live)
        + f'<p class="foot">{escape(_foot(setting, result))}</p>'
    )
    differs = reference is not None and result.top1 != reference.top1
    return _article(result.name, "done differs" if differs else "done", body, _to_sort(result, reference))


def notice(sentence: str) -> str:
    return f'<p class="notice" role="status">{escape(sentence)}</p>'
