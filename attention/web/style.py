"""The style sheets and scripts of static/ as text, for the page and the report. No gradio here."""

from pathlib import Path

from attention.web.charts.figures import PLACEMENT_COLOURS

HERE = Path(__file__).resolve().parent / "static"

_PLACEMENTS = "\n".join(
    f'[data-placement="{name}"],#models-{name}{{--placement:{colour}}}' for name, colour in PLACEMENT_COLOURS.items()
)


def _files(suffix: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(HERE.glob(f"*.{suffix}")) if path.stem != "report"]


CSS = "\n".join([_PLACEMENTS, *_files("css")])
REPORT_CSS = (HERE / "report.css").read_text(encoding="utf-8")
SCRIPT = "\n".join(f"{{\n{script}}}" for script in _files("js"))  # each in a block, so that none sees another's names
