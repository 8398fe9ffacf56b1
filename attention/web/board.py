"""The result area of the Compare tab as HTML: what all models say, the colour scale, and the cards in order. No gradio here."""

from html import escape

from attention.inference import out_of_distribution
from attention.maps.overlay import DIFFERENCE_SCALE, SCALE_NAME
from attention.models.variants import variant as variant_of
from attention.pictures.datasets import Dataset
from attention.web.card_pictures import DIFFERENCE_TOP, Setting
from attention.web.charts.figures import ramp
from attention.web.texts import class_name, text, title

NAMED = 3  # models that the summary names one by one; more are counted


def summary(lang: str, results: list) -> str:
    """Who agrees and who differs, in one sentence."""
    groups: dict[str, list[str]] = {}
    for result in results:
        groups.setdefault(result.prediction, []).append(title(lang, variant_of(result.name)))
    if len(results) == 1:
        only = results[0]
        name = title(lang, variant_of(only.name))
        return text(lang, "only", name=name, prediction=class_name(lang, only.prediction))
    if len(groups) == 1:
        return text(lang, "agree", count=len(results), prediction=class_name(lang, results[0].prediction))
    between, semicolon = ("、", "；") if lang == "zh" else ("; ", ", ")  # English names hold commas
    says = []
    for prediction, names in sorted(groups.items(), key=lambda item: -len(item[1])):
        who = between.join(names) if len(names) <= NAMED else text(lang, "several", count=len(names))
        says.append(text(lang, "says", names=who, prediction=class_name(lang, prediction)))
    return text(lang, "differ", groups=semicolon.join(says))


def none_of_these(lang: str, dataset: Dataset) -> tuple[str, str]:
    """What is said of a picture that probably shows no class of the data set: a line, and how the page can tell."""
    count, noticed = len(dataset.class_names), out_of_distribution.noticed(dataset.name)
    long = text(lang, "foreign", count=count)
    if noticed is not None:
        long += ("" if lang == "zh" else " ") + text(lang, "foreign_misses", noticed=round(100 * noticed))
    return text(lang, "foreign_short", count=count), long


def head(setting: Setting, says: str, foreign: tuple[str, str] | None) -> str:
    """What the models say together, after `none_of_these` where that is so: in a room that is kept from the beginning."""
    aside = ""
    if foreign:
        none, long = foreign
        says, short = none + ("" if setting.language == "zh" else " ") + says, text(setting.language, "foreign_how")
        state = "" if setting.live else " open"
        aside = f"<details{state}><summary>{escape(short)}</summary><p>{escape(long)}</p></details>"
    summed_up = f'<p class="summary" aria-live="polite">{escape(says) or "&nbsp;"}</p>'
    return f'<div class="says-all">{summed_up}<div class="aside">{aside}</div></div>'


def legend(setting: Setting, picked: str | None) -> str:
    """The colour scale, once for all cards: a line a kind of map, of which the page shows that of the maps it shows.

    `picked` is the class that every card explains, None where each explains its own first choice.
    """
    lang = setting.language
    activation = text(lang, "legend_activation")
    own = ""
    if picked is not None:
        activation = text(lang, "legend_picked", name=class_name(lang, picked))
        own = own_choice(lang) if setting.live else ""
    low, high = text(lang, "legend_low"), text(lang, "legend_high")
    ends = f"−{DIFFERENCE_TOP:g}", f"+{DIFFERENCE_TOP:g}"
    lines = (
        _line("attention", SCALE_NAME, (low, high), text(lang, "legend_attention")),
        _line("activation", SCALE_NAME, (low, high), activation, own),
        _line("difference", DIFFERENCE_SCALE, ends, text(lang, "legend_difference"), own),
    )
    return f'<div class="legend kinds">{"".join(lines)}</div>'


def _line(kind: str, scale_name: str, ends: tuple[str, str], says: str, after: str = "") -> str:
    low, high = map(escape, ends)
    colours = f'<span class="ramp" style="background:linear-gradient(90deg,{ramp(scale_name)})"></span>'
    scale = f'<span class="scale"><span>{low}</span>{colours}<span>{high}</span></span>'
    return f'<div class="{kind}">{scale}<span class="of">{escape(says)}</span>{after}</div>'


def own_choice(lang: str) -> str:
    """The button that lets every card explain its own first choice again."""
    return f'<button type="button" class="own" data-class="">{escape(text(lang, "own_choice"))}</button>'


def unknown_class(lang: str, picked: str) -> str:
    """In place of the map of a class that these models do not have."""
    said = escape(text(lang, "class_unknown", name=class_name(lang, picked)))
    return f'<div class="notice" role="status">{said} {own_choice(lang)}</div>'


def board(lang: str, cards: list[str], above: str, dataset_title: str, run: str, complete: bool) -> str:
    """The whole result area: what stands `above`, and the cards in order.

    `run` names the comparison; only the cards of a `complete` one are sorted.
    """
    words = {
        "run": run,
        "title": text(lang, "title"),  # this and the next two are for figure.js
        "footer": text(lang, "figure_footer", dataset=dataset_title),
        "saved": text(lang, "picture_saved"),
    }
    data = "".join(f' data-{key}="{escape(value)}"' for key, value in words.items())
    return f'{above}<div class="cards"{data}{" data-complete" if complete else ""}>{"".join(cards)}</div>'


def empty(lang: str) -> str:
    return (
        f'<div class="empty" data-nothing="{escape(text(lang, "nothing_to_save"))}">{escape(text(lang, "empty"))}</div>'
    )


def loading(lang: str, dataset_title: str) -> str:
    """While the models of another data set are being loaded."""
    return f'<div class="empty" role="status">{escape(text(lang, "loading", dataset=dataset_title))}</div>'
