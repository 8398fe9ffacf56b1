"""Templates: what they print is text, and the layout of their source prints nothing."""

import pytest
from jinja2 import UndefinedError

from attention.web import render as module
from attention.web.cards import Bar
from attention.web.render import FOLDER, notice, render


def test_what_a_template_prints_is_escaped():
    assert notice('<script> & "quotes"') == '<p class="notice" role="status">&lt;script&gt; &amp; &#34;quotes&#34;</p>'
    html = render("top5.html", "en", bars=(Bar("<i>", "<b>", 0.5, True, True),), live=True)
    assert "<b>" not in html and 'data-class="&lt;i&gt;" aria-pressed="true"' in html and 'class="marked"' in html


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("<p>\n  <b>\n  a\n  b</b>\n</p>\n", "<p><b> a b</b></p>"),
        ("{# what it is #}\n<p>{{ 1 }}\n  {{ 2 }}</p>", "<p>12</p>"),
    ],
)
def test_line_breaks_print_nothing_before_a_tag_and_a_space_elsewhere(source, printed):
    assert module._environment().from_string(source).render() == printed


def test_a_value_that_is_missing_is_an_error_not_a_blank():
    with pytest.raises(UndefinedError):
        render("notice.html", "en")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.html")), ids=lambda path: path.stem)
def test_a_template_says_first_what_it_draws(path):
    assert path.read_text(encoding="utf-8").startswith("{# ")
