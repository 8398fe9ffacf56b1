"""The report on a comparison as one file to download. The picture of the cards is drawn by figure.js."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from attention.core.files import WriteError
from attention.inference.compare import Models
from attention.models.checkpoints import CheckpointError
from attention.models.variants import UnknownVariant
from attention.web import report
from attention.web.render import notice
from attention.web.texts import text

FILE_NAME = "attention-lab.html"


def report_stream(
    upload, names: list[str], models: Models, lang: str, pinned: str = "", picked: str = ""
) -> Iterator[tuple[str, str | None]]:
    """Yields (what to say as HTML, the report's file or None): first a sentence, then the file, which is
    deleted at the next step."""
    if upload is None or not names:
        yield notice(text(lang, "no_models" if upload else "nothing_to_save")), None
        return
    yield _said(text(lang, "report_working")), None
    try:
        with TemporaryDirectory(prefix="attention-report-") as folder:
            file = Path(folder) / FILE_NAME
            report.write([(text(lang, "photo"), upload)], models, names, file, lang, pinned=pinned, picked=picked)
            size = file.stat().st_size / 1e6
            yield _said(text(lang, "report_saved", file=FILE_NAME, size=size), ready=True), str(file)
    except (CheckpointError, UnknownVariant) as error:
        yield notice(str(error)), None
    except (WriteError, OSError):
        yield notice(text(lang, "no_place")), None


def _said(sentence: str, ready: bool = False) -> str:
    """`ready` tells the page's script that there is a file to fetch."""
    return f'<p class="read" role="status"{" data-ready" if ready else ""}>{escape(sentence)}</p>'
