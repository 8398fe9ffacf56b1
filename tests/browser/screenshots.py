"""The pictures of README: `make screenshots` drives a real Chromium over the page and writes docs/screenshots/*.png.

Nothing but the committed samples is shown: no photograph of a data set, and none that came with a library.
"""

import io
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a script, from anywhere

from conftest import CHROMIUM, FLAGS, serving  # noqa: E402

from attention.core.paths import ROOT  # noqa: E402
from attention.pictures.datasets import DATASETS  # noqa: E402
from attention.pictures.samples import shown_with  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
SAMPLES = [sample.path for sample in shown_with(DATASETS["everyday"])]
MAX_BYTES = 300_000
OWN_ONLY = """own => document.querySelectorAll("#samples .thumbnail-item").forEach((item, index) => {
    if (index >= own) item.style.visibility = "hidden";
})"""


@contextmanager
def visit(browser, address: str, width: int = 1360, height: int = 900, **how):
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **how)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_selector("#page-loaded", state="attached")
    yield page
    context.close()


def save(page: Page, name: str) -> None:
    """A PNG; of 256 colours where it would be large otherwise, so that a clone of the repository stays small."""
    page.evaluate(OWN_ONLY, len(SAMPLES))
    page.wait_for_timeout(1500)
    picture, file = Image.open(io.BytesIO(page.screenshot())).convert("RGB"), OUT / f"{name}.png"
    OUT.mkdir(parents=True, exist_ok=True)
    picture.save(file, optimize=True)
    if file.stat().st_size > MAX_BYTES:
        picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4).save(file, optimize=True)
    assert file.stat().st_size < MAX_BYTES, f"{file.name} has {file.stat().st_size} bytes"
    print(f"{file.name}: {file.stat().st_size // 1000} kB")


def scroll_to(page: Page, selector: str, above: int = 16) -> None:
    page.locator(selector).first.evaluate(
        "(e, above) => scrollTo(0, e.getBoundingClientRect().top + scrollY - above)", above
    )


def compare(page: Page, sample: str = "school-bus") -> None:
    page.set_input_files("#photo input[type=file]", str(ROOT / "samples" / f"{sample}.jpg"))
    page.wait_for_selector("#results .cards[data-complete]")


def open_tab(page: Page, name: str, until: str) -> None:
    page.locator(f"#page-{name}-button").click()
    page.wait_for_selector(until)


def take_all(browser, address: str) -> None:
    with visit(browser, address) as page:
        compare(page)
        save(page, "compare")
        open_tab(page, "examine", "#attention-answer .shot")
        save(page, "look-closer")
        open_tab(page, "many", "#many-files")
        page.set_input_files("#many-files input[type=file]", [str(path) for path in SAMPLES])
        page.locator("#many-go").click()
        page.wait_for_selector("#many-csv")
        page.evaluate("scrollTo(0, 0)")
        save(page, "many-photos")
        open_tab(page, "benchmarks", "#accuracy-table table.matrix")
        scroll_to(page, "#accuracy-table h2:has(~ * table.matrix), #accuracy-table table.matrix", 120)
        save(page, "benchmarks")
        page.evaluate("scrollTo(0, 0)")
        if page.locator("#page-learn-button").count():
            open_tab(page, "learn", "#page-learn")
            save(page, "learn")
    with visit(browser, address, color_scheme="dark", locale="zh-CN") as page:
        compare(page)
        page.locator("#map-choice input[value=activation]").click()
        save(page, "compare-dark-chinese")
    with visit(browser, address) as page:
        compare(page)
        page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject() }")
        page.keyboard.press("p")
        page.wait_for_selector("#present .number")
        page.keyboard.press("End")
        page.keyboard.press("Home")
        save(page, "present")
    with visit(browser, address, width=390, height=844) as page:
        compare(page)
        scroll_to(page, "#results [data-model=self-attention-stage]")
        save(page, "phone")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), "app.py", "--device", "cpu", "--port") as address,
    ):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take_all(browser, address)
            browser.close()


if __name__ == "__main__":
    main()
