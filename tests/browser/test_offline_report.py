"""A report opened from the disk with the network off: it is drawn, switched and sorted without a word in the console."""

import pytest
from playwright.sync_api import expect

from attention.core.paths import ROOT
from attention.inference.compare import Models
from attention.pictures.reading import read_image
from attention.web import report


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    pictures = [("church", read_image(ROOT / "samples" / "church.jpg"))]
    report.write(pictures, Models("imagenette", "cpu"), ["baseline", "cbam-block", "attention-pool-head"], path)
    return path


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_it_works_offline(chromium, file, scheme, width):
    context = chromium.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator("#accuracy-latency .main-svg").first).to_be_visible()
    page.get_by_role("button", name="Class activation").first.click()
    expect(page.locator("#results")).to_have_attribute("data-map", "activation")
    expect(page.locator("#map-choice button[aria-pressed=true]")).to_have_text("Class activation")
    page.locator("#results .pic").first.click()
    expect(page.locator("#results")).to_have_attribute("data-map", "photo")
    page.locator("table.figures thead button", has_text="p50").click()
    expect(page.locator("table.figures th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    assert page.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "only tables scroll sideways"
    assert said == [] and [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
