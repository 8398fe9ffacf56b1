"""Who asks for more at the moment at which the stream of results ends gets it all the same: attention/web/static/stream.js. And nobody is answered twice."""

from attention.core.paths import ROOT

WHOLE = """run => { const board = document.querySelector('#results .cards');
  return board && 'complete' in board.dataset && board.dataset.run !== run; }"""

# Keeps the word that ends a stream on its way for so long that whatever is asked for meanwhile falls into the gap.
SLOW_END = """
const now = window.fetch;
window.ending = 0;
window.fetch = async (...request) => {
  const answer = await now(...request);
  if (!String(request[0]?.url ?? request[0]).includes("/queue/data")) return answer;
  const slow = new TransformStream({async transform(chunk, stream) {
    if (new TextDecoder().decode(chunk).includes("close_stream")) {
      window.ending += 1;
      await new Promise((done) => setTimeout(done, 2000));
      window.ending -= 1;
    }
    stream.enqueue(chunk);
  }});
  return new Response(answer.body.pipeThrough(slow), {status: answer.status, headers: answer.headers});
};
"""


def test_a_request_at_the_end_of_a_stream_is_answered(visit):
    page = visit().page
    page.add_init_script(SLOW_END)
    page.reload()
    page.wait_for_selector("#samples img")
    page.wait_for_function("window.ending === 0")
    page.locator("#models input[name=baseline]").uncheck()  # without a photo: over at once
    page.wait_for_function("window.ending === 1")
    page.locator("#samples .thumbnail-item", has_text="church").first.click()
    page.wait_for_selector("#results .cards[data-complete]")
    page.wait_for_function("window.ending === 0")  # and what is asked for later
    page.locator("#samples .thumbnail-item", has_text="golf").first.click()
    page.wait_for_function(
        "document.querySelector('#results .says-all, #results .summary').textContent.includes('golf')"
    )


def test_a_photo_in_place_of_another_is_compared_once(visit_slow, slow_server):
    """In the browser it changes twice; pressing Compare asks again all the same."""
    page, ran = visit_slow().page, slow_server[1] / "ran"
    ran.write_text("")
    count = 0
    for photo, presses in (("church", 0), ("gas-pump", 0), ("church", 1)):
        run = page.evaluate("document.querySelector('#results .cards')?.dataset.run")
        page.set_input_files("#photo input[type=file]", str(ROOT / "samples" / f"{photo}.jpg"))
        page.wait_for_function(WHOLE, arg=run)
        for _ in range(presses):
            run = page.evaluate("document.querySelector('#results .cards').dataset.run")
            page.locator("#go").click()
            page.wait_for_function(WHOLE, arg=run)
        page.wait_for_timeout(1500)  # for a second answer, were there one
        count += (1 + presses) * page.locator("#results .card.done").count()
        assert len(ran.read_text().splitlines()) == count
