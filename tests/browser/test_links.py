"""Links in a real Chromium: the address follows the page, brings it back, and never holds an upload."""

from urllib.parse import parse_qs, urlsplit

from attention.core.paths import ROOT
from attention.web.texts import text

CHURCH = str(ROOT / "samples" / "church.jpg")
DONE = (
    "names => names.join() === [...document.querySelectorAll('#results .card.done')].map(c => c.dataset.model).join()"
)


def opened(page, address: str):
    page.goto(address)
    page.wait_for_selector("#page-loaded", state="attached")
    return page


def says(page, key: str) -> None:
    page.wait_for_function("words => document.querySelector('#lead .said').innerText === words", arg=text("en", key))


def parameters(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_link_restores_what_it_names(visit, server):
    tab = visit()
    link = "?dataset=imagewoof&models=baseline,se-block&sample=lion&map=activation&reference=se-block&lang=zh&utm=1"
    page = opened(tab.page, f"{server}/{link}")
    page.wait_for_function(DONE, arg=["baseline", "se-block"])
    assert page.locator("#map-choice input:checked").get_attribute("value") == "activation"
    assert page.locator("#compare-dataset input:checked").get_attribute("value") == "imagewoof"
    assert page.locator("#results").get_attribute("data-map") == "activation"
    page.get_by_role("heading", name="注意力实验室").wait_for()
    page.wait_for_timeout(1000)
    assert page.url == f"{server}/{link}", "what a link says is what the page would say"


def test_the_address_follows_the_page_and_opens_it_again(visit, server):
    page = visit().page
    page.locator("#models input[name=baseline]").uncheck()
    page.locator("#samples .thumbnail-item", has_text="church").first.click()
    page.wait_for_selector("#results .card.done")
    page.get_by_role("tab", name="Benchmarks").click()
    page.wait_for_function("location.search.includes('tab=benchmarks') && location.search.includes('sample=church')")
    found = parameters(page)
    assert set(found) == {"tab", "models", "sample"} and "baseline" not in found["models"].split(",")
    again = opened(page, page.url)
    assert again.get_by_role("tab", name="Benchmarks").get_attribute("aria-selected") == "true"
    again.get_by_role("tab", name="Compare").click()
    again.wait_for_function(DONE, arg=found["models"].split(","))


def test_an_upload_is_never_part_of_a_link_and_the_page_says_so(visit, server):
    page = visit().page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_input_files("#photo input[type=file]", CHURCH)
    page.wait_for_selector("#results .card.done")
    page.locator("#copy-link").click()
    says(page, "link_without_photo")
    assert page.evaluate("navigator.clipboard.readText()") == f"{server}/"
    page.locator("#samples .thumbnail-item", has_text="gas pump").first.click()
    page.wait_for_function("location.search.includes('sample=')")
    page.locator("#copy-link").click()
    says(page, "link_copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.set_input_files("#photo input[type=file]", CHURCH) if page.locator("#photo input[type=file]").count() else (
        page.get_by_label("Clear").first.click()
    )
    page.wait_for_function("!location.search.includes('sample=')")


def test_what_cannot_be_followed_is_said_once_and_the_rest_is_there(visit, server):
    page = opened(visit().page, f"{server}/?tab=nowhere&models=baseline,nobody&sample=church&class=unicorn")
    toast = page.locator(".toast-body")
    toast.first.wait_for()
    assert toast.count() == 1
    assert "models=nobody" in toast.inner_text() and "tab=nowhere" in toast.inner_text()
    page.wait_for_function(DONE, arg=["baseline"])


def test_an_address_is_shown_as_text(visit, server):
    page = opened(visit().page, f"{server}/?tab=<img src=x onerror=alert(1)>")
    page.locator(".toast-body").wait_for()
    assert "tab=<img src=x onerror=alert(1)>" in page.locator(".toast-body").inner_text()
    assert page.locator(".toast-body img").count() == 0
