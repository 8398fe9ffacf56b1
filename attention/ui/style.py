"""page.css and page.js as text, for the page and for what leaves it. No gradio here."""

from pathlib import Path

from attention.figures import PLACEMENT_COLOURS

HERE = Path(__file__).resolve().parent

_PLACEMENTS = "\n".join(
    f'[data-placement="{name}"],#models-{name}{{--placement:{colour}}}' for name, colour in PLACEMENT_COLOURS.items()
)

CSS = _PLACEMENTS + "\n" + (HERE / "page.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")
