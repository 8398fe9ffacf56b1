"""Which language a visitor gets, and the document that says so."""

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from attention.web.header import header
from attention.web.language import MIDDLEWARE, Page, language, language_of_event, language_of_sender

pytestmark = pytest.mark.served

DOCUMENT = '<!doctype html>\n<html\n\tlang="en"\n>\n<head>\n<meta></head><body lang="en">注意</body></html>'


def asked(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "query_string": query.encode(), "headers": [h for h in headers if h[1]]})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (None, "en"),
        (asked(), "en"),
        (asked(accept="zh-CN,en;q=0.8"), "zh"),
        (asked(cookie="attention_lang=en", accept="zh-CN"), "en"),
        (asked(cookie="attention_lang=zh", accept="en"), "zh"),
        (asked("lang=zh-CN", "attention_lang=en", "en"), "zh"),
        (asked("lang=EN", "attention_lang=zh", "zh"), "en"),
        (asked("lang=tlh", "attention_lang=zh", "en"), "zh"),
        (asked("lang=", "attention_lang=../etc", "zh"), "zh"),
        (asked("tab=about&lang=zh&lang=en"), "en"),
    ],
)
def test_the_address_wins_over_the_cookie_and_that_over_the_browser(request_, expected):
    assert language(request_) == expected


@pytest.mark.parametrize(
    ("referer", "expected"),
    [("http://a.example/?lang=zh", "zh"), ("http://a.example/?tab=many&lang=zh-CN#x", "zh"), ("http://a.example/", "en"),
     ("", "en"), ("http://[?lang=tlh", "en"), ("?lang=", "en"), ("?" + "a=1&" * 900, "en")],
)  # fmt: skip
def test_what_the_pages_scripts_send_is_answered_in_the_language_of_its_address(referer, expected):
    headers = [(b"referer", referer.encode()), (b"accept-language", b"en")]
    assert language_of_sender({"type": "http", "query_string": b"", "headers": headers}) == expected


@pytest.fixture
def served():
    """A page and something else, behind the middleware."""
    routes = [
        Route("/", lambda request: HTMLResponse(DOCUMENT)),
        Route("/data", lambda request: JSONResponse('lang="en"<head>')),
    ]
    return TestClient(Starlette(routes=routes, middleware=MIDDLEWARE))


@pytest.mark.parametrize(("query", "tag"), [("?lang=zh", "zh-CN"), ("", "en")])
def test_the_document_says_its_language_before_any_script_runs(served, query, tag):
    answer = served.get(f"/{query}")
    assert (
        f'<html\n\tlang="{tag}"' in answer.text
        and f'<head><script>Object.defineProperty(navigator, "language", {{get: () => "{tag}"}})' in answer.text
    )
    assert '<body lang="en">注意</body>' in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "Cookie" in answer.headers["vary"]


def test_nothing_but_the_document_is_touched(served):
    assert served.get("/data?lang=zh").json() == 'lang="en"<head>'
    assert served.get("/nowhere?lang=zh").status_code == 404


def test_the_header_says_everything_in_both_languages():
    shown = header("a <processor>, cpu")
    assert shown.count("a &lt;processor&gt;, cpu") == 2 and "Attention Lab" in shown and "注意力实验室" in shown
    assert 'href="?lang=zh" hreflang="zh-CN"' in shown and 'href="?lang=en" hreflang="en"' in shown


def test_what_reads_an_events_inputs_knows_the_language_of_who_sent_them(in_a_thread):
    heard = []

    class Ear(gr.Textbox):
        def preprocess(self, payload):
            heard.append(language_of_event())
            return payload

        def get_block_name(self):
            return "textbox"

    async def ask():  # gradio leaves a loop open where it finds none
        with Page() as page:
            box = Ear()
            box.submit(lambda words: words, box, box)
        for request in (gr.Request(asked("lang=zh")), None):
            await page.process_api(page.fns[0], ["x"], request=request)

    in_a_thread(ask())
    assert heard == ["zh", "en"]
